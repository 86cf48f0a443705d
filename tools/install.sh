#!/usr/bin/env bash
# Set up mmluss: the pinned packages of requirements/, mmcv compiled against the pinned torch, and mmluss itself.
#
#   bash tools/install.sh
#
# Fills the active virtual or conda environment, or else creates .venv in the repository. Running it again takes
# seconds. The compiled mmcv is kept in ${XDG_CACHE_HOME:-~/.cache}/mmluss/wheels for other environments. With an
# NVIDIA GPU it installs faiss-gpu, and compiles mmcv's CUDA operators where a matching nvcc is at hand.
#
#   MMLUSS_REQUIRE_HASHES=1 bash tools/install.sh
#
# takes only files whose SHA-256 is in requirements/hashed/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '[install] %s\n' "$*"; }
fail() {
  say "$*" >&2
  exit 1
}

# step MESSAGE COMMAND...: run a command and tell how long it took.
step() {
  local message=$1 start=$SECONDS
  shift
  say "$message ..."
  "$@"
  say "... done in $((SECONDS - start)) s"
}

find_python() {
  local candidate
  for candidate in python3.11 python3.12 python3.10 python3; do
    # Running it tells more than finding it: version managers leave commands behind that only print an error.
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
      >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  fail "No Python 3.10, 3.11 or 3.12 with venv found; on Debian and Ubuntu install python3 and python3-venv."
}

create_environment() {
  local found
  found=$(find_python)
  "$found" -m venv --clear .venv
}

# Hashes are asked for, and not always required: a wheel from an index or a folder of one's own, such as a torch without
# CUDA, is as good, but another file.
pins=requirements
[ -z "${MMLUSS_REQUIRE_HASHES:-}" ] || pins=requirements/hashed

install_packages() {
  local other=cpu
  [ "$faiss" = gpu ] || other=gpu
  # The two builds of faiss own the same files: the other one has to go first.
  if python -m pip show --quiet "faiss-$other" >/dev/null 2>&1; then
    python -m pip uninstall --quiet --yes "faiss-$other"
  fi
  local files=(-r "$pins/pinned.txt" -r "$pins/pinned-$faiss.txt")
  if [ "$pins" != requirements ]; then
    # pip, since uv would have to be installed before anything is checked.
    python -m pip install --quiet --require-hashes "${files[@]}"
    return
  fi
  # uv takes a third of pip's time; it does not read pip's settings, so that pip may reach an index that uv cannot.
  # Bytecode is compiled now: where PYTHONDONTWRITEBYTECODE is set, every process would spend 15 seconds on it.
  if python -m pip install --quiet "$(grep '^uv==' requirements/pinned.txt)" &&
    python -m uv pip install --quiet --compile-bytecode --python "$(command -v python)" "${files[@]}"; then
    return
  fi
  say "uv could not install the packages; trying pip, which takes about 3 minutes"
  python -m pip install --quiet "${files[@]}"
}

# CUDA architectures of the GPUs as torch wants them ("8.0;9.0"), if mmcv's CUDA operators can be compiled here.
cuda_architectures() {
  [ "$faiss" = gpu ] || return 0
  local wanted present
  wanted=$(python -c 'import torch; print((torch.version.cuda or "").split(".")[0])')
  present=$({ nvcc --version 2>/dev/null || true; } | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
  if [ -z "$wanted" ] || [ "$wanted" != "$present" ]; then
    say "nvcc of CUDA ${wanted:-?} not found (found: ${present:-none}): mmcv gets CPU operators only." >&2
    return 0
  fi
  nvidia-smi --query-gpu=compute_cap --format=csv,noheader | sort -u | paste -sd ';' -
}

build_mmcv() { # CACHE_FOLDER ARCHITECTURES
  if [ -n "$2" ]; then
    FORCE_CUDA=1 TORCH_CUDA_ARCH_LIST="$2" bash tools/build_mmcv_wheel.sh python "$mmcv_version" "$1"
  else
    FORCE_CUDA=0 CUDA_VISIBLE_DEVICES='' bash tools/build_mmcv_wheel.sh python "$mmcv_version" "$1"
  fi
}

# Folder of the cached wheel: named by all that a compiled mmcv depends on.
wheel_folder() { # ARCHITECTURES
  python - "$mmcv_version" "${1:-cpu}" <<'PYTHON'
import os
import platform
import sys
from pathlib import Path

import torch

mmcv, operators = sys.argv[1:]
cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
parts = [
    f"mmcv{mmcv}",
    f"torch{torch.__version__}",
    f"{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}",
    f"cuda{torch.version.cuda}",
    f"ops_{operators.replace(';', '_')}",
    f"{platform.system()}_{platform.machine()}",
]
print(cache / "mmluss" / "wheels" / "-".join(parts))
PYTHON
}

install_wheel() { # CACHE_FOLDER
  python -m pip install --quiet --force-reinstall --no-deps --no-index "$1"/mmcv-*.whl &&
    python -W ignore -c 'import mmcv.ops'
}

install_mmcv() {
  local architectures folder
  architectures=$(cuda_architectures)
  folder=$(wheel_folder "$architectures")
  if compgen -G "$folder/mmcv-*.whl" >/dev/null; then
    say "Taking mmcv's wheel from $folder"
    install_wheel "$folder" && return
    say "The kept wheel does not work here: building it anew"
    rm -rf "$folder"
  fi
  if [ -n "$architectures" ]; then
    say "Compiling mmcv's operators for CPU and CUDA ($architectures): 20 minutes or more on few cores"
    if ! build_mmcv "$folder" "$architectures" || ! install_wheel "$folder"; then
      say "The CUDA operators could not be compiled: building the CPU operators, all that mmluss needs"
      rm -rf "$folder"
      folder=$(wheel_folder "")
      compgen -G "$folder/mmcv-*.whl" >/dev/null || build_mmcv "$folder" ""
      install_wheel "$folder"
    fi
    return
  fi
  say "Compiling mmcv's operators, 2 to 3 minutes on 2 cores; the wheel is kept in $folder"
  build_mmcv "$folder" ""
  install_wheel "$folder"
}

install_mmluss() {
  # Not `pip install -e`: its newer kind of editable installation is one where `mim` does not find mmluss/.mim.
  local output
  if ! output=$(python -W ignore setup.py --quiet develop --no-deps 2>&1); then
    printf '%s\n' "$output" >&2
    return 1
  fi
}

# The versions of all that was installed, to notice what has been changed since.
installed_versions() {
  python - <<'PYTHON'
import re
from importlib import metadata
from pathlib import Path

lines = [line for path in sorted(Path("requirements").glob("pinned*.txt")) for line in path.read_text().splitlines()]
names = {match[0] for match in (re.match(r"[\w.-]+", line) for line in lines) if match} | {"mmluss"}
for name in sorted(names):
    try:
        print(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        continue
PYTHON
}

check_imports() {
  python -W ignore -c 'import faiss, mmcv.ops, mmpretrain, mmseg, torchvision, mmluss'
}

source tools/activate.sh 2>/dev/null || true
if ! mmluss_has_environment || [ "${VIRTUAL_ENV:-}" = "$root/.venv" ]; then
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    step "Creating $root/.venv" create_environment
  fi
  source tools/activate.sh
fi
python -c 'import os, sys; sys.exit(os.path.realpath(sys.prefix) not in map(os.path.realpath, sys.argv[1:]))' \
  "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}" ||
  fail "$(command -v python) does not belong to the active environment ${VIRTUAL_ENV:-$CONDA_PREFIX}: activate it anew."
python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' ||
  fail "$(command -v python) is $(python --version); mmluss needs Python 3.10, 3.11 or 3.12."

faiss=cpu gpus=
if gpus=$(nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader 2>/dev/null) && [ -n "$gpus" ]; then
  faiss=gpu
fi
mmcv_version=$(sed -n 's/^mmcv==//p' requirements/pinned-mmcv.txt)
stamp=$(python -c 'import sys; print(sys.prefix)')/mmluss-install.txt
# Whatever changes what this script would do.
fingerprint=$({
  cat requirements/*.txt "$pins"/*.txt setup.py mmluss/version.py tools/install.sh tools/build_mmcv_wheel.sh
  echo "$root $gpus $(nvcc --version 2>/dev/null || true)"
} | cksum)

if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$fingerprint"$'\n'"$(installed_versions)" ]; then
  say "Already installed in $(dirname "$stamp") ($SECONDS s)"
  exit 0
fi
rm -f "$stamp"

say "Installing into $(dirname "$stamp")"
step "Installing the pinned packages, torch's CUDA libraries included (5 GB), about 1 minute" install_packages
step "Installing mmcv $mmcv_version" install_mmcv
step "Installing mmluss" install_mmluss
say "Checking that everything imports ..."
check_imports || fail "The installation does not work: see the error above; running this again starts over."
printf '%s\n' "$fingerprint" "$(installed_versions)" >"$stamp"
say "mmluss is installed in $(dirname "$stamp"); the installation took $SECONDS s"
