"""The base model of "Attention Is All You Need" (Table 3, first row).

WMT 2014 English-German. Every field of the configuration stands here, with
its unit or reason; the other configs show only what they change.

  python -m t2t_jax.prepare --config=configs/base.py
  python -m t2t_jax.main --config=configs/base.py --workdir=runs/base
  python -m t2t_jax.evaluate --workdir=runs/base

Prepare downloads 1.7 GB of archives into data/wmt14, unless they lie there: 4.5
million pairs, read in place. Own text: data.train_source and its like.

Hardware and time: in the paper 8 P100, 12 hours (100,000 steps of 0.4 s).
Expected: newstest2014 BLEU 27.3 tokenised (paper); ours: not run, but for 20
updates at global_batch_tokens=1024, loss 11.0 to 10.3.
"""

from ml_collections import config_dict

# Archive and stem of each corpus, as statmt.org names them.
_TRAIN = (
  'training-parallel-europarl-v7.tgz/training/europarl-v7.de-en',
  'training-parallel-commoncrawl.tgz/commoncrawl.de-en',
  'training-parallel-nc-v9.tgz/training/news-commentary-v9.de-en',
)
_TEST = 'test-full.tgz/test-full/newstest2014-deen'
# The sums are those of tensorflow-datasets and, of test-full, sacreBLEU. This
# dev.tgz holds newstest2013 as WMT14's own does, and has a sum.
_DOWNLOADS = (
  'https://www.statmt.org/wmt13/training-parallel-europarl-v7.tgz#sha256='
  '0224c7c710c8a063dfd893b0cc0830202d61f4c75c17eb8e31836103d27d96e7',
  'https://www.statmt.org/wmt13/training-parallel-commoncrawl.tgz#sha256='
  'c7a74e2ea01ac6c920123108627e35278d4ccb5701e15428ffa34de86fa3a9e5',
  'https://www.statmt.org/wmt14/training-parallel-nc-v9.tgz#sha256='
  'cb8953f292298e6877ae433c98912b927cb0766b303f4540512ddd286c748485',
  'https://data.statmt.org/wmt19/translation-task/dev.tgz#sha256='
  '7a7deccf82ebb05ba508dba5eb21356492224e8f630ec4f992132b029b4b25e7',
  'https://www.statmt.org/wmt14/test-full.tgz#md5='
  'a8cd784e006feb32ac6f3d9ec7eb389a',
)


def get_config() -> config_dict.ConfigDict:
  config = config_dict.ConfigDict()

  # What the model is for: translation (any text to any other); without an
  # encoder language_model, over the target text; without a decoder tagging (a
  # label for each word) or classification (a label for each line).
  config.task = 'translation'

  config.model = config_dict.ConfigDict(
    dict(
      d_model=512,  # width of the residual stream (3.1)
      d_ff=2048,  # inner width of the feed-forward sub-layer (3.3)
      d_k=64,  # width of a head's queries and keys (3.2.2)
      d_v=64,  # width of a head's values (3.2.2)
      num_heads=8,  # h (3.2.2)
      num_encoder_layers=6,  # N (3.1); 0: none, see `task`
      num_decoder_layers=6,  # N (3.1); the same
      norm_position='post',  # post: LayerNorm(x + Sublayer(x)) (3.1); pre
      activation='relu',  # relu (3.3), gelu, swish
      positions='sinusoidal',  # sinusoidal (3.5), learned (Table 3 E), relative
      max_positions=1024,  # rows of the position table: longest input, tokens
      max_relative_distance=16,  # clipping distance of relative positions
      attention_bias=False,  # biases in W_Q, W_K, W_V, W_O: none in the paper
      layer_norm_epsilon=1e-6,  # added to the variance
      tie_source_target=True,  # source and target embedding are one (3.4)
      tie_softmax=True,  # target embedding and softmax weights are one (3.4)
      softmax_bias=False,  # a bias on the logits: none in the paper
      dropout_rate=0.1,  # P_drop: sub-layer outputs, embedding sums (5.4)
      attention_dropout_rate=0.0,  # on the attention weights: not in the paper
      activation_dropout_rate=0.0,  # after the activation: not in the paper
      # auto: cudnn on GPUs in bfloat16, where nothing is against it, else
      # reference, the equation; xla.
      attention_impl='auto',
      vocab_row_multiple=128,  # embedding rows are padded to this, for meshes
      compute_dtype='float32',  # of activations: float32, bfloat16
      # Of parameters and optimizer state; bfloat16: products are in it too.
      param_dtype='float32',
      # What the backward pass makes again: none; dots: all but the products
      # with weights; full: all but the layers' inputs.
      remat='none',
      scan_layers=False,  # layers as one loop: quick to compile, same result
    )
  )

  config.data = config_dict.ConfigDict(
    dict(
      # text (files), tfds (prepared), generated (a grammar's); of one file for
      # both sides, train_source: trees (Penn style), inflection (SIGMORPHON's).
      kind='text',
      directory='data/wmt14',  # relative file names below start here
      # Of a TFDS data set's examples, and of the file names' ends.
      source_language='en',
      target_language='de',
      # Lines that belong together: text, .gz or .sgm, or ARCHIVE/MEMBER in a
      # .tgz, .tar.gz, .tar or .zip. A name without .gz also finds its .gz.
      # FILE#2: the second column of a table with tabs. Several files a side
      # are read one after the other.
      train_source=tuple(f'{stem}.en' for stem in _TRAIN),
      train_target=tuple(f'{stem}.de' for stem in _TRAIN),
      dev_source=('dev.tgz/dev/newstest2013.en',),
      dev_target=('dev.tgz/dev/newstest2013.de',),
      # Each pair of files is a test set of its own.
      test_source=(f'{_TEST}-src.en.sgm',),
      test_target=(f'{_TEST}-ref.de.sgm',),
      # Times that an epoch passes over each pair of training files, such as
      # (1, 2, 0.5); of a fraction the same pairs each time. (): 1 each.
      train_weights=(),
      # Where a file or archive of `directory` comes from if it is not there:
      # https://HOST/FILE, or https://HOST/FILE#sha256=HEX (or md5).
      downloads=_DOWNLOADS,
      # kind='tfds': prepared as array_record below `directory`.
      tfds_name='',  # such as wmt14_translate/de-en
      tfds_train_split='train',
      tfds_dev_split='validation',
      tfds_test_split='test',
      # kind='generated': numbers of sentence pairs.
      generated_train_pairs=10000,
      generated_dev_pairs=500,
      generated_test_pairs=500,
      generated_seed=1,
      cache_dir='runs/cache',  # token files, shared by runs with equal data
      max_tokens=256,  # a side, with EOS; longer training pairs are left out
      max_length_ratio=9.0,  # longer side / shorter side, tokens, in training
      remove_duplicates=False,  # keep one of each identical training pair
      remove_identical=False,  # leave out training pairs with equal sides
      # Least share of a training line's letters that are of its language's
      # script (0.5 drops what is mostly another); 0: not looked at.
      min_script_share=0.0,
      workers=0,  # processes that prepare; 0: one for each CPU it may use
    )
  )

  config.vocabulary = config_dict.ConfigDict(
    dict(
      kind='bpe',  # bpe (5.1), unigram, segmented (text holds the tokens)
      # Of the target side if not joint: same, or a kind of its own; trees (the
      # brackets of linearised trees), tagged_trees (and the words' tags).
      target_kind='same',
      joint=True,  # one vocabulary for both languages (5.1)
      size=37000,  # entries (5.1); of the source side if not joint
      target_size=37000,  # entries of the target side if not joint
      byte_fallback=True,  # unseen characters become bytes, not <unk>
      character_coverage=1.0,  # share of the text's characters that are pieces
      normalization='nmt_nfkc',  # SentencePiece's rule; identity: none
      training_sentences=2000000,  # at most so many lines train it, a side
      # Subword regularisation: each training pair is kept in so many random
      # segmentations, and an epoch passes over all of them; 1: the best one.
      samplings=1,
      # bpe: the share of merges left out (BPE-dropout, Provilkov et al. 2020);
      # unigram: drawn with probability^rate (Kudo 2018); 0.2 to 0.5.
      sampling_rate=0.1,
      source_model='',  # a SentencePiece model to take instead of training
      target_model='',  # the same for the target side if not joint
    )
  )

  config.training = config_dict.ConfigDict(
    dict(
      steps=100000,  # optimizer updates (5.2)
      global_batch_tokens=25000,  # a side, an update, over all devices (5.1)
      # A side, a device: more are accumulated. Fewer where its memory is small;
      # a large number means as many as fit.
      microbatch_tokens=8192,
      device_memory_gib=0.0,  # of a device; 0: what it says, or the host's
      max_shapes=20,  # padded batch shapes, each compiled once
      length_multiple=1,  # padded lengths are multiples; 8 suits tensor cores
      label_smoothing=0.1,  # epsilon_ls (5.4)
      # Positions of a copy whose logits exist at one time; 0: by the platform.
      loss_chunk=0,
      ema_decay=0.0,  # moving average of parameters; 0: none
      # A run to begin with: DIR or DIR@CHECKPOINT, whose parameters and
      # vocabulary the new one takes (fine-tuning); '': fresh ones.
      init_from='',
      seed=1,  # of initial parameters, dropout and batch order
    )
  )

  config.optimizer = config_dict.ConfigDict(
    dict(
      schedule='inverse_sqrt',  # (5.3, equation 3); cosine, constant
      warmup_steps=4000,  # linear increase (5.3)
      # Highest rate; None: the paper's d_model^-0.5 * warmup_steps^-0.5 (5.3).
      peak_learning_rate=config_dict.placeholder(float),
      final_learning_rate=0.0,  # of the cosine schedule, at training.steps
      beta1=0.9,  # Adam (5.3)
      beta2=0.98,
      epsilon=1e-9,
      weight_decay=0.0,  # decoupled (AdamW), on matrices only; 0: Adam
      clip_norm=0.0,  # largest global gradient norm; 0: no clipping
    )
  )

  # Cadences count steps or epochs (the other is 0), never minutes: a run is
  # the same on any machine. The paper wrote a checkpoint every 10 minutes,
  # about 1,500 steps of the base model.
  config.checkpoint = config_dict.ConfigDict(
    dict(
      every_steps=1500,
      every_epochs=0.0,
      keep_last=5,  # newest checkpoints kept
      keep_best=True,  # and the best by evaluation.best_metric
      average_last=5,  # checkpoints averaged for decoding (6.1)
    )
  )

  config.evaluation = config_dict.ConfigDict(
    dict(
      every_steps=1500,  # updates between two looks at the dev set, or
      every_epochs=0.0,  # epochs; the other is 0
      # Of decoded lines: bleu; exact_match, error_rate (of tokens; equal
      # sources share their references); bracket_f1 (of trees, as evalb).
      metric='bleu',
      # What `evaluate` tells of translations (metric='bleu'). bleu_compounds is
      # the paper's count of en-de, multi_bleu that of en-fr; of Moses' tokens,
      # where bleu_tokenize='none' of those given.
      report=('bleu', 'bleu_compounds', 'chrf++', 'ter'),
      bleu=True,  # decode the dev set on the way, score by that metric
      bleu_beam_size=1,  # on the way; at the end and for tests: `decoding`
      bleu_sentences=0,  # first so many dev sentences; 0: all
      bleu_tokenize='13a',  # sacreBLEU's; none: the text is tokenised already
      # metric or nll, of labels accuracy or nll: best checkpoint, patience
      best_metric='bleu',
      patience=0,  # evaluations without a better one before stopping; 0: off
    )
  )

  config.decoding = config_dict.ConfigDict(
    dict(
      method='beam',  # beam (of size 1: greedy search), sampling
      beam_size=4,  # (6.1)
      length_penalty_alpha=0.6,  # (6.1), Wu et al. 2016
      max_decode_length_offset=50,  # output at most input + this, tokens (6.1)
      # exact: until no live hypothesis can win; likely: until none would win if
      # it ended now. With a length penalty exact takes more steps (a quarter on
      # Multi30k), for results that are rarely others.
      stopping='exact',
      min_length=0,  # output at least so many tokens
      no_repeat_ngram=0,  # no n-gram of this size twice in an output; 0: any
      num_samples=1,  # of method='sampling': drawn for each sentence
      temperature=1.0,  # sampling: logits are divided by it
      top_k=0,  # sampling: only the k most probable tokens; 0: all
      top_p=1.0,  # sampling: only the fewest tokens of this probability mass
      seed=1,  # of sampling
      # Minimum Bayes risk: of the beam or the samples, the one most like the
      # others by chrf or bleu; none: the most probable of the beam.
      mbr='none',
      # Source tokens times beams (or samples) of a device's batch. A CPU
      # searches one a core at one time, 8 at most.
      batch_tokens=4096,
      # Of matrices: compute_dtype: as model.compute_dtype is; bfloat16: also
      # where that is float32, for CPUs that multiply it twice as fast.
      weights_dtype='compute_dtype',
      checkpoint='averaged',  # averaged, best, latest, or a step's number
    )
  )

  config.mesh = config_dict.ConfigDict(
    dict(
      data=-1,  # copies of the model; -1: all remaining devices
      fsdp=1,  # parameters split, gathered for use; splits the batch too
      tensor=1,  # heads, d_ff and vocabulary split
    )
  )

  config.logging = config_dict.ConfigDict(
    dict(
      every_steps=100,  # a progress line and a row in metrics.jsonl
      tensorboard=True,  # the same figures as TensorBoard events
      compile_cache_dir='~/.cache/t2t_jax',  # compiled programs; '': none
    )
  )

  config.lock()
  return config
