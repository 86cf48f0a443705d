#!/usr/bin/env bash
# Set up mmluss if need be, lint it, build its documentation and run its tests.
#
#   bash tools/run_tests.sh [arguments of pytest, such as a file, -k NAME or -m "not slow"]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash tools/install.sh
source tools/activate.sh

# nproc gives no more than OMP_NUM_THREADS, so it is asked before that is set.
workers=$(env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu)
# Small tensors: more threads only get into each other's way. Nothing is fetched, nothing opens a window.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" MPLBACKEND=Agg HF_HUB_OFFLINE=1

echo "[lint] ruff"
ruff check
ruff format --check
echo "[lint] mypy"
mypy
echo "[lint] documentation"
# Not --quiet: it hides warnings from --strict too, and the build would pass with broken links.
site=$(mktemp -d)
NO_MKDOCS_2_WARNING=1 mkdocs build --strict --site-dir "$site"
rm -rf "$site"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  echo "[lint] pre-commit"
  SKIP=ruff-check,ruff-format,mypy pre-commit run --all-files
else
  echo "[lint] pre-commit left out: it lists files with git, and this is not a git checkout"
fi

echo "[tests]"
# A worker a core; tests of a file stay together, since they share what is expensive to make. -n 0: one process.
exec python -m pytest -q --durations=15 --numprocesses "$workers" --dist loadfile "$@"
