#!/usr/bin/env bash
# Set up mmluss if need be, then run all steps of PASS on a small data set that is drawn here.
#
#   bash tools/quickstart.sh [arguments of tools/run_pipeline.py, such as --work-dir DIR]
set -euo pipefail

# Folders that are given are meant from where the script is called.
caller=$PWD
from_caller() { [[ $1 == /* ]] && echo "$1" || echo "${caller%/}/$1"; }
arguments=() before=
for argument in "$@"; do
  case $before in
    --work-dir | --data-root) argument=$(from_caller "$argument") ;;
  esac
  before=$argument
  case $argument in
    --work-dir=* | --data-root=*) argument=${argument%%=*}=$(from_caller "${argument#*=}") ;;
  esac
  arguments+=("$argument")
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/install.sh
source tools/activate.sh

data=data/mini_imagenets weights=checkpoints/efficientnet-lite0_imagenet.pth
python tools/dataset_converters/mini_imagenets.py "$data"
[ -f "$weights" ] || python tools/model_converters/efficientnet_lite0_to_mmluss.py "$weights"
exec python tools/run_pipeline.py configs/pipelines/pass-sharp_efficientnet-lite0_mini-imagenets.py \
  ${arguments[@]+"${arguments[@]}"}
