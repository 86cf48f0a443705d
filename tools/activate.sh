# Source this file to enter the environment that tools/install.sh fills: the active one, or else .venv.
mmluss_has_environment() {
  # Conda's base environment counts as none: it is nobody's to fill.
  [ -n "${VIRTUAL_ENV:-}" ] || { [ -n "${CONDA_PREFIX:-}" ] && [ "${CONDA_DEFAULT_ENV:-}" != base ]; }
}

if ! mmluss_has_environment; then
  # shellcheck source=/dev/null
  source "$(dirname "${BASH_SOURCE[0]}")/../.venv/bin/activate"
fi
