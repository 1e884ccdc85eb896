"""How a document's commands are made small: here, and nowhere else."""

import pathlib

from t2t_jax import cli
from t2t_jax.config import flatten
from t2t_jax.errors import UsageError

# At most so much of each, of whatever the command's config says.
_MOST = {
  'model.d_model': 16,
  'model.d_ff': 32,
  'model.d_k': 8,
  'model.d_v': 8,
  'model.num_heads': 2,
  'model.num_encoder_layers': 1,
  'model.num_decoder_layers': 1,
  'data.generated_train_pairs': 300,
  'data.generated_dev_pairs': 8,
  'data.generated_test_pairs': 8,
  'data.max_tokens': 64,
  'vocabulary.size': 400,
  'vocabulary.target_size': 400,
  'training.steps': 2,
  'training.global_batch_tokens': 512,
  'training.max_shapes': 1,
  'optimizer.warmup_steps': 1,
  'checkpoint.every_steps': 1,
  'checkpoint.keep_last': 2,
  'checkpoint.average_last': 2,
  'evaluation.every_steps': 2,
  'decoding.beam_size': 4,
  'decoding.max_decode_length_offset': 2,
  'logging.every_steps': 1,
}
# Looking at the dev set by nll saves compiling another search.
_OF_TRANSLATION = {'evaluation.bleu': False, 'evaluation.best_metric': 'nll'}
# Whose --config.key=value says what is trained, or looked at.
_COMMANDS = {'main', 'prepare', 'doctor', 'cost'}


def turn_down(
  name: str,
  arguments: tuple[str, ...],
  compiled: pathlib.Path,
  keeps_its_own: bool = False,
) -> tuple[str, ...]:
  """Returns the arguments of command `name` with overrides behind them.

  Args:
    name: of our command. Those that train or prepare nothing stay as they are;
      a sweep prints its rows, which are commands of `main`.
    arguments: its own.
    compiled: for logging.compile_cache_dir, shared by all documents.
    keeps_its_own: leave what the command itself sets, such as a mistake.
  """
  if name == 'sweep':
    return (*arguments, '--dry_run')
  if name not in _COMMANDS:
    return arguments
  files = [a for a in arguments if a[:1] != '-'][:1]  # of `cost`
  settings = [a for a in arguments if a.startswith('--config')]
  try:
    config = cli.config_of([f'--config={file}' for file in files] + settings)
  except UsageError:
    return arguments  # it will say so itself
  flat = flatten(config)
  changes = {key: most for key, most in _MOST.items() if flat[key] > most}
  if config.task == 'translation':
    changes |= _OF_TRANSLATION
  changes |= {
    'logging.tensorboard': False,
    'logging.compile_cache_dir': compiled,
  }
  if keeps_its_own:
    own = {argument.partition('=')[0] for argument in arguments}
    changes = {k: v for k, v in changes.items() if f'--config.{k}' not in own}
  return (*arguments, *(f'--config.{k}={v}' for k, v in changes.items()))
