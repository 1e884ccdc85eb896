"""What a parser's search finds becomes trees over the words of each line."""

import dataclasses
import re

from tiny_translator import random_lines, tokenizers, translator_with

from t2t_jax.data import trees
from t2t_jax.data.linear_trees import LEAF, restore
from t2t_jax.data.tree_tokenizer import TreeTokenizer

LINES = [*random_lines(12, seed=3), '', 'red (cats)', 'the ' * 40]


def test_any_hypothesis_becomes_a_tree():
  # Random output, of as many symbols as the model has.
  labels = ['S', 'NP', 'VP'] + [f'L{i}' for i in range(200)]
  symbols = [LEAF, *(mark + label for label in labels for mark in '()')]
  size = tokenizers().target.vocab_size - 4
  target = TreeTokenizer([(symbol, 1) for symbol in symbols[:size]])
  translator = translator_with()
  translator._tokenizers = dataclasses.replace(tokenizers(), target=target)
  found = translator.translate(LINES, nbest=3)
  for line, translation in zip(LINES, found, strict=True):
    words = line.replace('(', '-LRB-').replace(')', '-RRB-').split()
    for hypothesis in translation.hypotheses:
      assert re.findall(r'\(XX (\S+?)\)', hypothesis.text) == words
      if words:
        assert trees.write(trees.parse(hypothesis.text)) == hypothesis.text
      pieces = target.pieces(hypothesis.token_ids)
      assert trees.write(restore(pieces, line.split())) == hypothesis.text
  brackets = {text.count('(') for text in (t.text for t in found[:12])}
  assert len(brackets) > 3  # not all of them bare leaves
