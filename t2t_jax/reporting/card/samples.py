"""Translations by length of the source, and single ones, good and bad."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from t2t_jax.config import Config
from t2t_jax.evaluation.reports import Report
from t2t_jax.reporting.card.parts import (
  Folded,
  Note,
  Part,
  Sample,
  Section,
  Table,
)
from t2t_jax.reporting.card.translated import Translated

_EACH = 5
_SEED = 1


def sections(found: Translated, config: Config) -> Iterator[Section]:
  report = found.report(config.evaluation.bleu_tokenize)
  yield _by_length(found, report.to_dict())
  yield _samples(found, report)
  if found.attention is not None:
    place = found.looked_at
    yield Section(
      'Attention',
      [
        _sample(found, place, sentence_chrf(report)[place]),
        Note(
          'Where the decoder looks: weights in percent, the mean over the '
          'heads of its last layer but one. Rows: the translation, as it is '
          'written; columns: the source; outlined: the source word that a '
          'word is aligned with.'
        ),
        found.attention,
      ],
    )


def _by_length(found: Translated, report: dict[str, Any]) -> Section:
  rows = [
    [
      f'{bucket["from"]} to {bucket["to"]}'
      if bucket['to'] is not None
      else f'{bucket["from"]} or more',
      str(bucket['lines']),
      f'{bucket["score"]:.2f}',
      f'{bucket["length_ratio"]:.3f}',
    ]
    for bucket in report['by_length']
  ]
  return Section(
    'By length of the source',
    [
      Table(['Words', 'sentences', 'BLEU', 'length ratio'], rows),
      Note(
        f'{len(found.hypotheses)} sentences of the dev set by the '
        f'{found.origin}: {report["bleu_name"]} {report["bleu"]:.2f}, chrF '
        f'{report["chrf"]:.2f} ({report["bleu_signature"]}). Length ratio: '
        'tokens of the translations to those of the references.'
      ),
    ],
  )


def _samples(found: Translated, report: Report) -> Section:
  scores = sentence_chrf(report)
  best, worst, others = choose(scores)
  parts: list[Part] = [
    Note('By chrF of the sentence; the random ones are of all others.')
  ]
  for title, places in (
    ('Random', others),
    ('Worst', worst),
    ('Best', best),
  ):
    if places:
      samples = [_sample(found, place, scores[place]) for place in places]
      parts.append(Folded(f'{title} translations', samples, title == 'Random'))
  return Section('Samples', parts)


def sentence_chrf(report: Report) -> list[float]:
  """Returns the chrF of each sentence."""
  [(metric, counts)] = [
    (metric, counts)
    for metric, counts in zip(report.metrics, report.counts, strict=True)
    if metric.key == 'chrf'
  ]
  return [metric.score(row) for row in counts]


def choose(
  scores: Sequence[float],
) -> tuple[list[int], list[int], list[int]]:
  """Returns places of the best, the worst and random others; no place is in
  two of them."""
  order = sorted(range(len(scores)), key=lambda n: (-scores[n], n))
  each = min(_EACH, max(1, len(order) // 3))
  best, rest = order[:each], order[each:]
  worst = rest[::-1][:each]
  middle = sorted(rest[: len(rest) - len(worst)])
  drawn = random.Random(_SEED).sample(middle, min(each, len(middle)))
  return best, worst, sorted(drawn)


def _sample(found: Translated, place: int, chrf: float) -> Sample:
  assert found.text.sources is not None
  return Sample(
    f'Sentence {place + 1}, chrF {chrf:.1f}',
    [
      ('source', found.text.sources[place]),
      ('reference', found.text.references[place]),
      ('translation', found.hypotheses[place]),
    ],
  )
