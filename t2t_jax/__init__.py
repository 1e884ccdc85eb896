"""The Transformer ("Attention Is All You Need") in JAX and Flax.

Dimension letters, as suffixes of tensor names and in every einsum:
  B batch     S source length   T target length    D d_model
  H heads     K d_k             U d_v              F d_ff
  V vocabulary                  W beam width       N positions of B and T flat

In three lines:
  from t2t_jax import Translator
  translator = Translator.from_workdir('runs/base', checkpoint='best')
  print(translator.translate(['A sentence.'])[0].text)

More in examples/: training from Python, own layers, rescoring, and others.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
  from t2t_jax.checkpoints.workdir import Workdir as Workdir
  from t2t_jax.config_files import load_config as load_config
  from t2t_jax.decoding.requests import Request as Request
  from t2t_jax.decoding.restored import restore as restore
  from t2t_jax.decoding.scoring.scorer import Scorer as Scorer
  from t2t_jax.decoding.tagging.tagger import Tagger as Tagger
  from t2t_jax.decoding.translation import Hypothesis as Hypothesis
  from t2t_jax.decoding.translation import Translation as Translation
  from t2t_jax.decoding.translator import Translator as Translator
  from t2t_jax.errors import UsageError as UsageError
  from t2t_jax.model.modules import Modules as Modules
  from t2t_jax.training.loop import train as train

__version__ = '0.1.0'

# Imported when asked for: jax takes a second, which most imports of a part of
# the package need not pay.
_LAZY = {
  'Hypothesis': 't2t_jax.decoding.translation',
  'Modules': 't2t_jax.model.modules',
  'Request': 't2t_jax.decoding.requests',
  'Scorer': 't2t_jax.decoding.scoring.scorer',
  'Tagger': 't2t_jax.decoding.tagging.tagger',
  'Translation': 't2t_jax.decoding.translation',
  'Translator': 't2t_jax.decoding.translator',
  'UsageError': 't2t_jax.errors',
  'Workdir': 't2t_jax.checkpoints.workdir',
  'load_config': 't2t_jax.config_files',
  'restore': 't2t_jax.decoding.restored',
  'train': 't2t_jax.training.loop',
}


def __getattr__(name: str) -> object:
  if name in _LAZY:
    return getattr(importlib.import_module(_LAZY[name]), name)
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
