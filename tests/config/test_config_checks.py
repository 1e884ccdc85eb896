"""What values the config refuses, alone and together, and in which words."""

import pytest
from base_config import BASE, assert_refuses, config_with

from t2t_jax import config_values
from t2t_jax.config import flatten, from_mapping
from t2t_jax.errors import UsageError

CHOICES = {
  'model.norm_position': 'post, pre',
  'model.activation': 'relu, gelu, swish',
  'model.positions': 'sinusoidal, learned, relative',
  'model.attention_impl': 'auto, reference, xla, cudnn',
  'model.compute_dtype': 'float32, bfloat16',
  'model.param_dtype': 'float32, bfloat16',
  'model.remat': 'none, dots, full',
  'data.kind': 'generated, text, tfds, trees, inflection',
  'vocabulary.kind': 'bpe, unigram, segmented',
  'vocabulary.target_kind': (
    'same, bpe, unigram, segmented, trees, tagged_trees'
  ),
  'vocabulary.normalization': 'identity, nmt_nfkc, nfkc, nmt_nfkc_cf, nfkc_cf',
  'optimizer.schedule': 'inverse_sqrt, cosine, constant',
  'evaluation.metric': 'bleu, exact_match, error_rate, bracket_f1',
  'evaluation.best_metric': (
    'nll, accuracy, bleu, exact_match, error_rate, bracket_f1'
  ),
  'evaluation.bleu_tokenize': (
    '13a, none, intl, char, zh, ja-mecab, ko-mecab, flores200, spm'
  ),
  'decoding.method': 'beam, sampling',
  'decoding.mbr': 'none, chrf, bleu',
  'decoding.stopping': 'exact, likely',
  'decoding.weights_dtype': 'compute_dtype, bfloat16',
}

APART = {'vocabulary__joint': False, 'model__tie_source_target': False}
NO_TARGETS = dict.fromkeys(
  ('data__train_target', 'data__dev_target', 'data__test_target'), ()
)
# What else must be so for a choice.
NEEDS = {
  ('data.kind', 'inflection'): NO_TARGETS,
  ('data.kind', 'trees'): {
    **NO_TARGETS,
    **APART,
    'vocabulary__target_kind': 'trees',
  },
  **{
    ('vocabulary.target_kind', kind): APART
    for kind in ('bpe', 'unigram', 'segmented', 'trees', 'tagged_trees')
  },
  **{
    (key, metric): {
      'evaluation__metric': metric,
      'evaluation__best_metric': metric,
    }
    for key in ('evaluation.metric', 'evaluation.best_metric')
    for metric in ('exact_match', 'error_rate', 'bracket_f1')
  },
}


@pytest.mark.parametrize('key', CHOICES)
def test_choice_that_does_not_exist_lists_those_that_do(key):
  assert_refuses(
    f"config.{key}: expected one of {CHOICES[key]}, found 'QQQ'.",
    **{key.replace('.', '__'): 'QQQ'},
  )


@pytest.mark.parametrize(
  ('report', 'found'),
  [
    ('', 'none'),
    ('bleu,tr', "'tr'. Did you mean 'ter'?"),
    ('bracket_f1', "'bracket_f1'."),
  ],
)
def test_a_report_is_of_metrics_of_text(report, found):
  assert_refuses(
    'config.evaluation.report: expected some of bleu, multi_bleu, '
    f'bleu_compounds, chrf, chrf++, ter, found {found}',
    evaluation__report=report,
  )


def test_only_translations_that_bleu_judges_have_a_report():
  other = {
    'evaluation__metric': 'exact_match',
    'evaluation__best_metric': 'nll',
  }
  assert config_with(**other).evaluation.reported == ('exact_match',)
  chosen = config_with(evaluation__report='ter, bleu').evaluation
  assert chosen.reported == ('ter', 'bleu')


@pytest.mark.parametrize('key', CHOICES)
def test_every_choice_passes(key):
  for choice in CHOICES[key].split(', '):
    if choice == 'accuracy':  # of labels: see test_config_task.py
      continue
    changes = {
      'data__tfds_name': 'x/de-en',
      'model__compute_dtype': 'bfloat16',  # which cudnn needs
      'decoding__num_samples': 2,  # which mbr needs
      key.replace('.', '__'): choice,
      **NEEDS.get((key, choice), {}),
    }
    assert flatten(config_with(**changes))[key] == choice


def test_nearest_choice_is_suggested():
  assert_refuses(
    "config.model.activation: expected one of relu, gelu, swish, found 'rellu'."
    " Did you mean 'relu'?",
    model__activation='rellu',
  )


BOUNDS = {
  'model.d_model': 1,
  'model.d_ff': 1,
  'model.d_k': 1,
  'model.d_v': 1,
  'model.num_heads': 1,
  'model.num_encoder_layers': 0,
  'model.num_decoder_layers': 0,
  'model.max_positions': 1,
  'model.max_relative_distance': 1,
  'model.vocab_row_multiple': 1,
  'data.generated_train_pairs': 1,
  'data.generated_dev_pairs': 1,
  'data.generated_test_pairs': 1,
  'data.max_tokens': 2,
  'data.max_length_ratio': 1,
  'data.workers': 0,
  'vocabulary.size': 8,
  'vocabulary.target_size': 8,
  'vocabulary.training_sentences': 1,
  'vocabulary.samplings': 1,
  'training.steps': 1,
  'training.global_batch_tokens': 1,
  'training.microbatch_tokens': 1,
  'training.device_memory_gib': 0,
  'training.max_shapes': 1,
  'training.length_multiple': 1,
  'training.loss_chunk': 0,
  'training.seed': 0,
  'optimizer.warmup_steps': 1,
  'optimizer.weight_decay': 0,
  'optimizer.final_learning_rate': 0,
  'optimizer.clip_norm': 0,
  'checkpoint.keep_last': 1,
  'checkpoint.average_last': 1,
  'evaluation.bleu_beam_size': 1,
  'evaluation.bleu_sentences': 0,
  'evaluation.patience': 0,
  'decoding.beam_size': 1,
  'decoding.max_decode_length_offset': 1,
  'decoding.batch_tokens': 1,
  'decoding.length_penalty_alpha': 0,
  'decoding.min_length': 0,
  'decoding.no_repeat_ngram': 0,
  'decoding.num_samples': 1,
  'decoding.top_k': 0,
  'decoding.seed': 0,
  'logging.every_steps': 1,
}


@pytest.mark.parametrize('key', BOUNDS)
def test_number_below_its_bound_is_refused(key):
  bound = BOUNDS[key]
  value = type(flatten(from_mapping(BASE))[key])(bound - 1)
  assert_refuses(
    f'config.{key}: expected at least {bound}, found {value}',
    **{key.replace('.', '__'): value},
  )


RATES = (
  'data.min_script_share',
  'vocabulary.sampling_rate',
  'model.dropout_rate',
  'model.attention_dropout_rate',
  'model.activation_dropout_rate',
  'training.label_smoothing',
  'training.ema_decay',
  'optimizer.beta1',
  'optimizer.beta2',
)


@pytest.mark.parametrize('key', RATES)
@pytest.mark.parametrize('value', [-0.1, 1.0])
def test_rate_outside_0_to_1_is_refused(key, value):
  assert_refuses(
    f'config.{key}: expected a rate in [0, 1), found {value}',
    **{key.replace('.', '__'): value},
  )


def test_every_choice_bound_and_rate_of_the_config_is_tested_here():
  """Written out a second time, so that none changes unseen."""
  choices = {
    key: ', '.join(value) for key, value in config_values._CHOICES.items()
  }
  assert choices == CHOICES
  bounds = {
    f'{section}.{name}': bound
    for section, names in config_values._AT_LEAST.items()
    for name, bound in names.items()
  }
  assert bounds == BOUNDS
  assert config_values._RATES == RATES


def test_sinusoids_want_an_even_width():
  assert_refuses(
    'config.model.d_model: sinusoidal positions come in pairs, expected an '
    'even number, found 511',
    model__d_model=511,
  )
  assert config_with(model__d_model=511, model__positions='learned')


def test_layer_norm_epsilon_is_above_0():
  assert_refuses(
    'config.model.layer_norm_epsilon: expected a number above 0, found 0.0',
    model__layer_norm_epsilon=0.0,
  )


@pytest.mark.parametrize('section', ['checkpoint', 'evaluation'])
@pytest.mark.parametrize(
  'steps, epochs', [(0, 0.0), (10, 1.0), (-1, 1.0), (10, -1.0)]
)
def test_cadence_is_in_steps_or_in_epochs(section, steps, epochs):
  assert_refuses(
    f'config.{section}: expected one of every_steps and every_epochs above 0 '
    f'and the other 0, found {steps} and {epochs}',
    **{f'{section}__every_steps': steps, f'{section}__every_epochs': epochs},
  )


def test_cadence_in_epochs_passes():
  config = config_with(checkpoint__every_steps=0, checkpoint__every_epochs=0.5)
  assert config.checkpoint.every_epochs == 0.5


def test_peak_learning_rate_is_above_0():
  assert_refuses(
    'config.optimizer.peak_learning_rate: expected a number above 0, found 0.0',
    optimizer__peak_learning_rate=0.0,
  )


def test_cosine_ends_after_its_warmup():
  assert_refuses(
    'config.optimizer.warmup_steps: expected fewer than the 4000 '
    'training.steps, found 4000',
    optimizer__schedule='cosine',
    training__steps=4000,
  )
  assert config_with(training__steps=4000)


def test_a_batch_holds_the_longest_pair():
  assert_refuses(
    'config.training.global_batch_tokens: expected room for one pair of '
    'data.max_tokens = 256, found 255',
    training__global_batch_tokens=255,
  )


def test_the_longest_side_has_positions():
  assert_refuses(
    'config.data.max_tokens: expected at most model.max_positions = 255, '
    'found 256',
    model__max_positions=255,
  )


def test_best_metric_is_that_of_decoding_or_nll():
  assert_refuses(
    "config.evaluation.best_metric: expected 'nll' or evaluation.metric = "
    "'exact_match', found 'bleu'",
    evaluation__metric='exact_match',
  )


def test_kinds_of_files_with_both_sides_take_no_targets():
  assert_refuses(
    'config.data.train_target: a file of inflection holds both sides, expected '
    'none, found train.de',
    data__kind='inflection',
    data__train_target=('train.de',),
  )
  assert_refuses(
    'config.data.dev_source: expected at least one file of sentences, found '
    'none',
    data__kind='inflection',
    data__dev_source=(),
    **NO_TARGETS,
  )


def test_a_joint_vocabulary_has_one_kind():
  assert_refuses(
    'config.vocabulary.target_kind: a joint vocabulary has one kind, expected '
    "'same', found 'segmented'",
    vocabulary__target_kind='segmented',
  )


def test_trees_need_a_vocabulary_of_brackets():
  assert_refuses(
    "config.vocabulary.target_kind: data.kind = 'trees' needs 'trees' or "
    "'tagged_trees', with vocabulary.joint = False; found 'same'",
    data__kind='trees',
    **NO_TARGETS,
    **APART,
  )


def test_best_metric_bleu_needs_bleu():
  assert_refuses(
    "config.evaluation.best_metric: 'bleu' needs evaluation.bleu = True, found "
    "False; set best_metric to 'nll' or bleu to True",
    evaluation__bleu=False,
  )
  assert config_with(evaluation__bleu=False, evaluation__best_metric='nll')


@pytest.mark.parametrize('split', ['train', 'dev', 'test'])
def test_each_source_file_has_a_target_file(split):
  assert_refuses(
    f'config.data.{split}_target: expected one file for each of the 2 in '
    f'data.{split}_source, found 1',
    **{
      f'data__{split}_source': 'a.en,b.en',
      f'data__{split}_target': 'a.de',
    },
  )


@pytest.mark.parametrize('split', ['train', 'dev'])
def test_text_needs_files(split):
  assert_refuses(
    f'config.data.{split}_source: expected at least one file of sentences, '
    'found none',
    **{f'data__{split}_source': (), f'data__{split}_target': ()},
  )


@pytest.mark.parametrize(
  'weights', [(1.0, 2.0), (1.0, 0.0, 1.0), (1.0, 1001.0, 1.0)]
)
def test_each_training_corpus_has_a_weight_or_none_has(weights):
  assert_refuses(
    'config.data.train_weights: expected a number above 0, at most '
    '1000, for each of the 3 training corpora, or none at all, found '
    f'{weights}',
    data__train_weights=weights,
  )


@pytest.mark.parametrize(
  'address', ['europarl.tgz', 'ftp://a.org/b', 'https://a.org/', 'https://a']
)
def test_downloads_are_addresses(address):
  assert_refuses(
    'config.data.downloads: expected https://HOST/FILE, with or without '
    f"#sha256=HEX behind it, found '{address}'",
    data__downloads=(address,),
  )


def test_downloads_have_known_checksums():
  assert_refuses(
    'config.data.downloads: expected #sha256=HEX or #md5=HEX behind the '
    "address, found '#crc=1' in 'https://a.org/b#crc=1'",
    data__downloads=('https://a.org/b#crc=1',),
  )


def test_test_sets_are_optional():
  assert config_with(data__test_source=(), data__test_target=())


def test_tfds_needs_a_name():
  assert_refuses(
    'config.data.tfds_name: expected a prepared data set such as '
    "'wmt14_translate/de-en', found ''",
    data__kind='tfds',
  )


def test_tied_embeddings_need_a_joint_vocabulary():
  assert_refuses(
    'config.model.tie_source_target: one embedding needs one vocabulary, but '
    'vocabulary.joint = False; set both alike',
    vocabulary__joint=False,
  )
  assert config_with(vocabulary__joint=False, model__tie_source_target=False)


@pytest.mark.parametrize('coverage', [0.0, 1.1])
def test_character_coverage_is_a_share(coverage):
  assert_refuses(
    'config.vocabulary.character_coverage: expected a share in (0, 1], found '
    f'{coverage}',
    vocabulary__character_coverage=coverage,
  )


@pytest.mark.parametrize('sizes', [(-1, -1, 1), (0, 1, 1), (1, -2, 1)])
def test_mesh_sizes_are_positive_with_one_to_fill(sizes):
  named = dict(zip(('data', 'fsdp', 'tensor'), sizes, strict=True))
  assert_refuses(
    'config.mesh: expected sizes of at least 1 with at most one -1, found '
    f'{named}',
    **{f'mesh__{name}': size for name, size in named.items()},
  )


def test_optimizer_epsilon_is_above_0():
  assert_refuses(
    'config.optimizer.epsilon: expected a number above 0, found 0.0',
    optimizer__epsilon=0.0,
  )


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_numbers_are_finite(value):
  assert_refuses(
    f'config.decoding.length_penalty_alpha: expected a finite number, found '
    f'{value}',
    decoding__length_penalty_alpha=value,
  )


def test_checkpoint_to_decode_with_is_a_name_or_a_step():
  assert config_with(decoding__checkpoint='1500').decoding.checkpoint == '1500'
  assert_refuses(
    'config.decoding.checkpoint: expected averaged, best, latest or a step, '
    "found 'average'. Did you mean 'averaged'?",
    decoding__checkpoint='average',
  )


CUDNN = {'model__attention_impl': 'cudnn', 'model__compute_dtype': 'bfloat16'}


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'model__compute_dtype': 'float32'}, 'needs model.compute_dtype'),
    ({'model__d_v': 32}, 'needs model.d_v = 64, found 32'),
    ({'model__attention_dropout_rate': 0.1}, 'needs model.attention_dropout'),
    ({'model__positions': 'relative'}, 'knows no relative positions'),
    ({'model__d_k': 12, 'model__d_v': 12}, 'a multiple of 8, at most 128'),
  ],
)
def test_what_cudnns_kernel_does_not_take_is_said_at_the_start(
  changes, message
):
  config_with(**CUDNN)
  with pytest.raises(UsageError, match=message):
    config_with(**CUDNN | changes)


def test_a_length_rounded_up_still_has_a_learned_position():
  fits = {'model__positions': 'learned', 'model__max_positions': 250}
  config_with(**fits, data__max_tokens=250, training__length_multiple=10)
  assert_refuses(
    'config.data.max_tokens: expected at most model.max_positions = 250, '
    'found 256',
    **fits,
    data__max_tokens=250,
    training__length_multiple=16,
  )


@pytest.mark.parametrize('name', ['temperature', 'top_p'])
def test_sampling_wants_numbers_above_0(name):
  assert_refuses(
    f'config.decoding.{name}: expected a number above 0, found 0.0',
    **{f'decoding__{name}': 0.0},
  )


def test_top_p_is_a_probability():
  assert_refuses(
    'config.decoding.top_p: expected a probability in (0, 1], found 1.5',
    decoding__top_p=1.5,
  )


@pytest.mark.parametrize(
  ('method', 'name'), [('beam', 'beam_size'), ('sampling', 'num_samples')]
)
def test_minimum_bayes_risk_chooses_among_several(method, name):
  assert_refuses(
    "config.decoding.mbr: 'chrf' chooses among candidates, expected "
    f'config.decoding.{name} of at least 2, found 1',
    decoding__mbr='chrf',
    decoding__method=method,
    **{f'decoding__{name}': 1},
  )


def test_a_moving_average_in_bfloat16_is_refused():
  assert_refuses(
    'config.training.ema_decay: a moving average in bfloat16 stands still; '
    'expected 0 or model.param_dtype = float32, found 0.999',
    training__ema_decay=0.999,
    model__param_dtype='bfloat16',
  )
