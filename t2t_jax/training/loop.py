"""A run from its config to its last checkpoint.

What it does in which order on the way in:
  1. hold the workdir; prepare the text, or find it prepared; compare config
     and text with those of the run that the workdir holds;
  2. restore the newest good checkpoint, or make the first state;
  3. cut metrics.jsonl to what that state knew;
  4. make up for an evaluation that the run was stopped in.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from t2t_jax.checkpoints.store import CheckpointStore
from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import Config
from t2t_jax.data.batching import TrainBatches
from t2t_jax.data.token_store import Prepared
from t2t_jax.evaluation.decoded import check_metric
from t2t_jax.model.modules import PAPER, Modules
from t2t_jax.model.transformer import build_transformer
from t2t_jax.parallel import hosts
from t2t_jax.parallel.agreement import SharedWord
from t2t_jax.parallel.arrays import (
  abstract_arrays,
  create_arrays,
  place_microbatches,
)
from t2t_jax.parallel.chips import peak_flops
from t2t_jax.parallel.mesh import create_mesh, use_mesh
from t2t_jax.parallel.platforms import compiles_beside
from t2t_jax.training.compiled_step import lower
from t2t_jax.training.evaluate import DevEvaluation, describe
from t2t_jax.training.init_from import initial_params, needing_no_other
from t2t_jax.training.metrics import open_metrics
from t2t_jax.training.microbatches import choose_microbatches
from t2t_jax.training.progress import Progress, is_due
from t2t_jax.training.run_record import record_run, recorded_split
from t2t_jax.training.sessions import Session
from t2t_jax.training.start import hold, prepare_for_all
from t2t_jax.training.step_log import StepLog
from t2t_jax.training.step_programs import StepPrograms
from t2t_jax.training.stopping import Stopped, StopSignal, TrainingError
from t2t_jax.training.train_state import (
  FirstState,
  TrainState,
  begin_with,
  decoding_params,
)
from t2t_jax.training.train_step import make_train_step


@dataclasses.dataclass(frozen=True)
class Result:
  """Of a finished run.

  Attributes:
    step: updates done.
    early: in words, why it ended before training.steps, or ''.
  """

  step: int
  early: str


def train(
  config: Config,
  workdir: Workdir,
  say: Callable[[str], None] = print,
  *,
  modules: Modules = PAPER,
) -> Result:
  """Trains, or goes on training, what `config` says, in `workdir`.

  `say` is told of progress in lines; `modules` are what layers are made of.

  Raises:
    UsageError: a mistake in the config, the text or the workdir.
    Stopped: told to stop; the state is saved.
    TrainingError: the loss is no longer a number.
  """
  with hold(workdir, config), StopSignal() as signal:
    mesh = create_mesh(config.mesh, model=config.model)
    if config.task == 'translation':  # before the text is prepared
      check_metric(config.evaluation)
    prepared = prepare_for_all(needing_no_other(workdir, config), say)
    stop = SharedWord(lambda: signal.name, mesh)
    with (
      use_mesh(mesh),
      Trainer(config, workdir, prepared, mesh, stop, say, modules) as trainer,
    ):
      result = trainer.run()
    signal.check('after the last update, which is saved')
    return result


class Trainer:
  """Holds what stays the same over a run; `run` is the loop."""

  def __init__(
    self,
    config: Config,
    workdir: Workdir,
    prepared: Prepared,
    mesh: jax.sharding.Mesh,
    stop: SharedWord,
    say: Callable[[str], None],
    modules: Modules = PAPER,
  ):
    self._config, self._mesh, self._stop, self._say = config, mesh, stop, say
    tokenizers = prepared.tokenizers
    self._pad_id = tokenizers.target.pad_id
    self._model = build_transformer(config.model, tokenizers, modules)
    self._batches = TrainBatches.of(
      prepared.train, config.training, self._pad_id
    )
    self._microbatches = choose_microbatches(
      config,
      self._model,
      mesh,
      self._batches.shapes,
      tokenizers.target.bos_id,
      hosts.from_first('split', lambda: recorded_split(config, workdir, mesh)),
    )
    self._build_state = FirstState(config, self._model)
    abstract = abstract_arrays(self._build_state, mesh)
    if hosts.is_first():
      record_run(
        config,
        workdir,
        prepared,
        self._batches.shapes,
        self._microbatches,
        abstract.params,
        mesh,
        say,
        modules,
      )
    step = make_train_step(config, self._model, tokenizers.target.bos_id, mesh)
    self._evaluate = DevEvaluation(config, self._model, prepared, mesh)
    self._store = CheckpointStore(workdir.checkpoints, say)
    self._state, self._progress = self._restore_or_create(abstract)
    self._saved = self._progress.marks()
    self._programs = StepPrograms(
      lambda shape: lower(step, abstract, mesh, shape, self._microbatches),
      self._batches.shapes_of(self._progress.step, config.training.steps),
      beside=compiles_beside(mesh),
    )
    self._session = (
      Session(workdir, self._progress.step) if hosts.is_first() else None
    )
    self._metrics = open_metrics(
      workdir, self._progress, config.logging.tensorboard
    )
    self._log = StepLog(
      config,
      self._progress,
      self._metrics,
      say,
      tokenizers.target.vocab_size,
      peak_flops(device.device_kind for device in mesh.devices.flat),
    )

  def __enter__(self) -> 'Trainer':
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    _: Any,
  ) -> None:
    self._programs.close()
    if self._session is not None:
      self._session.end(self._progress.step, error)
    # Where this process alone failed, the others do not come to a meeting.
    if hosts.count() == 1 or kind in (None, Stopped, TrainingError):
      self._store.close()
    self._metrics.close()

  def run(self) -> Result:
    """Makes the updates that are left, and looks and saves when it is time.

    Raises:
      Stopped: told to stop; the state is saved.
      TrainingError: the loss is no longer a number; nothing of it is saved.
    """
    config, progress = self._config, self._progress
    self._evaluate_if_due()
    if progress.step < config.training.steps:
      progress.keep_scheduled(self._is_scheduled)
    self._log.start()
    while progress.step < config.training.steps and not self._patience_is_out():
      if self._stop.agreed():
        self._save_and_stop()
      batch = self._batches.drawn(progress.step)
      ids = place_microbatches(
        batch, self._microbatches, self._mesh, self._pad_id
      )
      update = self._programs[batch.shape]
      self._state, metrics = update(self._state, *ids)
      progress.step += 1
      # Reads the figures of the update before, while this one runs.
      self._log.add(progress, self._epoch(), batch, metrics)
      due = self._checkpoint_is_due()
      if due or self._evaluation_is_due():
        self._log.finish(progress)
        is_best = self._evaluate_if_due()
        if due or (is_best and config.checkpoint.keep_best):
          self._save(scheduled=due)
        self._log.start()
    self._log.finish(progress)
    self._save(scheduled=True)
    early = ''
    if progress.step < config.training.steps:
      early = (
        f'no better dev {config.evaluation.best_metric} in '
        f'{config.evaluation.patience} evaluations'
      )
    return Result(progress.step, early)

  # --- beginning --------------------------------------------------------------

  def _restore_or_create(self, abstract: Any) -> tuple[Any, Progress]:
    restored = self._store.restore_newest(abstract)
    if restored is None:
      return self._create(), Progress()
    state, progress = restored[0], Progress.from_json(restored[1])
    self._say(f'resuming after step {progress.step}')
    return state, progress

  def _create(self) -> TrainState:
    state = create_arrays(self._build_state, self._mesh)
    if self._config.training.init_from:
      params, origin = initial_params(self._config, self._model, state.params)
      self._say(f'beginning with {origin}')
      state = begin_with(state, params)
    return state

  def _epoch(self) -> float:
    return self._batches.epoch(self._progress.step)

  # --- evaluation -------------------------------------------------------------

  def _evaluation_is_due(self) -> bool:
    progress = self._progress
    return progress.step != progress.evaluated_step and is_due(
      self._config.evaluation, progress.step, self._batches.steps_per_epoch
    )

  def _evaluate_if_due(self) -> bool:
    """Returns whether there was an evaluation and it is the best so far."""
    if not self._evaluation_is_due():
      return False
    config, progress = self._config.evaluation, self._progress
    try:
      result = self._evaluate(decoding_params(self._state), self._stop)
    except Stopped:
      self._save_and_stop()
    is_best = progress.add_evaluation(
      result[config.best_metric], config.best_metric, self._evaluate.rules
    )
    self._metrics.write('dev', progress.step, result)
    line = f'step {progress.step}  {describe(result, config)}'
    self._say(line + ('  best so far' if is_best else ''))
    return is_best

  def _patience_is_out(self) -> bool:
    patience = self._config.evaluation.patience
    return 0 < patience <= self._progress.evaluations_since_best

  # --- saving -----------------------------------------------------------------

  def _checkpoint_is_due(self) -> bool:
    return self._is_scheduled(self._progress.step)

  def _is_scheduled(self, step: int) -> bool:
    return is_due(self._config.checkpoint, step, self._batches.steps_per_epoch)

  def _save(self, scheduled: bool) -> None:
    config, progress = self._config.checkpoint, self._progress
    if scheduled:
      progress.add_checkpoint(max(config.keep_last, config.average_last))
    saved_step, *_ = self._saved
    if progress.marks() == self._saved:
      return
    keep = set(progress.scheduled_steps)
    if config.keep_best and progress.best_step is not None:
      keep.add(progress.best_step)
    progress.metrics_bytes = self._metrics.length()
    if progress.step == saved_step:
      self._store.update_progress(progress.step, progress.to_json())
    else:
      self._store.save(progress.step, self._state, progress.to_json(), keep)
    self._saved = progress.marks()

  def _save_and_stop(self) -> None:
    self._log.finish(self._progress)
    # Stopped in an evaluation, a checkpoint of this step may still be due.
    self._save(scheduled=self._checkpoint_is_due())
    self._store.wait()
    [word, *_] = filter(None, hosts.exchange('stopped', self._stop.word))
    raise Stopped(
      f'stopped by {word} after step {self._progress.step}, which is saved; '
      'the same command goes on'
    )
