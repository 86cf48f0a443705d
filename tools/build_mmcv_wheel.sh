#!/usr/bin/env bash
# Build a wheel of mmcv with its compiled operators against the torch of one interpreter.
#
#   bash tools/build_mmcv_wheel.sh PYTHON MMCV_VERSION OUT_DIR
#
# The interpreter needs torch, ninja and setuptools<81 installed; FORCE_CUDA=1 and TORCH_CUDA_ARCH_LIST ask for CUDA
# operators. OUT_DIR gets the wheel only once it is complete. MMLUSS_PLAIN_BUILD=1 compiles mmcv as it comes.
#
# Nearly all of the plain build's time goes into parsing torch's headers once for each of 77 source files, so
# - the files that only dispatch to a device's operator are compiled as one file;
# - the others, which define clashing names, share a precompiled header: g++ takes it when it lies beside the original,
#   was compiled with the very same flags and is included first. A compiler wrapper sees to that.
# Other compilers do without the precompiled header, and a failed build is tried again the plain way.
set -euo pipefail

if [ $# -ne 3 ]; then
  echo "Usage: bash tools/build_mmcv_wheel.sh PYTHON MMCV_VERSION OUT_DIR" >&2
  exit 2
fi
python=$1 version=$2 out=$3

compiler=$(command -v "${CXX:-c++}") || {
  echo "No C++ compiler (${CXX:-c++}) found: install one, on Debian and Ubuntu the package g++." >&2
  exit 1
}
include=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
if [ ! -e "$include/Python.h" ]; then
  echo "$include/Python.h is missing: install Python's headers, on Debian and Ubuntu the package python3-dev." >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=("mmcv==$version")
if [ -n "${MMLUSS_REQUIRE_HASHES:-}" ]; then
  hashed=$(dirname "${BASH_SOURCE[0]}")/../requirements/hashed/pinned-mmcv.txt
  grep -q "^mmcv==$version " "$hashed" || {
    echo "$hashed has no hash for mmcv $version: unset MMLUSS_REQUIRE_HASHES, or add it." >&2
    exit 1
  }
  wanted=(--require-hashes -r "$hashed")
fi
"$python" -m pip download --quiet --no-deps --no-binary mmcv --no-build-isolation --dest "$work" "${wanted[@]}"
source="$work/mmcv-$version"
header="$source/mmcv/ops/csrc/common/pytorch_cpp_helper.hpp"

merge_dispatch_files() {
  # Sorted by name, all.cpp comes before cpu/*.cpp: the compiler starts with the largest file.
  local folder="$source/mmcv/ops/csrc/pytorch" file
  # Before all files, because some define min and max as macros, which torch's headers do not survive.
  echo '#include <torch/extension.h>' >"$folder/all"
  for file in "$folder"/*.cpp; do
    mv "$file" "$file.part"
    echo "#include \"$(basename "$file").part\"" >>"$folder/all"
  done
  mv "$folder/all" "$folder/all.cpp"
}

wrap_compiler() {
  mkdir -p "$work/bin"
  # Named like a compiler that torch knows, so that torch's check of the name stays quiet.
  {
    echo '#!/usr/bin/env bash'
    printf 'compiler=%q header=%q\n' "$compiler" "$header"
    cat <<'WRAPPER'
compiling=no skip=no flags=()
for argument in "$@"; do
  if [ "$skip" = yes ]; then
    skip=no
    continue
  fi
  case "$argument" in
    # The largest file starts at once instead of waiting for the header.
    */all.cpp) exec "$compiler" "$@" ;;
    -c) compiling=yes ;;
    -o | -MF | -MT) skip=yes ;;
    -MMD | -MD | *.cpp) ;;
    *) flags+=("$argument") ;;
  esac
done
if [ "$compiling" = no ]; then
  exec "$compiler" "$@"
fi
(
  flock 9
  if [ ! -e "$header.tried" ]; then
    touch "$header.tried"
    "$compiler" "${flags[@]}" -x c++-header "$header" -o "$header.part" && mv "$header.part" "$header.gch"
  fi
) 9>"$header.lock"
if [ -e "$header.gch" ]; then
  exec "$compiler" -include "$header" "$@"
fi
exec "$compiler" "$@"
WRAPPER
  } >"$work/bin/g++"
  chmod +x "$work/bin/g++"
}

build() {
  rm -rf "$source" "$work/wheel"
  tar -xzf "$work/mmcv-$version.tar.gz" -C "$work"
  local cxx=$compiler
  if [ "$1" = fast ]; then
    merge_dispatch_files
    if command -v flock >/dev/null && "$compiler" --version 2>/dev/null | grep -q 'Free Software Foundation'; then
      wrap_compiler
      cxx="$work/bin/g++"
    else
      echo "No precompiled header (it needs g++ and flock): about 5 minutes on 2 cores." >&2
    fi
  else
    echo "Plain build of mmcv: about 10 minutes on 2 cores." >&2
  fi
  CXX=$cxx "$python" -m pip wheel --no-deps --no-build-isolation --wheel-dir "$work/wheel" "$source" >"$work/log" 2>&1
}

cores=$(env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu)
# mmcv's own set-up starts at least four compilers unless told a number.
export MMCV_WITH_OPS=1 MAX_JOBS="${MAX_JOBS:-$cores}"
# Debug information triples the time of a compiler run and nobody steps through these operators.
export CFLAGS="${CFLAGS:-} -g0" CXXFLAGS="${CXXFLAGS:-} -g0"

if [ -n "${MMLUSS_PLAIN_BUILD:-}" ] || ! build fast; then
  if ! build plain; then
    grep -E '(error|Error):' "$work/log" | head -n 40 >&2 || true
    tail -n 20 "$work/log" >&2
    echo "mmcv $version could not be built: the errors and the end of its log are above." >&2
    exit 1
  fi
fi
mkdir -p "$out"
for wheel in "$work"/wheel/mmcv-*.whl; do
  name=$(basename "$wheel")
  cp "$wheel" "$out/.$name.part"
  mv "$out/.$name.part" "$out/$name"
done
