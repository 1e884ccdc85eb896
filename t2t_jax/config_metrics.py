"""What a run may be judged by: names, and which way is better."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Judgement:
  """Attributes:
  title: how it is printed.
  higher_is_better: as of two values.
  """

  title: str
  higher_is_better: bool


# Of decoded lines, 0 to 100 (config.evaluation.metric); each is a key of
# evaluation/metrics.py too.
DECODED = {
  'bleu': Judgement('BLEU', True),
  'exact_match': Judgement('exact match', True),
  'error_rate': Judgement('error rate', False),
  'bracket_f1': Judgement('bracket F1', True),
}

# Of translations (config.evaluation.report); keys of evaluation/metrics.py too.
OF_TEXT = ('bleu', 'multi_bleu', 'bleu_compounds', 'chrf', 'chrf++', 'ter')

# What chooses the best checkpoint; nll: natural, a target token; accuracy: of
# labels, in per cent.
JUDGED_BY = {
  'nll': Judgement('nll', False),
  'accuracy': Judgement('accuracy', True),
  **DECODED,
}


def is_better(metric: str, value: float, than: float) -> bool:
  """Returns whether `value` of a metric of JUDGED_BY is better; NaN never."""
  return value > than if JUDGED_BY[metric].higher_is_better else value < than


# Of a finished model.
_WRITTEN = {**JUDGED_BY, 'perplexity': Judgement('perplexity', False)}


def figure_title(key: str) -> str:
  """Returns `BLEU newstest2014` for the figure `bleu_newstest2014`."""
  for metric in _WRITTEN:
    if key.startswith(f'{metric}_'):
      return f'{title_of(metric)} {key.removeprefix(f"{metric}_")}'
  return key


def title_of(metric: str) -> str:
  """Returns how a figure of a finished model is called: `BLEU` for `bleu`."""
  return _WRITTEN[metric].title
