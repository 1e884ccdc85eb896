"""What there is to measure on a machine, the most telling first."""

import dataclasses
from collections.abc import Iterable

from benchmarks.multi30k_text import text_settings, train_files


@dataclasses.dataclass(frozen=True)
class Part:
  """A benchmark in a process of its own.

  Attributes:
    name: under which its rows stand in the file.
    command: the module of benchmarks/, and its flags.
    seconds: that it should take at most on the machine it is meant for; a
      part is not begun with less time left, nor let go on for three times as
      long.
    goes_on: whether it goes on where it was stopped, so that it may be begun
      with less time left.
  """

  name: str
  command: tuple[str, ...]
  seconds: int
  goes_on: bool = False


@dataclasses.dataclass(frozen=True)
class Here:
  """What this machine has for the parts.

  Attributes:
    text: directory of Multi30k's text, '': none.
    flax_wmt: directory of flax's example, '': none.
    work: directory for runs and prepared text.
    output: directory for what is looked at afterwards.
    micro: whether parts are only to be tried out.
  """

  text: str
  flax_wmt: str
  work: str
  output: str
  micro: bool


def parts_for(machine: str, here: Here) -> list[Part]:
  """Returns the parts of 'cpu' or 'gpu'."""
  parts = list((_gpu if machine == 'gpu' else _cpu)(here))
  return [_micro(part) for part in parts] if here.micro else parts


_BESIDE_TORCH = ('--peers=ours,torch',)
_SCANNED = ('--peers=ours,ours-scanned',)


def _cpu(here: Here) -> Iterable[Part]:
  train = ('train', *_flax(here))
  for size, tokens, repeats, seconds in (
    ('tiny', 4096, 9, 90),
    ('small', 4096, 7, 130),
    ('base', 2048, 3, 240),
  ):
    yield Part(
      f'train {size}',
      (*train, f'--size={size}', f'--tokens={tokens}', f'--repeats={repeats}'),
      seconds,
    )
  yield Part('startup', ('startup',), 150)
  yield Part('input', ('input', *_corpus(here)), 60)
  yield Part(
    'decode',
    ('decode', '--size=tiny,small', '--sentences=64', '--repeats=5'),
    180,
  )
  yield Part(
    'train on text',
    (*train, '--size=tiny', '--repeats=3', *_corpus(here)),
    300,
  )
  yield Part(
    'train without dropout',
    (*train, '--size=tiny,small', '--dropout=0', '--repeats=5'),
    200,
  )
  yield Part('profile', ('profile', '--size=tiny,small'), 90)
  yield Part(
    'layers as a loop',
    ('train', *_SCANNED, '--size=tiny,small', '--repeats=5'),
    120,
  )
  yield Part('packing', ('packing', *_corpus(here)), 180)
  yield Part('prepare', ('prepare', *_pairs(here), '--plan_pairs=4000000'), 120)
  yield Part(
    'train bfloat16',
    ('train', *_BESIDE_TORCH, '--size=tiny', '--dtype=bfloat16', *_few()),
    200,
  )
  yield Part(
    'decode base', ('decode', '--size=base', '--sentences=64', *_few()), 300
  )
  yield Part(
    'train big',
    (*train, '--size=big', '--tokens=512', '--repeats=3'),
    400,
  )


def _gpu(here: Here) -> Iterable[Part]:
  half = ('train', '--dtype=bfloat16', '--tokens=24576')
  yield Part('installed', ('installed',), 20)
  for size, seconds in (('base', 90), ('big', 120)):
    yield Part(
      f'{size} alone', (*half, f'--size={size}', '--peers=ours'), seconds
    )
  peers = '--peers=ours,torch,torch-full'
  yield Part('base beside torch', (*half, '--size=base', peers), 200)
  if here.text:
    run = ('recipe', f'--text={here.text}', f'--workdir={here.work}/multi30k')
    # Twenty shapes to compile, which may take more than one call.
    compiled = (*run, '--warm_only')
    yield Part('multi30k compiled', compiled, 400, goes_on=True)
    yield Part('multi30k', run, 400, goes_on=True)
  profile = ('profile', '--dtype=bfloat16', '--tokens=24576', '--updates=5')
  kept = f'--output={here.output}'
  yield Part('profile', (*profile, '--size=base,big', kept), 150)
  decode = (
    *('decode', '--peers=ours,ctranslate2,torch', '--sentences=64,1000'),
    '--batch_tokens=131072',  # all of them at one time
  )
  yield Part('decode base', (*decode, '--size=base', *_few()), 200)
  yield Part('big beside torch', (*half, '--size=big', peers), 260)
  attention = '--peers=ours,ours-cudnn,ours-xla'
  for length, seconds in ((32, 150), (128, 150)):
    yield Part(
      f'attention {length}',
      (*half, '--size=base,big', attention, f'--length={length}'),
      seconds,
    )
  yield Part('startup', ('startup',), 120)
  yield Part('tiny and small', (*half, '--size=tiny,small', peers), 240)
  yield Part('input', ('input', '--dtype=bfloat16', *_corpus(here)), 90)
  yield Part(
    'base without dropout', (*half, '--size=base', '--dropout=0', peers), 200
  )
  yield Part(
    'base float32',
    ('train', '--size=base', '--tokens=24576', *_BESIDE_TORCH),
    200,
  )
  yield Part(
    'base on text',
    (*half, '--size=base', *_BESIDE_TORCH, *_corpus(here, tokens=24576)),
    400,
  )
  yield Part('layers as a loop', (*half, '--size=base,big', *_SCANNED), 240)
  yield Part(
    'packing',
    (
      *('packing', '--size=base', '--lengths=64,128', '--updates=4'),
      *_corpus(here, tokens=24576),
      '--config.model.compute_dtype=bfloat16',
    ),
    300,
  )
  yield Part('decode tiny', (*decode, '--size=tiny,small', *_few()), 240)
  if here.flax_wmt:
    yield Part(
      'base beside flax',
      (*half, '--size=base', '--peers=ours,flax', *_flax(here)),
      200,
    )


def _few() -> tuple[str, ...]:
  return ('--repeats=3',)


def _flax(here: Here) -> tuple[str, ...]:
  return (f'--flax_wmt={here.flax_wmt}',) if here.flax_wmt else ()


def _pairs(here: Here) -> tuple[str, ...]:
  if not here.text:
    return ()
  source, target = train_files(here.text)
  return (f'--source={source}', f'--target={target}', '--vocabulary_size=10000')


def _corpus(here: Here, tokens: int = 4096) -> tuple[str, ...]:
  """Flags of a config whose text is here: Multi30k's, or else generated."""
  settings = [
    f'data.cache_dir={here.work}/prepared',
    f'training.global_batch_tokens={tokens}',
    f'training.microbatch_tokens={tokens}',
  ]
  name = 'quickstart'
  if here.text:
    name = 'multi30k'
    settings += text_settings(here.text)
  if here.micro:
    settings += _LITTLE_TEXT
  return (
    f'--config=configs/{name}.py',
    *(f'--config.{setting}' for setting in settings),
  )


_LITTLE_TEXT = (
  'data.generated_train_pairs=300',
  'data.generated_dev_pairs=20',
  'vocabulary.size=400',
  'training.global_batch_tokens=512',
  'training.max_shapes=2',
)
# Flags that make any part last seconds; float32, as not every CPU's compiler
# makes all products of bfloat16 into float32.
_SMALL = {
  'train': (
    '--size=micro',
    '--tokens=64',
    '--length=8',
    '--product=64',
    '--dtype=float32',
  ),
  'decode': ('--size=micro', '--sentences=4', '--length=8'),
  'profile': (
    '--size=micro',
    '--tokens=64',
    '--length=8',
    '--updates=1',
    '--dtype=float32',
  ),
  'startup': ('--case=micro',),
  'input': ('--size=micro', '--batches=4', '--updates=2', '--dtype=float32'),
  'packing': (
    *('--size=micro', '--lengths=64', '--updates=2'),
    '--config.model.compute_dtype=float32',
  ),
  'prepare': ('--pairs=500', '--vocabulary_size=400', '--plan_pairs=2000'),
  'recipe': (
    '--warm_steps=1',
    '--set=training.steps=2',
    '--set=vocabulary.size=400',
    '--set=training.global_batch_tokens=512',
    '--set=training.max_shapes=2',
    '--set=model.d_model=16',
    '--set=model.d_ff=16',
  ),
}


def _micro(part: Part) -> Part:
  module, *flags = part.command
  few = ('--repeats=1',) if module not in _NOT_REPEATED else ()
  return dataclasses.replace(
    part, command=(module, *flags, *_SMALL.get(module, ()), *few)
  )


_NOT_REPEATED = ('installed', 'prepare', 'profile', 'recipe')
