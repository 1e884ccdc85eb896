"""A Slurm cluster of this one machine, from Debian's slurm-wlm and munge."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'sbatch', 'srun', 'scontrol')

# cred_expire: a requeued job waits as long, usually two minutes.
_CONF = """
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SlurmUser=root
SlurmdUser=root
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
KillWait=60
NodeName={host} CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def is_there() -> bool:
  path = os.environ['PATH'] + ':/usr/sbin'
  return os.geteuid() == 0 and all(
    shutil.which(program, path=path) for program in PROGRAMS
  )


@contextlib.contextmanager
def cluster():
  """Starts the daemons; commands find them by SLURM_CONF meanwhile."""
  # Munge wants a path that everybody may pass through.
  directory = pathlib.Path(tempfile.mkdtemp(prefix='slurm-'))
  directory.chmod(0o755)
  conf = directory / 'slurm.conf'
  controller_port, node_port = _free_ports(2)
  host = socket.gethostname().partition('.')[0]
  conf.write_text(_CONF.format(**locals()))
  key = directory / 'munge.key'
  key.write_bytes(os.urandom(128))
  key.chmod(0o600)
  munged = [
    *('munged', '--foreground', '--force'),
    f'--key-file={key}',
    *(
      f'--{kind}-file={directory}/munge.{kind}'
      for kind in ('log', 'pid', 'seed')
    ),
    f'--socket={directory}/munge.socket',
  ]
  environment = {
    'SLURM_CONF': str(conf),
    'PATH': os.environ['PATH'] + ':/usr/sbin',
  }
  before = {name: os.environ.get(name) for name in environment}
  os.environ.update(environment)
  daemons = []
  try:
    for command in (munged, ['slurmctld', '-D'], ['slurmd', '-D']):
      with open(directory / f'{command[0]}.out', 'wb') as log:
        daemons.append(subprocess.Popen(command, stdout=log, stderr=log))
      if command is munged:
        _wait(lambda: (directory / 'munge.socket').exists(), 30)
    _wait(lambda: 'idle' in run('sinfo', '-h', '-o', '%T'), 120)
    yield directory
    run('scancel', '--me')
    _wait(lambda: not run('squeue', '-h'), 120)
  finally:
    for daemon in reversed(daemons):
      daemon.terminate()
      daemon.wait(60)
    for name, value in before.items():
      if value is None:
        del os.environ[name]
      else:
        os.environ[name] = value
    shutil.rmtree(directory)


def run(*command: str) -> str:
  """Returns what a command of Slurm's writes."""
  finished = subprocess.run(
    command, capture_output=True, text=True, check=False
  )
  return finished.stdout + finished.stderr


def _free_ports(count: int) -> list[int]:
  sockets = [socket.create_server(('', 0)) for _ in range(count)]
  ports = [each.getsockname()[1] for each in sockets]
  for each in sockets:
    each.close()
  return ports


def _wait(condition, seconds: float) -> None:
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'waited in vain'
    time.sleep(0.3)
