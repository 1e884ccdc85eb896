"""Splitting of compounds against perl's own; Moses' tokens where installed."""

import importlib.util
import shutil
import subprocess
import sys

import pytest
from sacrebleu.metrics import BLEU

from t2t_jax.evaluation.tokenizers import (
  CompoundTokenizer,
  MissingPackage,
  MosesTokenizer,
  split_compounds,
)

SPLIT = {
  'rich-text format': 'rich ##AT##-##AT## text format',
  'state-of-the-art': (
    'state ##AT##-##AT## of ##AT##-##AT## the ##AT##-##AT## art'
  ),
  # Matches do not overlap: b belongs to the first.
  'a-b-c': 'a ##AT##-##AT## b-c',
  'a-b-c-d-e': 'a ##AT##-##AT## b-c ##AT##-##AT## d-e',
  'eins - zwei': 'eins - zwei',
  '-minus plus-': '-minus plus-',
  '--': '--',
  '---': '- ##AT##-##AT## -',
  'Ärzte-Übung 3-4': 'Ärzte ##AT##-##AT## Übung 3 ##AT##-##AT## 4',
  # A no-break space is bytes to perl, not white space.
  'a\u00a0-b': 'a\u00a0 ##AT##-##AT## b',
  '': '',
}


@pytest.mark.parametrize('tokens', SPLIT)
def test_compounds_split_by_hand(tokens):
  assert split_compounds(tokens) == SPLIT[tokens]


@pytest.mark.skipif(shutil.which('perl') is None, reason='no perl')
def test_compounds_split_as_by_perl():
  result = subprocess.run(
    ['perl', '-ple', r's{(\S)-(\S)}{$1 ##AT##-##AT## $2}g'],
    input='\n'.join(SPLIT).encode(),
    capture_output=True,
    check=True,
  )
  assert result.stdout.decode().split('\n')[:-1] == list(SPLIT.values())[:-1]


def test_compounds_are_split_after_tokenising():
  tokenizer = CompoundTokenizer(BLEU(tokenize='13a').tokenizer)
  assert tokenizer.signature() == '13a+compounds'
  # 13a splits only a hyphen after a digit.
  assert tokenizer('Text-Datei, 3-mal.') == (
    'Text ##AT##-##AT## Datei , 3 - mal .'
  )


def test_moses_needs_its_package(monkeypatch):
  monkeypatch.setitem(sys.modules, 'sacremoses', None)
  with pytest.raises(
    MissingPackage,
    match=r"^Moses' tokens need the package sacremoses; pip install ",
  ):
    MosesTokenizer('de')


@pytest.mark.skipif(
  importlib.util.find_spec('sacremoses') is None, reason='no sacremoses'
)
def test_moses_tokens():
  """By tokenizer.perl -l de after replace-unicode-punctuation.perl."""
  tokenizer = MosesTokenizer('de')
  assert tokenizer('Die “Text-Datei” z.B. kostet 3,5 € - oder nicht?') == (
    'Die &quot; Text-Datei &quot; z.B. kostet 3,5 € - oder nicht ?'
  )
  assert tokenizer.signature().startswith('moses-de-sacremoses-')
