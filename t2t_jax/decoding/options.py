"""The options of decoding, as keyword arguments for a type checker."""

from typing import TypedDict


class DecodingOptions(TypedDict, total=False):
  """Fields of config.DecodingConfig to set anew; None: as the run has it."""

  method: str | None
  beam_size: int | None
  length_penalty_alpha: float | None
  max_decode_length_offset: int | None
  stopping: str | None
  min_length: int | None
  no_repeat_ngram: int | None
  num_samples: int | None
  temperature: float | None
  top_k: int | None
  top_p: float | None
  seed: int | None
  mbr: str | None
  batch_tokens: int | None
  weights_dtype: str | None
  checkpoint: str | int | None
