"""What the environment says of a run's processes."""

import pytest

from t2t_jax.errors import UsageError
from t2t_jax.parallel import cluster

TWO = {
  'T2T_COORDINATOR': 'here:1234',
  'T2T_NUM_PROCESSES': '2',
  'T2T_PROCESS_ID': '1',
}
SLURM = {
  'SLURM_JOB_ID': '7',
  'SLURM_STEP_NODELIST': 'n[1-2]',
  'SLURM_STEP_NUM_NODES': '2',
  'SLURM_NTASKS': '2',
  'SLURM_PROCID': '0',
  'SLURM_LOCALID': '0',
}
ALONE = {
  'nothing': {},
  'one process': {**TWO, 'T2T_NUM_PROCESSES': '1', 'T2T_PROCESS_ID': '0'},
  'none': {**TWO, **SLURM, 'T2T_COORDINATOR': 'none'},
  # A script of sbatch, not started by srun.
  'a batch script': {'SLURM_JOB_ID': '7', 'SLURM_NTASKS': '2'},
  'a task of one': {**SLURM, 'SLURM_NTASKS': '1'},
  # salloc's shell, of a job for eight tasks.
  'an interactive step': {
    **SLURM,
    'SLURM_NTASKS': '8',
    'SLURM_STEP_NUM_TASKS': '1',
  },
  'one TPU machine': {'TPU_WORKER_HOSTNAMES': 'localhost'},
}
# jax's own detection finds the rest.
DETECTED = {
  'asked for': {'T2T_COORDINATOR': 'auto'},
  'Slurm': SLURM,
  'TPU machines': {'TPU_WORKER_HOSTNAMES': 'a,b'},
  'TPU processes': {'TPU_PROCESS_ADDRESSES': 'a:1,b:1'},
  'TPU slices': {'TPU_WORKER_HOSTNAMES': 'a', 'MEGASCALE_NUM_SLICES': '2'},
}


@pytest.mark.parametrize('environ', ALONE.values(), ids=ALONE)
def test_one_process(environ):
  assert cluster.find(environ) is None


@pytest.mark.parametrize('environ', DETECTED.values(), ids=DETECTED)
def test_left_to_jax(environ):
  assert cluster.find(environ) == {}


def test_told_where_the_others_are():
  expected = {
    'coordinator_address': 'here:1234',
    'num_processes': 2,
    'process_id': 1,
    'cluster_detection_method': 'deactivate',
  }
  assert cluster.find(TWO) == expected
  # What was said to this program comes before what surrounds it.
  assert cluster.find({**SLURM, **TWO}) == expected


def test_an_indexed_kubernetes_job_numbers_the_processes():
  environ = {**TWO, 'T2T_PROCESS_ID': '', 'JOB_COMPLETION_INDEX': '0'}
  assert cluster.find(environ)['process_id'] == 0


def test_the_only_process_of_a_slurm_node_takes_all_its_gpus():
  with_gpus = {**SLURM, 'SLURM_GPUS_ON_NODE': '4'}
  assert cluster.find(with_gpus) == {'local_device_ids': [0, 1, 2, 3]}
  # With several a machine jax gives each its own.
  assert cluster.find({**with_gpus, 'SLURM_NTASKS': '8'}) == {}
  assert cluster.find({**with_gpus, 'JAX_LOCAL_DEVICE_IDS': '1'}) == {}
  # Slurm shows it its own: jax's number on the machine would be of none.
  bound = {**with_gpus, 'SLURM_NTASKS': '8', 'CUDA_VISIBLE_DEVICES': '0'}
  assert cluster.find(bound) == {'local_device_ids': [0]}


def test_a_cloud_tpu_machine_asks_its_metadata(monkeypatch):
  monkeypatch.setattr(cluster, 'find_spec', lambda name: name)
  monkeypatch.setattr(cluster.Path, 'exists', lambda path: True)
  assert cluster.find({}) == {}
  assert cluster.find({'TPU_SKIP_MDS_QUERY': '1'}) is None


def test_silence():
  assert cluster.heartbeat_seconds({}) == 30
  assert cluster.heartbeat_seconds({'T2T_HEARTBEAT_SECONDS': '7'}) == 7
  assert cluster.join_seconds({}) == 300
  assert cluster.join_seconds({'T2T_JOIN_SECONDS': '9'}) == 9
  with pytest.raises(UsageError, match='T2T_JOIN_SECONDS: expected a number'):
    cluster.join_seconds({'T2T_JOIN_SECONDS': 'long'})
  with pytest.raises(UsageError) as error:
    cluster.heartbeat_seconds({'T2T_HEARTBEAT_SECONDS': '0'})
  assert str(error.value) == (
    "T2T_HEARTBEAT_SECONDS: expected a number from 1, found '0'"
  )


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'T2T_PROCESS_ID': '', 'T2T_COORDINATOR': ''},
      'T2T_COORDINATOR, T2T_PROCESS_ID: not set; several processes need '
      'T2T_COORDINATOR, T2T_NUM_PROCESSES and T2T_PROCESS_ID',
    ),
    (
      {'T2T_COORDINATOR': 'here'},
      'T2T_COORDINATOR: expected HOST:PORT of process 0, auto or none, found '
      "'here'",
    ),
    (
      {'T2T_PROCESS_ID': '2'},
      "T2T_PROCESS_ID: expected a number 0 to 1, found '2'",
    ),
    (
      {'T2T_NUM_PROCESSES': 'two'},
      "T2T_NUM_PROCESSES: expected a number from 1, found 'two'",
    ),
  ],
)
def test_mistakes_are_named(changes, message):
  with pytest.raises(UsageError) as error:
    cluster.find({**TWO, **changes})
  assert str(error.value) == message
