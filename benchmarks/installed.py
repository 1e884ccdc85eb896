"""What is installed here, and which device there is.

  python -m benchmarks.installed

Needs nothing but Python. Prints a JSON line; ends with status 2
where a package is missing without which t2t_jax cannot run.
"""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys

# Module -> distribution.
NEEDED = {
  'absl': 'absl-py',
  'flax': 'flax',
  'jax': 'jax',
  'ml_collections': 'ml_collections',
  'numpy': 'numpy',
  'optax': 'optax',
  'orbax': 'orbax-checkpoint',
  'sacrebleu': 'sacrebleu',
  'sentencepiece': 'sentencepiece',
}
# Peers, and what is imported where a config asks for it.
USEFUL = {
  'ctranslate2': 'ctranslate2',
  'tensorboardX': 'tensorboardX',
  'tensorflow_datasets': 'tensorflow-datasets',
  'torch': 'torch',
}


def main() -> None:
  versions = {'python': sys.version.split()[0]}
  for module, name in (NEEDED | USEFUL).items():
    if importlib.util.find_spec(module):
      versions[name] = importlib.metadata.version(name)
  missing = [name for name in NEEDED.values() if name not in versions]
  record = {
    'benchmark': 'installed',
    'versions': versions,
    'missing': missing,
    'left_out': [name for name in USEFUL.values() if name not in versions],
    'device': _device() if 'jax' in versions else None,
  }
  print(json.dumps(record), flush=True)
  if missing:
    names = ' '.join(missing)
    print(
      f'installed: missing {names}; WHEELS=DIR benchmarks/accelerator.sh '
      'installs the wheels in DIR, of: pip download --no-deps ' + names,
      file=sys.stderr,
    )
    sys.exit(2)


def _device() -> str:
  """Of another process, for jax takes most of a GPU's memory."""
  program = (
    'import jax; print(len(jax.devices()), jax.devices()[0].device_kind)'
  )
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True, check=False
  )
  lines = (result.stdout or result.stderr).strip().splitlines()
  return lines[-1] if lines else f'status {result.returncode}'


if __name__ == '__main__':
  main()
