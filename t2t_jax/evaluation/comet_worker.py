"""Runs a COMET model for another process: a line of JSON in, one out.

Run as text by a Python of its own (see comet_metric), so that it may import
nothing of t2t_jax and speaks the Python of 3.8.
"""

import importlib.metadata
import json
import os
import sys


def main(model: str, gpus: int) -> None:
  # Libraries print what they like; that must not be taken for an answer.
  answers, sys.stdout = sys.stdout, sys.stderr

  def answer(**found) -> None:
    print(json.dumps(found), file=answers, flush=True)

  try:
    import comet

    path = os.path.expanduser(model)
    if not os.path.isfile(path):
      path = comet.download_model(model)
    scorer = comet.load_from_checkpoint(path)
    answer(version=importlib.metadata.version('unbabel-comet'))
    for line in sys.stdin:
      result = scorer.predict(
        json.loads(line), batch_size=16, gpus=gpus, progress_bar=False
      )
      answer(scores=[float(score) for score in result.scores])
  except ImportError as error:
    answer(missing=str(error))
  # The package raises anything: KeyError, Exception, those of its network.
  except Exception as error:
    answer(error=f'{type(error).__name__}: {error}')


if __name__ == '__main__':
  main(sys.argv[1], int(sys.argv[2]))
