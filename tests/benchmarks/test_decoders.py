"""Every decoder does the same work: same lengths, tokens and probabilities."""

import jax
import numpy as np
import pytest
from micro_model import LENGTHS, our_decoder, our_outputs, peer, sentences
from micro_model import settings as micro_settings
from quick_compile import COMPILER_OPTIONS

from benchmarks.peers.agreement import agreement, check_lengths
from benchmarks.peers.decoders import Output, installed_peers, make_decoder
from benchmarks.sizes import BOS_ID, EOS_ID, PAD_ID
from t2t_jax.errors import UsageError


def test_sentences_are_as_asked():
  assert tuple(map(len, sentences())) == LENGTHS
  for sentence in sentences():
    assert sentence[-1] == EOS_ID
    assert not {PAD_ID, BOS_ID, EOS_ID} & set(sentence[:-1])


def test_our_outputs_have_the_forced_lengths():
  outputs = our_outputs()
  assert tuple(len(output.ids) for output in outputs) == LENGTHS
  for output in outputs:
    assert output.ids.index(EOS_ID) == len(output.ids) - 1
  # The sentences decide: not one attractor for all.
  assert len({output.ids for output in outputs}) > 5
  # What is timed is the same.
  timed = our_decoder().job(sentences())()
  assert [tuple(ids.tolist()) for ids in timed] == [o.ids for o in outputs]


def test_ours_takes_bfloat16_weights():
  assert our_decoder().dtype == 'float32'
  assert make_decoder('ours-bfloat16', micro_settings()).dtype == 'bfloat16'


def test_our_scores_are_the_models():
  model, params = micro_settings().model, micro_settings().params
  apply = jax.jit(model.apply, compiler_options=COMPILER_OPTIONS)
  chosen = [i for i, length in enumerate(LENGTHS) if length == 20]
  outputs = [our_outputs()[i] for i in chosen]
  inputs_BT = np.array([[BOS_ID, *output.ids[:-1]] for output in outputs])
  sources_BS = np.array([sentences()[i] for i in chosen])
  logits_BTV = apply({'params': params}, sources_BS, inputs_BT)
  log_probs_BTV = np.asarray(jax.nn.log_softmax(logits_BTV))
  for output, log_probs_TV in zip(outputs, log_probs_BTV, strict=True):
    expected = log_probs_TV[range(20), output.ids].sum()
    assert output.log_prob == pytest.approx(expected, abs=1e-4, rel=1e-6)


@pytest.mark.parametrize(
  'name, package', [('ctranslate2', 'ctranslate2'), ('torch', 'torch')]
)
def test_a_peer_finds_what_ours_finds(name, package):
  decoder = peer(name, package)
  assert decoder.dtype == 'float32'
  found = decoder.outputs(sentences())
  for our, their in zip(our_outputs(), found, strict=True):
    assert our.ids == tuple(their.ids)
    # As the search ranks them, by log P / length penalty.
    penalty = ((5 + len(our.ids)) / 6) ** 0.6
    assert our.log_prob / penalty == pytest.approx(
      their.log_prob / penalty, abs=1e-4
    )
  check_lengths(sentences(), decoder.job(sentences())())


def test_the_peers_int8_has_the_same_lengths():
  decoder = peer('ctranslate2-int8', 'ctranslate2')
  assert decoder.dtype.startswith('int8')
  check_lengths(sentences(), decoder.job(sentences())())
  found = decoder.outputs(sentences())
  differences = [
    abs(our.log_prob - their.log_prob)
    for our, their in zip(our_outputs(), found, strict=True)
  ]
  assert max(differences) > 1e-4, 'not int8 at all'


def test_two_stage_top_k_is_exact():
  torch = pytest.importorskip(
    'torch', reason='torch is absent: pip install t2t_jax[bench]'
  )
  from benchmarks.peers.torch_beam_search import best_entries

  generator = torch.Generator().manual_seed(0)
  # Several blocks and a rest; no rest; fewer blocks than asked for.
  for columns in (1000, 640, 100):
    x_BWV = torch.rand((4, 3, columns), generator=generator)
    values, ids = best_entries(x_BWV, 4)
    expected = x_BWV.topk(4)
    assert torch.equal(values, expected.values)
    assert torch.equal(ids, expected.indices)


def test_agreement_by_hand():
  ours = [Output((5, 2), -1.0), Output((6, 2), -2.0), Output((7, 2), -3.0)]
  theirs = [Output((5, 2), -1.5), Output((6, 2), -2.25), Output((8, 2), -9.0)]
  assert agreement(ours, theirs) == {
    'same_outputs': 0.6667,
    'log_prob_difference': 0.5,
  }
  assert agreement(ours[:1], theirs[2:]) == {
    'same_outputs': 0.0,
    'log_prob_difference': None,
  }


def test_an_output_of_another_length_ends_the_run():
  with pytest.raises(RuntimeError, match=r'sentence 1: expected .* 3 .* 2'):
    check_lengths([[4, 2], [5, 6, 2]], [[9, 2], [9, 2]])


def test_what_is_not_installed_is_named_and_left_out(monkeypatch):
  monkeypatch.setattr(
    'importlib.util.find_spec', lambda name: name != 'ctranslate2' or None
  )
  said = []
  names = ['ours', 'ctranslate2', 'torch']
  assert installed_peers(names, said.append) == ['ours', 'torch']
  assert said == [
    'ctranslate2: skipped, ctranslate2 is not installed (extra `bench`)'
  ]
  with pytest.raises(
    UsageError, match=r"--peers: .*found 'torhc'. Did you mean 'torch'\?"
  ):
    installed_peers(['torhc'], said.append)
