#!/usr/bin/env bash
# All that is to be measured on one GPU, in calls of at most nine minutes.
#
#   benchmarks/accelerator.sh [TEXT]
#
# TEXT is the directory of Multi30k's tokenised text; without it the recipe is
# left out. Nothing is fetched from the network. A call does what parts fit, the
# most telling first, and ends with status 75 as long as some are left: give
# the same command again. In the environment:
#
#   OUT=out        results: rows.jsonl (a line as soon as it is measured),
#                  rows.md (tables), rows.log, profile-*.xplane.pb
#   DONE=DIR       OUT of a call before, if this one's is another: its rows are
#                  taken over, and their parts not measured again
#   SECONDS_LEFT=520  that this call may take
#   WORK=runs/bench   scratch: prepared text, the recipe's run, which goes on
#                  from its checkpoint, installed wheels
#   WHEELS=DIR     installs the wheels in DIR, for this script alone
#   FLAX_WMT=DIR   flax's examples/wmt, a peer
#   PARTS=a,b      only these (python -m benchmarks.all --on=gpu --list)
#   SIZES=micro    tries everything out, on any machine
#   PYTHON=python3
set -euo pipefail
began=$SECONDS
cd "$(dirname "$0")/.."
python=${PYTHON:-python3} out=${OUT:-out} work=${WORK:-runs/bench}
mkdir -p "$out" "$work"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

if [ -n "${DONE:-}" ] && [ ! -e "$out/rows.jsonl" ] \
    && [ -e "$DONE/rows.jsonl" ]; then
  cp "$DONE"/rows.* "$out/"
fi
if [ -n "${WHEELS:-}" ]; then
  if [ ! -e "$work/site/done" ]; then
    "$python" -m pip install -q --no-index --no-deps --no-cache-dir \
      --upgrade --target "$work/site" "$WHEELS"/*.whl
    touch "$work/site/done"
  fi
  site=$(cd "$work/site" && pwd)
  export PYTHONPATH=$PYTHONPATH:$site
fi
# Says which packages are missing before anything is begun.
"$python" -m benchmarks.installed

flags=(--on=gpu "--output=$out/rows.jsonl" "--work=$work")
[ -z "${1:-}" ] || flags+=("--text=$1")
[ -z "${FLAX_WMT:-}" ] || flags+=("--flax_wmt=$FLAX_WMT")
[ -z "${PARTS:-}" ] || flags+=("--parts=$PARTS")
[ "${SIZES:-}" != micro ] || flags+=(--micro)
left=$((${SECONDS_LEFT:-520} - (SECONDS - began)))
# 75: the same command again goes on.
((left > 0)) || exit 75
# In place of this shell, so that who ends the script ends the parts.
exec "$python" -m benchmarks.all "${flags[@]}" "--seconds=$left"
