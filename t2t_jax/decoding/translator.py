"""Lines in, translated lines out: one for each, in order."""

import copy
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Unpack

from jax.sharding import Mesh

from t2t_jax.checkpoints.workdir import Workdir
from t2t_jax.config import DecodingConfig
from t2t_jax.data.tokenizer import Tokenizers
from t2t_jax.decoding.found import choose, read_translations
from t2t_jax.decoding.lines.shares import part_of
from t2t_jax.decoding.options import DecodingOptions
from t2t_jax.decoding.requests import (
  Part,
  Request,
  check_requests,
  make_batch,
  split_requests,
)
from t2t_jax.decoding.search.at_once import searches_at_once
from t2t_jax.decoding.search.batches import BatchSearch
from t2t_jax.decoding.search.hypotheses import Hypotheses
from t2t_jax.decoding.search.weights import decoding_weights
from t2t_jax.decoding.shapes import FEW_ROWS, ShapeGrid
from t2t_jax.decoding.translation import Translation, completed, join
from t2t_jax.errors import UsageError
from t2t_jax.model.modules import PAPER, Modules
from t2t_jax.model.transformer import Transformer
from t2t_jax.parallel.own_rows import num_parts


class Translator:
  """Translates with a model's parameters, on a closed grid of shapes.

  A line without tokens becomes an empty line. A line of more tokens than the
  grid holds is translated in parts, which are joined by spaces. A line's
  result does not depend on the lines that come with it, but for rounding:
  where few lines are asked for, or do not fill a batch, or most of a batch has
  ended, there are fewer rows. A language model goes on from the lines: they are
  prefixes of what it writes.
  """

  def __init__(
    self,
    model: Transformer,
    params: Any,
    tokenizers: Tokenizers,
    decoding: DecodingConfig,
    *,
    others: Sequence[tuple[Transformer, Any]] = (),
    mesh: Mesh | None = None,
    max_source_tokens: int | None = None,
  ):
    """Makes a translator; compiles nothing yet.

    Args:
      model: the module that `params` belong to.
      params: its parameters, on the devices where they are to be used.
      tokenizers: those that the model was trained with.
      decoding: method, its settings, lengths, tokens of a batch.
      others: further models, with their parameters, of the same vocabularies:
        an ensemble, whose probability is the mean of theirs.
      mesh: the devices to deal batches out to, each with all parameters; None:
        one device.
      max_source_tokens: longest source, with EOS, that is translated in one
        part, such as the longest that was trained on; default, and at most,
        model.max_positions.
    """
    models = (model, *(other for other, _ in others))
    self._model_configs = tuple(model.config for model in models)
    self._decoding = decoding
    self._params = self._to_decode_with(
      (params, *(other for _, other in others))
    )
    self._tokenizers = tokenizers
    positions = min(model.config.max_positions for model in models)
    learned = any(model.config.positions == 'learned' for model in models)
    self._longest_target = positions if learned else None
    self.grid = ShapeGrid(
      longest=min(positions, max_source_tokens or positions),
      batch_tokens=decoding.batch_tokens,
      beam_size=decoding.num_slots,
      devices=num_parts(mesh),
      at_once=searches_at_once(mesh),
    )
    self._search = BatchSearch(
      models,
      decoding,
      bos_id=tokenizers.target.bos_id,
      eos_id=tokenizers.target.eos_id,
      mesh=mesh,
    )

  @classmethod
  def from_workdir(
    cls,
    workdir: str | os.PathLike[str],
    *,
    ensemble: Sequence[str] = (),
    modules: Modules = PAPER,
    **decoding: Unpack[DecodingOptions],
  ) -> 'Translator':
    """Returns a translator with the parameters that a run has left.

    It works on all devices of this machine, whatever mesh it was trained on.

    Args:
      workdir: of a run, finished or not.
      ensemble: further runs of the same vocabulary to decode with, as DIR or
        DIR@CHECKPOINT; probabilities are averaged.
      modules: of the layers, where the run was trained with its own.
      decoding: fields of the config's `decoding` to set anew, such as
        checkpoint='best' or beam_size=4; None: as the run's config has it.

    Raises:
      UsageError: no run there, no such checkpoint, a damaged one, other
        modules, or a field that does not exist or cannot have this value.
    """
    # Imported here, for it imports this module.
    from t2t_jax.decoding.restored import restore_translator

    return restore_translator(
      Workdir(workdir), ensemble=ensemble, modules=modules, **decoding
    )[0]

  def with_params(self, params: Any) -> 'Translator':
    """Returns this translator with other parameters of its one model;
    recompiles nothing."""
    other = copy.copy(self)
    (_,) = self._params
    other._params = self._to_decode_with((params,))
    return other

  def translate(
    self, lines: Iterable[str | Request], *, nbest: int = 1
  ) -> list[Translation]:
    """Returns a translation of each line, with at most `nbest` hypotheses.

    They are the best ones, best first, or samples in the order drawn.

    Raises:
      UsageError: `lines` is one string; nbest is not from 1 to the beam size,
        or number of samples; phrases are asked of samples; prefix and phrases
        are longer than the model's learned positions.
    """
    if isinstance(lines, str):
      raise UsageError(
        f'translate: expected a list of lines, found one string {lines!r}'
      )
    lines = list(lines)
    return self._translate(lines, nbest, few=len(lines) <= FEW_ROWS)

  def translate_stream(
    self, lines: Iterable[str | Request], *, nbest: int = 1, window: int = 4096
  ) -> Iterator[Translation]:
    """Yields what `translate` returns, for input of any size.

    Reads `window` lines at a time, within which lines of like length are put
    together.
    """
    lines = iter(lines)
    few, first = None, 0
    while now := list(itertools.islice(lines, window)):
      # Only a stream that is short as a whole runs in small batches.
      few = len(now) <= FEW_ROWS if few is None else False
      yield from self._translate(now, nbest, few, first)
      first += len(now)

  def translate_groups(
    self,
    groups: Iterable[Sequence[str | Request]],
    *,
    nbest: int = 1,
    few: bool | None = None,
    first_line: int = 0,
    report: Callable[[float], None] | None = None,
  ) -> Iterator[tuple[list[str], list[Translation]]]:
    """Yields each group's lines with their translations, as soon as it can.

    Args:
      groups: lines to put into batches together, such as line_groups.py makes.
      nbest: most hypotheses of a line.
      few: whether all run in the small batches of a request of few lines;
        None: those groups that have few lines.
      first_line: number of the first line, which samples depend on.
      report: is told after each batch how many lines are done; those of a
        group that is not done by the share of its tokens.

    Raises:
      UsageError: as `translate`.
    """
    done = 0
    for lines in groups:
      is_few = len(lines) <= FEW_ROWS if few is None else few
      tell = part_of(report, done, len(lines))
      yield (
        [line if isinstance(line, str) else line.text for line in lines],
        self._translate(list(lines), nbest, is_few, first_line + done, tell),
      )
      done += len(lines)

  def target_pieces(self, token_ids: Sequence[int]) -> list[str]:
    """Returns the target vocabulary's entry for each token."""
    return self._tokenizers.target.pieces(token_ids)

  def _translate(
    self,
    lines: list[str | Request],
    nbest: int,
    few: bool,
    first: int = 0,
    tell: Callable[[float], None] | None = None,
  ) -> list[Translation]:
    self._check_nbest(nbest)
    parts_of_lines = split_requests(
      lines,
      self._tokenizers,
      self.grid.longest - 1,
      first,
      are_prompts=not self._model_configs[0].num_encoder_layers,
    )
    sampling = self._decoding.method == 'sampling'
    check_requests(parts_of_lines, self._longest_target, sampling)
    parts = list(itertools.chain.from_iterable(parts_of_lines))
    done: dict[int, Translation] = {}
    # Tokens, for the longest parts come first.
    tokens, all_tokens = 0, sum(len(part.source_ids) for part in parts)
    has_choice = self._decoding.mbr != 'none'
    wanted = self._decoding.num_slots if has_choice else nbest
    for indices, found in self._search_all(parts, wanted, few):
      translations = [
        choose(translation, self._decoding, nbest)
        for translation in read_translations(
          found, len(indices), self._tokenizers.target
        )
      ]
      done.update(zip(indices, translations, strict=True))
      if tell:
        tokens += sum(len(parts[index].source_ids) for index in indices)
        tell(tokens / max(all_tokens, 1))
    if tell and not parts:
      tell(1.0)
    in_order = (done[index] for index in range(len(parts)))
    return [
      completed(
        join(list(itertools.islice(in_order, len(parts)))),
        self._tokenizers.target,
        line if isinstance(line, str) else line.text,
      )
      for parts, line in zip(parts_of_lines, lines, strict=True)
    ]

  def _to_decode_with(self, all_params: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
      decoding_weights(params, config, self._decoding)
      for params, config in zip(all_params, self._model_configs, strict=True)
    )

  def _check_nbest(self, nbest: int) -> None:
    sampling = self._decoding.method == 'sampling'
    if not 1 <= nbest <= self._decoding.num_slots:
      name = 'num_samples' if sampling else 'beam_size'
      raise UsageError(
        f'nbest: expected 1 to decoding.{name} = '
        f'{self._decoding.num_slots}, found {nbest}'
      )

  def _search_all(
    self, parts: list[Part], nbest: int, few: bool
  ) -> Iterator[tuple[list[int], Hypotheses]]:
    """Yields indices into `parts` and what the search found for them."""
    # A language model has prompts in place of sources, and as large caches.
    lengths = [
      min((len(part.source_ids) or part.forced_length) + 1, self.grid.longest)
      for part in parts
    ]
    kinds = [part.kind() for part in parts]
    batches = (
      (
        indices,
        make_batch(
          [parts[i] for i in indices],
          rows,
          source_length,
          self._tokenizers,
          self._decoding.max_decode_length_offset,
        ),
        self.grid.last_rows(rows),
      )
      for rows, source_length, indices in self.grid.batches(lengths, few, kinds)
    )
    yield from self._search.search(self._params, batches, nbest=nbest)
