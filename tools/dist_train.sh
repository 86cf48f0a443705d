#!/usr/bin/env bash
# Train with one process a GPU:  bash tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
# On several machines set NNODES, NODE_RANK, MASTER_ADDR and PORT as for mmsegmentation's script of this name.
# Without a GPU the processes run on CPUs, joined by gloo.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "Usage: bash tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]" >&2
  exit 2
fi
config=$1 gpus=$2
shift 2
exec python -m torch.distributed.run \
  --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$gpus" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
  "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
