"""The dev set as a run's model translates it, remembered in the workdir."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from t2t_jax.checkpoints.store import list_steps
from t2t_jax.checkpoints.workdir import write_json
from t2t_jax.data.corpora import read_split
from t2t_jax.decoding.attention.attention_reader import Pair
from t2t_jax.decoding.restored import Restored, restore
from t2t_jax.errors import UsageError
from t2t_jax.evaluation.metrics import make_metrics
from t2t_jax.evaluation.parallel_text import ParallelText
from t2t_jax.evaluation.reports import Report, report_on
from t2t_jax.reporting.card.parts import HeatMap
from t2t_jax.reporting.card.run import Run
from t2t_jax.reporting.sentence_attention import View, read_sentences

MOST = 500
_CACHE = 'report_samples.json'
# A heat map of so many words can be read.
_WORDS = (4, 14)


@dataclasses.dataclass(frozen=True)
class Translated:
  """Attributes:
  text: the first sentences of the dev set.
  hypotheses: one for each.
  origin: in words, which parameters made them.
  attention: of one of them, None where none fits the model.
  looked_at: which one, from 0.
  """

  text: ParallelText
  hypotheses: list[str]
  origin: str
  attention: HeatMap | None
  looked_at: int

  def report(self, tokenize: str) -> Report:
    """Returns the report of BLEU, and chrF sentence by sentence."""
    metrics = make_metrics(['bleu', 'chrf'], tokenize)
    return report_on(self.hypotheses, self.text, metrics)


def translate_dev(run: Run, say: Callable[[str], None]) -> Translated:
  """Returns the dev set translated as the run's config decodes.

  What was made before with the same checkpoints and settings is taken again.

  Raises:
    UsageError: no dev text, no checkpoint, or none that can be read; a model
      that does not translate.
  """
  if not run.translates:
    raise UsageError('the model does not translate: one of its stacks is empty')
  pairs = list(read_split(run.config.data, 'dev'))[:MOST]
  text = ParallelText(
    [target for _, target in pairs],
    [source for source, _ in pairs],
    run.direction,
  )
  key = _key(run, text)
  file = run.workdir.path / _CACHE
  try:
    found = json.loads(file.read_text(encoding='utf-8'))
    if found['key'] != key:
      raise KeyError('key')
  except (OSError, ValueError, KeyError, TypeError):
    say(f'{run.name}: translating {len(pairs)} dev sentences')
    found = {'key': key, **_translate(run, text)}
    try:
      write_json(file, found)
    except OSError as error:
      say(f'{file}: not kept for the next report: {error.strerror}')
  return Translated(
    text,
    found['hypotheses'],
    found['origin'],
    _heat_map(found['attention']),
    found['looked_at'],
  )


def _heat_map(found: dict[str, Any] | None) -> HeatMap | None:
  if found is None:
    return None
  # JSON has no tuples.
  return HeatMap(**found | {'links': [(y, x) for y, x in found['links']]})


def _key(run: Run, text: ParallelText) -> str:
  """Returns a hash of all that decides the translations."""
  average = run.workdir.averaged / 'steps.json'
  parts = [
    run.record.get('started'),
    list_steps(run.workdir.checkpoints),
    average.read_text() if average.exists() else '',
    dataclasses.asdict(run.config.decoding),
    dataclasses.asdict(run.config.model),
    text.sha256(),
  ]
  return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _translate(run: Run, text: ParallelText) -> dict[str, Any]:
  assert text.sources is not None
  restored = restore(run.workdir)
  translations = list(restored.translator().translate_stream(text.sources))
  place = _to_look_at(text.sources)
  heat = _attention(
    restored, text.sources[place], translations[place].token_ids
  )
  return {
    'origin': restored.origin,
    'hypotheses': [translation.text for translation in translations],
    'attention': heat and dataclasses.asdict(heat),
    'looked_at': place,
  }


def _to_look_at(sources: Sequence[str]) -> int:
  """The longest sentence that is not too long, else the shortest."""
  counts = [len(source.split()) for source in sources]
  least, most = _WORDS
  fitting = [n for n, count in enumerate(counts) if least <= count <= most]
  if fitting:
    return max(fitting, key=lambda n: counts[n])
  return min(range(len(counts)), key=lambda n: counts[n])


def _attention(
  restored: Restored, source: str, target_ids: Sequence[int]
) -> HeatMap | None:
  """The mean of the heads of the last layer but one, by words."""
  tokenizers = restored.tokenizers
  pair = Pair(tokenizers.source.encode([source])[0], target_ids)
  sentences = list(
    read_sentences(
      restored.attention_reader(), tokenizers, [pair], lambda line: None
    )
  )
  if not sentences:
    return None
  rows, columns, by_head = sentences[0].shown(View())
  mean_YX = np.mean(list(by_head.values()), axis=0)
  # EOS, the last of both sides, is aligned with nothing.
  links = [
    (y, int(weights_X[:-1].argmax()))
    for y, weights_X in enumerate(mean_YX[:-1])
  ]
  weights = [[round(float(w), 3) for w in weights_X] for weights_X in mean_YX]
  return HeatMap(rows, columns, weights, links)
