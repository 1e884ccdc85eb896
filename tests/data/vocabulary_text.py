"""Random text to make vocabularies of, and the short way to make one."""

import random
import re

import pytest
from data_configs import make_config

from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.errors import UsageError

SPECIAL_IDS = {'pad_id': 0, 'bos_id': 1, 'eos_id': 2, 'unk_id': 3}


def random_lines(seed, count):
  generator = random.Random(seed)
  words = [
    ''.join(generator.choice('abcdefghijklmnop') for _ in range(length))
    for length in generator.choices(range(2, 8), k=200)
  ]
  return [
    ' '.join(generator.choices(words, k=generator.randint(3, 9)))
    for _ in range(count)
  ]


PAIRS = list(
  zip(
    random_lines(1, 400),
    [line.upper() for line in random_lines(2, 400)],
    strict=True,
  )
)


def train(tmp_path, pairs=PAIRS, **changes):
  settings = {'size': 400, 'target_size': 350, **changes}
  return Tokenizers.train(make_config(tmp_path, **settings).vocabulary, pairs)


def expect_error(expected, function, *args, **kwargs):
  with pytest.raises(UsageError, match=re.escape(expected)) as caught:
    function(*args, **kwargs)
  assert '\n' not in str(caught.value)
