#!/usr/bin/env bash
# One run as several processes of this machine:
#
#   launch/local.sh [--restart] PROCESSES ARGUMENTS...
#   launch/local.sh 2 --config=configs/base.py --workdir=runs/base
#
# ARGUMENTS are those of `python -m t2t_jax.main`; PYTHON chooses the python,
# PORT the coordinator's. NVIDIA GPUs, or those of CUDA_VISIBLE_DEVICES, are
# shared out evenly. SIGTERM and Ctrl-C go to all processes. When one fails all
# are stopped, and its exit status is the script's. With --restart a run that
# was told to stop from elsewhere and has saved (status 75) is started again.
set -u

restart=0
if [ "${1-}" = --restart ]; then
  restart=1
  shift
fi
case "${1-}" in
  [1-9] | [1-9][0-9]) processes=$1 ;;
  *)
    echo 'usage: launch/local.sh [--restart] PROCESSES ARGUMENTS...' >&2
    exit 2
    ;;
esac
shift
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON-}
: "${python:=$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}"
# JAX_LOCAL_DEVICE_IDS counts those that are visible: CUDA_VISIBLE_DEVICES gives
# their numbers or names; -1 hides all.
if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
  gpus=$(tr , '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep -c '^[0-9GM]')
else
  gpus=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU')
fi
if ((gpus && gpus < processes)) && [ "${JAX_PLATFORMS-}" != cpu ]; then
  echo "local.sh: expected at most one process a GPU, found $processes for" \
    "$gpus; JAX_PLATFORMS=cpu trains on CPUs" >&2
  exit 2
fi
told=0
children=()

# A terminal's Ctrl-C reaches the processes by itself, and a second one would
# end them at once: they are sent SIGTERM.
forward() {
  told=1
  kill -s TERM "${children[@]}" 2>/dev/null
}
trap forward TERM INT

start_all() {
  local port=${PORT-$((20000 + RANDOM % 20000))} i each
  children=()
  for ((i = 0; i < processes; i++)); do
    each=$((gpus / processes))
    (
      if ((each > 0)); then
        JAX_LOCAL_DEVICE_IDS=$(seq -s, $((i * each)) $(((i + 1) * each - 1)))
        export JAX_LOCAL_DEVICE_IDS
      fi
      export T2T_COORDINATOR=localhost:$port
      export T2T_NUM_PROCESSES=$processes T2T_PROCESS_ID=$i
      exec "$python" -m t2t_jax.main "$@"
    ) &
    children+=($!)
  done
}

# Sets `status` to the first one that is not 0, when all have ended. Those that
# have not ended a minute (GRACE seconds) after one failed are killed.
wait_for_all() {
  local left=("${children[@]}") still child code deadline=
  status=0
  while ((${#left[@]})); do
    still=()
    for child in "${left[@]}"; do
      if kill -0 "$child" 2>/dev/null; then
        still+=("$child")
        continue
      fi
      wait "$child"
      code=$?
      if ((code && !status)); then
        status=$code
        deadline=$((SECONDS + ${GRACE-60}))
      fi
    done
    left=("${still[@]+"${still[@]}"}")
    if [ -n "$deadline" ] && ((SECONDS > deadline && ${#left[@]})); then
      echo "local.sh: a process ended with status $status; killing the rest" >&3
      kill -s KILL "${left[@]}" 2>/dev/null
    fi
    sleep 0.2
  done
}

exec 3>&2
while :; do
  start_all "$@"
  wait_for_all 2>/dev/null # else the shell tells of each child that was killed
  ((restart && status == 75 && !told)) || exit "$status"
  echo 'local.sh: stopped and saved; starting all again' >&2
done
