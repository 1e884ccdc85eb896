"""The door from ConfigDicts to dataclasses; what two configs differ in."""

import copy
import dataclasses
import json
import re

import pytest
from base_config import BASE, assert_refuses, config_with, mapping_with
from ml_collections import config_dict

from t2t_jax.config import (
  Config,
  differences,
  from_mapping,
  resume_differences,
  to_dict,
)
from t2t_jax.errors import UsageError, nearest


def test_base_passes_and_every_value_stays():
  config = from_mapping(BASE)
  assert config.model.d_model == 512
  assert config.optimizer.peak_learning_rate is None
  assert config.data.test_target == (
    'test-full.tgz/test-full/newstest2014-deen-ref.de.sgm',
  )
  assert to_dict(config) == BASE.to_dict()


def test_base_holds_exactly_the_fields():
  sections = {field.name: field.type for field in dataclasses.fields(Config)}
  assert set(BASE) == set(sections)
  assert sections.pop('task') is str
  for name, cls in sections.items():
    fields = {field.name for field in dataclasses.fields(cls)}
    assert set(BASE[name]) == fields, name


def test_json_and_back_is_the_same_config():
  config = config_with(optimizer__peak_learning_rate=0.005)
  assert from_mapping(json.loads(json.dumps(to_dict(config)))) == config


def test_a_config_cannot_be_changed():
  with pytest.raises(dataclasses.FrozenInstanceError):
    from_mapping(BASE).model.d_model = 1


def test_unknown_field_is_named_with_the_nearest_one():
  assert_refuses(
    "config.model.num_head: there is no such field. Did you mean 'num_heads'?",
    model__num_head=4,
  )


def test_unknown_field_unlike_any_other_stands_alone():
  assert_refuses('config.model.zzz: there is no such field.', model__zzz=4)


def test_unknown_section_is_named_with_the_nearest_one():
  mapping = mapping_with()
  mapping['trainig'] = mapping.pop('training')
  message = "config.trainig: there is no such field. Did you mean 'training'?"
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    from_mapping(mapping)


def test_missing_field_and_section_are_named():
  mapping = mapping_with()
  del mapping['model']['d_model']
  message = r'^config\.model\.d_model: missing; see configs/base\.py$'
  with pytest.raises(UsageError, match=message):
    from_mapping(mapping)
  del mapping['model']
  with pytest.raises(UsageError, match=r'^config\.model: missing; see'):
    from_mapping(mapping)


def test_section_that_is_a_value_is_refused():
  mapping = mapping_with() | {'mesh': 8}
  message = (
    "config.mesh: expected the fields ['data', 'fsdp', 'tensor'], found 8"
  )
  with pytest.raises(UsageError, match=f'^{re.escape(message)}$'):
    from_mapping(mapping)


@pytest.mark.parametrize(
  'key, value, message',
  [
    ('model__d_model', '512', "expected int, found '512' (str)"),
    ('model__d_model', 512.0, 'expected int, found 512.0 (float)'),
    ('model__d_model', True, 'expected int, found True (bool)'),
    ('model__d_model', None, 'expected int, found None (NoneType)'),
    ('model__dropout_rate', '0.1', "expected float, found '0.1' (str)"),
    ('model__dropout_rate', False, 'expected float, found False (bool)'),
    ('model__tie_softmax', 1, 'expected bool, found 1 (int)'),
    ('model__activation', 1, 'expected str, found 1 (int)'),
    ('optimizer__peak_learning_rate', 'a', "expected float, found 'a' (str)"),
    ('data__train_source', 3, 'expected names, found 3'),
    ('data__train_source', ('a', 3), "expected names, found ('a', 3)"),
  ],
)
def test_wrong_type_is_refused(key, value, message):
  assert_refuses(f'config.{key.replace("__", ".")}: {message}', **{key: value})


def test_int_becomes_float_where_a_float_is_meant():
  config = config_with(model__dropout_rate=0, optimizer__peak_learning_rate=1)
  assert type(config.model.dropout_rate) is float
  assert type(config.optimizer.peak_learning_rate) is float


def test_optional_float_may_be_none_also_as_a_placeholder():
  assert (
    config_with(optimizer__peak_learning_rate=None).optimizer.peak_learning_rate
    is None
  )
  mapping = copy.deepcopy(BASE)
  assert isinstance(mapping, config_dict.ConfigDict)
  mapping.optimizer.peak_learning_rate = 0.5
  assert from_mapping(mapping).optimizer.peak_learning_rate == 0.5


@pytest.mark.parametrize(
  'value, names',
  [
    ('a.en,b.en', ('a.en', 'b.en')),
    (('a.en, b.en', 'c.en'), ('a.en', 'b.en', 'c.en')),
    (['a.en', 'b.en'], ('a.en', 'b.en')),
    ('a.en,', ('a.en',)),
    ('', ()),
    ((), ()),
  ],
)
def test_names_split_at_commas(value, names):
  config = config_with(data__kind='generated', data__train_source=value)
  assert config.data.train_source == names


@pytest.mark.parametrize(
  'value, numbers',
  [
    ((1, 2, 0.5), (1.0, 2.0, 0.5)),
    ('1, 2,0.5', (1.0, 2.0, 0.5)),
    (('1,2', 0.5), (1.0, 2.0, 0.5)),
    ((), ()),
  ],
)
def test_numbers_split_at_commas(value, numbers):
  assert config_with(data__train_weights=value).data.train_weights == numbers


@pytest.mark.parametrize('value', [('a', 1), 'nan', (1, None)])
def test_what_are_no_numbers(value):
  assert_refuses(
    f'config.data.train_weights: expected numbers, found {value!r}',
    data__train_weights=value,
  )


def test_differences_name_key_old_and_new():
  old, new = config_with(), config_with(model__d_ff=1, training__seed=2)
  assert differences(old, old) == []
  assert differences(old, new) == [
    'model.d_ff: 2048 -> 1',
    'training.seed: 1 -> 2',
  ]
  assert differences(old, new, ('model',)) == ['training.seed: 1 -> 2']
  assert differences(old, new, ('training.seed',)) == ['model.d_ff: 2048 -> 1']


def test_a_resumed_run_may_change_how_it_is_run_and_not_what_it_is():
  changed = config_with(
    mesh__fsdp=2,
    logging__every_steps=7,
    checkpoint__every_steps=7,
    evaluation__every_steps=7,
    evaluation__report='ter',
    decoding__beam_size=7,
    training__steps=7,
    training__microbatch_tokens=7,
    data__directory='elsewhere',
    data__cache_dir='elsewhere',
    data__downloads='https://elsewhere.org/dev.tgz',
    data__workers=7,
    training__loss_chunk=7,
    model__attention_impl='reference',
  )
  assert resume_differences(config_with(), changed) == []
  for key, value in (
    ('model__d_model', 256),
    ('model__dropout_rate', 0.2),
    ('data__dev_source', 'b.en'),
    ('vocabulary__size', 100),
    ('training__global_batch_tokens', 5000),
    ('training__seed', 2),
    ('optimizer__warmup_steps', 5),
  ):
    found = resume_differences(config_with(), config_with(**{key: value}))
    assert [line.split(':')[0] for line in found] == [key.replace('__', '.')]


def test_a_cosine_run_may_not_change_its_end():
  old = config_with(optimizer__schedule='cosine')
  new = config_with(optimizer__schedule='cosine', training__steps=200000)
  assert resume_differences(old, new) == ['training.steps: 100000 -> 200000']


def test_nearest_suggests_only_what_is_alike():
  names = ('d_model', 'd_ff')
  assert nearest('dmodel', names) == " Did you mean 'd_model'?"
  assert nearest('xyz', names) == ''
