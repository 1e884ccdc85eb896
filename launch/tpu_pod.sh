#!/bin/bash
# Trains on all hosts of a Cloud TPU slice (TPU VMs):
#
#   export TPU_NAME=my-tpu ZONE=us-west4-a      # gcloud knows the project
#   launch/tpu_pod.sh setup                     # the committed code, and jax
#   launch/tpu_pod.sh run --config=configs/big.py --workdir=/mnt/runs/big
#   launch/tpu_pod.sh status                    # and the newest of the log
#   launch/tpu_pod.sh stop                      # saves; `run` again goes on
#
# The workdir lies on a file system that all hosts share (Filestore). systemd
# keeps the run: it goes on without this terminal, gets SIGTERM by `stop` and
# before maintenance, has five minutes to save, and is started again when it
# exits with status 75 by itself. After a reboot of a host: stop, then run.
set -euo pipefail

usage() {
  echo 'usage: TPU_NAME=... ZONE=... launch/tpu_pod.sh' \
    'setup | run --config=FILE --workdir=DIR ... | status | stop' >&2
  exit 2
}

tpu() {
  local verb=$1
  shift
  gcloud compute tpus tpu-vm "$verb" "$@" --zone="$ZONE" --worker=all
}

everywhere() {
  tpu ssh "$TPU_NAME" --command="$1"
}

[[ ${TPU_NAME-} && ${ZONE-} && $# -gt 0 ]] || usage
verb=$1
shift
case $verb in
  setup)
    code=$(mktemp --suffix=.tar.gz)
    trap 'rm -f "$code"' EXIT
    git archive --output="$code" HEAD
    tpu scp "$code" "$TPU_NAME:t2t.tar.gz"
    # uv, for the VM's own Python may be older than 3.11.
    everywhere 'mkdir -p t2t && tar -xzf t2t.tar.gz -C t2t && cd t2t &&
      pip install -q --user uv &&
      python3 -m uv venv -q --clear --python=3.12 .venv &&
      python3 -m uv pip install -q --python=.venv -e ".[tpu]"'
    ;;
  run)
    (( $# )) || usage
    everywhere "cd t2t || exit
      sudo systemctl reset-failed t2t 2>/dev/null
      sudo systemd-run --unit=t2t --uid=\$USER --setenv=HOME=\$HOME \
        --working-directory=\$PWD -p RestartForceExitStatus=75 \
        -p RestartSec=10 -p TimeoutStopSec=300 \
        \$PWD/.venv/bin/python -m t2t_jax.main $(printf '%q ' "$@")"
    ;;
  status)
    everywhere 'systemctl is-active t2t; journalctl -u t2t -n 5 -o cat'
    ;;
  stop)
    everywhere 'sudo systemctl stop t2t'
    ;;
  *) usage ;;
esac
