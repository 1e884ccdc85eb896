"""The options of decoding, as keyword arguments for a type checker."""

from typing import TypedDict


class DecodingOptions(TypedDict, total=False):
  """Fields of config.DecodingConfig to set anew; None: as the run has it."""

  beam_size: int | None
  length_penalty_alpha: float | None
  max_decode_length_offset: int | None
  batch_tokens: int | None
  checkpoint: str | int | None
