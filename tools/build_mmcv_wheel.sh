#!/usr/bin/env bash
# Build a wheel of mmcv with its compiled operators against the torch of one interpreter.
#
#   bash tools/build_mmcv_wheel.sh PYTHON MMCV_VERSION OUT_DIR
#
# Each of mmcv's source files parses all of torch's headers. g++ takes a precompiled header instead when one compiled
# with the very same flags lies beside the original, so a compiler wrapper precompiles it once from the first command
# line it sees. Any other compiler, and any failure to precompile, falls back to the plain build.
set -euo pipefail

python=$1 version=$2 out=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip download --quiet --no-deps --no-binary mmcv --no-build-isolation --dest "$work" "mmcv==$version"
tar -xzf "$work/mmcv-$version.tar.gz" -C "$work"
source="$work/mmcv-$version"

cxx=${CXX:-c++}
if "$cxx" --version 2>/dev/null | grep -q 'Free Software Foundation'; then
  mkdir "$work/bin"
  # Named like a compiler that torch knows, so that its check of the compiler's name stays quiet.
  cat >"$work/bin/g++" <<WRAPPER
#!/usr/bin/env bash
header="$source/mmcv/ops/csrc/common/pytorch_cpp_helper.hpp"
WRAPPER
  cat >>"$work/bin/g++" <<WRAPPER
real=$(command -v "$cxx")
WRAPPER
  cat >>"$work/bin/g++" <<'WRAPPER'
compiling=no flags=() skip=no
for argument in "$@"; do
  if [ "$skip" = yes ]; then skip=no; continue; fi
  case "$argument" in
    -c) compiling=yes ;;
    -o | -MF | -MT) skip=yes ;;
    -MMD | -MD | *.cpp) ;;
    *) flags+=("$argument") ;;
  esac
done
if [ "$compiling" = yes ]; then
  (
    flock 9
    if [ ! -e "$header.tried" ]; then
      touch "$header.tried"
      "$real" "${flags[@]}" -x c++-header "$header" -o "$header.part" && mv "$header.part" "$header.gch" ||
        echo "The header could not be precompiled: plain build, about 10 minutes on 2 cores." >&2
    fi
  ) 9>"$header.lock"
fi
exec "$real" "$@"
WRAPPER
  chmod +x "$work/bin/g++"
  export CXX="$work/bin/g++"
else
  echo "$cxx is not g++: no precompiled header, the build takes about 10 minutes on 2 cores." >&2
fi

jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu)
export MMCV_WITH_OPS=1 MAX_JOBS="${MAX_JOBS:-$jobs}"
# Debug information triples the time of a compiler run and nobody steps through these operators.
export CFLAGS="${CFLAGS:-} -g0" CXXFLAGS="${CXXFLAGS:-} -g0"
# mmcv's own set-up raises a smaller number of jobs to four only when MAX_JOBS is not set.
"$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$out" "$source"
