"""It learns: a tiny model reverses short sequences it never saw."""

from tiny_run import read_rows, run, write_text

_CHANGES = {
  'model.d_model': 32,
  'model.d_ff': 64,
  'model.dropout_rate': 0.0,
  'training.steps': 400,
  'training.global_batch_tokens': 512,
  'training.microbatch_tokens': 512,
  'optimizer.warmup_steps': 100,
  'checkpoint.every_steps': 400,
  'evaluation.every_steps': 400,
  'evaluation.bleu': True,
  'evaluation.best_metric': 'bleu',
  'logging.every_steps': 50,
}


def test_learns_to_reverse(tmp_path):
  write_text(tmp_path, pairs=2000)
  train = set((tmp_path / 'train.en').read_text().splitlines())
  dev = (tmp_path / 'dev.en').read_text().splitlines()
  assert sum(line not in train for line in dev) >= len(dev) / 2
  status, errors = run(tmp_path, tmp_path / 'run', _CHANGES)
  assert status == 0, errors
  first, *_, last = read_rows(tmp_path / 'run', 'train')
  assert last['nll'] < 0.05 * first['nll']
  [row] = read_rows(tmp_path / 'run', 'dev')
  assert row['perplexity'] < 1.2
  assert row['bleu'] > 90
