"""Tokenisations that sacreBLEU lacks, as it wants them for BLEU."""

import importlib.metadata
import re

from sacrebleu.tokenizers.tokenizer_base import BaseTokenizer

from t2t_jax.errors import UsageError

# ASCII: perl reads the files of this procedure as bytes, for which a
# no-break space is no space.
_COMPOUND = re.compile(r'(\S)-(\S)', re.ASCII)


def split_compounds(tokens: str) -> str:
  """Returns `tokens` with words split at their hyphens.

  `rich-text format` becomes `rich ##AT##-##AT## text format`, as perl's
  s{(\\S)-(\\S)}{$1 ##AT##-##AT## $2}g has it in the get_ende_bleu.sh of
  tensor2tensor, by which the paper's en-de results were computed. Matches do
  not overlap: of `a-b-c` only the first hyphen is split.
  """
  return _COMPOUND.sub(r'\1 ##AT##-##AT## \2', tokens)


class CompoundTokenizer(BaseTokenizer):
  """Tokenises by another tokeniser, then splits compounds."""

  def __init__(self, tokenizer: BaseTokenizer) -> None:
    self._tokenizer = tokenizer

  def signature(self) -> str:
    return f'{self._tokenizer.signature()}+compounds'

  def __call__(self, line: str) -> str:
    return split_compounds(self._tokenizer(line))


class MissingPackage(UsageError):
  """A tokenisation is the work of a package that is not installed."""


class MosesTokenizer(BaseTokenizer):
  """Moses' replace-unicode-punctuation and tokenizer, by sacremoses.

  get_ende_bleu.sh tokenises the hypotheses so and takes references tokenised
  already; here both are given as plain text and tokenised alike.
  """

  def __init__(self, language: str) -> None:
    try:
      import sacremoses
    except ImportError:
      raise MissingPackage(
        "Moses' tokens need the package sacremoses; pip install "
        '"t2t_jax[moses]"'
      ) from None
    self._language = language
    self._punctuation = sacremoses.MosesPunctNormalizer(lang=language)
    self._tokenizer = sacremoses.MosesTokenizer(lang=language)

  def signature(self) -> str:
    version = importlib.metadata.version('sacremoses')
    return f'moses-{self._language}-sacremoses-{version}'

  def __call__(self, line: str) -> str:
    plain = self._punctuation.replace_unicode_punct(line)
    return self._tokenizer.tokenize(plain, return_str=True)
