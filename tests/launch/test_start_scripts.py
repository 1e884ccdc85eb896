"""The start scripts: their syntax, and what they ask of the systems."""

import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

from t2t_jax.cli import EXIT_STOPPED

LAUNCH = pathlib.Path(__file__).parents[2] / 'launch'
SHELL = sorted([*LAUNCH.glob('*.sh'), *LAUNCH.glob('*.sbatch')])


def _name(path):
  return path.name


@pytest.mark.parametrize('script', SHELL, ids=_name)
def test_shell_scripts_are_well_formed(script):
  assert os.access(script, os.X_OK)
  subprocess.run(['bash', '-n', script], check=True)
  if shutil.which('shellcheck'):
    subprocess.run(['shellcheck', script], check=True)


@pytest.mark.parametrize(
  ('tasks', 'gpus', 'runs'),
  [
    ('8(x2)', '8', True),
    ('1(x2)', '8', True),
    ('2', '', True),
    ('2(x2)', '8', False),
  ],
)
def test_slurm_runs_a_process_a_gpu_or_a_node(tmp_path, tasks, gpus, runs):
  (tmp_path / 'srun').write_text('#!/bin/bash\necho "$@"\n')
  (tmp_path / 'srun').chmod(0o755)
  finished = subprocess.run(
    [LAUNCH / 'slurm.sbatch', '--config=a b'],
    env={
      'PATH': f'{tmp_path}:{os.environ["PATH"]}',
      'SLURM_JOB_ID': '7',
      'SLURM_TASKS_PER_NODE': tasks,
      **({'SLURM_GPUS_ON_NODE': gpus} if gpus else {}),
    },
    capture_output=True,
    text=True,
    check=False,
  )
  if runs:
    assert finished.returncode == 0
    assert finished.stdout.endswith('python -m t2t_jax.main --config=a b\n')
  else:
    assert finished.returncode == 2
    assert finished.stderr == (
      'slurm.sbatch: expected --ntasks-per-node=8, one process a GPU, or 1, '
      'found 2\n'
    )


# --- TPU pod ------------------------------------------------------------------


@pytest.fixture
def tpu_pod(tmp_path, monkeypatch):
  """Runs tpu_pod.sh with programs of one host in place of all; returns what
  they were given, a list of arguments a call."""
  programs = {
    'gcloud': 'for a in "$@"; do [[ $a == --command=* ]] && '
    'cd "$HOME" && exec bash -c "${a#--command=}"; done; true',
    'sudo': 'exec "$@"',
    'systemctl': 'true',
    'systemd-run': 'true',
    'journalctl': 'true',
  }
  calls = tmp_path / 'calls'
  for name, body in programs.items():
    file = tmp_path / 'bin' / name
    file.parent.mkdir(exist_ok=True)
    log = f'printf "%s\\0" "${{0##*/}}" "$@" >> {calls}; echo >> {calls}\n'
    file.write_text(f'#!/bin/bash\n{log}{body}\n')
    file.chmod(0o755)
  (tmp_path / 't2t').mkdir()
  path = f'{tmp_path}/bin:{os.environ["PATH"]}'
  environment = {'PATH': path, 'HOME': str(tmp_path), 'USER': 'me'}

  def run(*arguments, name='my-tpu', status=0):
    finished = subprocess.run(
      [LAUNCH / 'tpu_pod.sh', *arguments],
      env={**environment, 'TPU_NAME': name, 'ZONE': 'z'},
      cwd=LAUNCH.parent,
      capture_output=True,
      text=True,
      check=False,
    )
    assert finished.returncode == status, finished.stderr
    # Arguments may hold line ends, so calls are told apart by a lone one.
    text = calls.read_text() if calls.exists() else ''
    calls.unlink(missing_ok=True)
    return [call.split('\0') for call in text.split('\0\n')[:-1]]

  return run


def test_a_tpu_pod_run_starts_on_all_hosts(tpu_pod, tmp_path):
  gcloud, *_, systemd_run = tpu_pod('run', '--config=c.py', '--workdir=a b$c')
  assert ' '.join(gcloud[:6]) == 'gcloud compute tpus tpu-vm ssh my-tpu'
  assert {'--zone=z', '--worker=all'} <= set(gcloud)
  assert systemd_run == [
    *('systemd-run', '--unit=t2t', '--uid=me', f'--setenv=HOME={tmp_path}'),
    f'--working-directory={tmp_path}/t2t',
    *('-p', f'RestartForceExitStatus={EXIT_STOPPED}'),
    *('-p', 'RestartSec=10', '-p', 'TimeoutStopSec=300'),
    *(f'{tmp_path}/t2t/.venv/bin/python', '-m', 't2t_jax.main'),
    *('--config=c.py', '--workdir=a b$c'),
  ]


def test_a_tpu_pod_is_told_to_stop_by_its_systemd(tpu_pod):
  assert tpu_pod('stop')[-1] == ['systemctl', 'stop', 't2t']
  assert tpu_pod('status')[1] == ['systemctl', 'is-active', 't2t']


@pytest.mark.parametrize('arguments', [[], ['run'], ['start']])
def test_a_mistake_of_the_tpu_pod_shows_its_usage(tpu_pod, arguments):
  assert tpu_pod(*arguments, status=2) == []
  assert tpu_pod('stop', name='', status=2) == []


# --- GKE ----------------------------------------------------------------------


def test_the_jobset_restarts_as_often_as_it_saved():
  jobset = yaml.safe_load((LAUNCH / 'gke_jobset.yaml').read_text())
  assert jobset['apiVersion'] == 'jobset.x-k8s.io/v1alpha2'
  assert jobset['kind'] == 'JobSet'
  (rule,) = jobset['spec']['failurePolicy']['rules']
  # The reason of a job that its pod failure policy failed.
  assert rule['onJobFailureReasons'] == ['PodFailurePolicy']
  assert rule['action'] == 'RestartJobSetAndIgnoreMaxRestarts'
  job = jobset['spec']['replicatedJobs'][0]['template']['spec']
  saved, disrupted = job['podFailurePolicy']['rules']
  pod = job['template']['spec']
  (container,) = pod['containers']
  assert saved['action'] == disrupted['action'] == 'FailJob'
  assert saved['onExitCodes'] == {
    'containerName': container['name'],
    'operator': 'In',
    'values': [EXIT_STOPPED],
  }
  assert disrupted['onPodConditions'] == [
    {'type': 'DisruptionTarget', 'status': 'True'}
  ]
  # Kubernetes takes a pod failure policy with this one alone.
  assert pod['restartPolicy'] == 'Never'
  assert job['backoffLimit'] == 0
  assert pod['terminationGracePeriodSeconds'] >= 300


def test_the_jobsets_hosts_hold_all_chips_of_the_slice():
  jobset = yaml.safe_load((LAUNCH / 'gke_jobset.yaml').read_text())
  job = jobset['spec']['replicatedJobs'][0]['template']['spec']
  pod = job['template']['spec']
  (container,) = pod['containers']
  x, y = pod['nodeSelector']['cloud.google.com/gke-tpu-topology'].split('x')
  resources = container['resources']
  assert resources['requests'] == resources['limits']
  chips = resources['limits']['google.com/tpu']
  assert int(x) * int(y) == job['parallelism'] * chips
  assert job['parallelism'] == job['completions']
  assert job['completionMode'] == 'Indexed'
  mounted = {mount['name'] for mount in container['volumeMounts']}
  assert mounted == {volume['name'] for volume in pod['volumes']}
  for flag in container['args'][1:]:
    assert flag.partition('=')[2].startswith('/runs')


# --- Docker -------------------------------------------------------------------


def test_the_image_copies_what_the_package_is_made_of():
  text = (LAUNCH / 'Dockerfile').read_text().replace('\\\n', '')
  lines = [
    line for line in text.splitlines() if line and not line.startswith('#')
  ]
  copied = {
    source
    for line in lines
    if line.startswith('COPY')
    for source in line.split()[1:-1]
  }
  needed = {'pyproject.toml', 'README.md', 'LICENSE', 'configs', 't2t_jax'}
  assert copied == needed
  assert all((LAUNCH.parent / source).exists() for source in copied)
  # And nothing else is sent to the builder.
  ignored = (LAUNCH / 'Dockerfile.dockerignore').read_text().splitlines()
  assert ignored[1] == '*'
  assert {line[1:] for line in ignored if line[0] == '!'} == needed
  # Arrays: a shell between would not hand signals on.
  assert lines[-1] == 'ENTRYPOINT ["t2t-train"]'


@pytest.mark.parametrize(
  ('device', 'installed'),
  [('cpu', '.'), ('cuda', '.[cuda]'), ('tpu', '.[tpu]'), ('gpu', None)],
)
def test_the_image_installs_what_its_device_needs(tmp_path, device, installed):
  text = (LAUNCH / 'Dockerfile').read_text().replace('\\\n', '')
  (line,) = [x for x in text.splitlines() if x.startswith('RUN ')]
  finished = subprocess.run(
    ['sh', '-c', f'pip() {{ echo "$3"; }}; {line[4:]}'],
    env={'DEVICE': device},
    capture_output=True,
    text=True,
    check=False,
  )
  if installed:
    assert finished.stdout == f'{installed}\n'
  else:
    assert finished.returncode == 2
    assert finished.stderr == (
      "DEVICE: expected cpu, cuda or tpu, found 'gpu'\n"
    )
