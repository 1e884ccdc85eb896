"""The tiny run as several processes of this machine, each with CPU devices."""

import pathlib
import socket
import subprocess
import threading

import tiny_run

# Of XLA's compiler, for programs that run for a millisecond.
_QUICK = (
  '--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes'
)


class Processes:
  """Starts `python -m t2t_jax.main` COUNT times, as one run.

  A context manager that leaves none of them behind. `changes` are the same
  for all, or a list with those of each. Attributes:
    started: the processes, in order.
    errors: what each has written to standard error so far, as lines.
  """

  def __init__(
    self,
    directory: pathlib.Path,
    workdir: pathlib.Path,
    changes: dict | list[dict],
    *,
    count: int = 2,
    devices: int = 2,
    environ: dict | None = None,
  ):
    port = free_port()
    self.started: list[subprocess.Popen] = []
    self.errors: list[list[str]] = [[] for _ in range(count)]
    self._news = threading.Condition()
    self._readers = []
    for i in range(count):
      own = {
        'XLA_FLAGS': f'--xla_force_host_platform_device_count={devices} '
        f'{_QUICK}=true',
        'T2T_COORDINATOR': f'localhost:{port}',
        'T2T_NUM_PROCESSES': str(count),
        'T2T_PROCESS_ID': str(i),
      }
      process = tiny_run.start(
        directory,
        workdir,
        changes[i] if isinstance(changes, list) else changes,
        {**own, **(environ or {})},
      )
      self.started.append(process)
      reader = threading.Thread(target=self._read, args=(i, process))
      reader.start()
      self._readers.append(reader)

  def __enter__(self) -> 'Processes':
    return self

  def __exit__(self, *_) -> None:
    for process in self.started:
      process.kill()
    for process, reader in zip(self.started, self._readers, strict=True):
      process.wait()
      reader.join()
      process.stdout.close()
      process.stderr.close()

  def wait_for(self, text: str, process: int = 0, seconds: float = 600) -> None:
    """Returns as soon as a process has written a line that holds `text`."""

    def is_there() -> bool:
      ended = self.started[process].poll() is not None
      return ended or any(text in line for line in self.errors[process])

    with self._news:
      while not self._news.wait_for(is_there, timeout=1):
        seconds -= 1
        assert seconds > 0, f'no {text!r} in time: {self.errors}'
    assert any(text in line for line in self.errors[process]), self.errors

  def finish(self, seconds: float = 600) -> list[int]:
    """Returns the exit statuses, when all have ended by themselves."""
    statuses = [process.wait(seconds) for process in self.started]
    for reader in self._readers:
      reader.join()
    return statuses

  def _read(self, i: int, process: subprocess.Popen) -> None:
    # Standard output is short: it fits into the pipe.
    for line in process.stderr:
      with self._news:
        self.errors[i].append(line.decode().rstrip('\n'))
        self._news.notify_all()


def free_port() -> int:
  """Returns a port of this machine that nobody listens on just now."""
  with socket.socket() as listener:
    listener.bind(('localhost', 0))
    return listener.getsockname()[1]
