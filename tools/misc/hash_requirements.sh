#!/usr/bin/env bash
# Write requirements/hashed/: the pins of requirements/pinned*.txt with the SHA-256 of each file on the package index,
# those of other platforms and Python versions included.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mkdir -p requirements/hashed
for pins in requirements/pinned*.txt; do
  uv pip compile --quiet --universal --python-version 3.10 --no-annotate --no-header --no-deps --generate-hashes \
    "$pins" -o "requirements/hashed/$(basename "$pins")" >/dev/null
done
