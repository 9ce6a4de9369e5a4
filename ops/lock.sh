#!/bin/sh
# Remakes the lock files from pyproject.toml, for every Python and machine we name, wheels only.
#   ops/lock.sh              keeps the pinned versions where pyproject.toml allows them
#   ops/lock.sh --upgrade    takes the newest
# Arguments go to `uv pip compile`. Commit both files together.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
command -v uv >/dev/null || { echo "lock.sh: needs uv (https://docs.astral.sh/uv): pip install uv" >&2; exit 1; }
# Neither this machine's package index nor its local wheels belong into the files.
unset PIP_FIND_LINKS PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_FIND_LINKS UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL

compile() {
  uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
    --no-annotate --custom-compile-command ops/lock.sh "$@" pyproject.toml
}
compile "$@" --output-file requirements.lock
compile "$@" --output-file requirements-cluster.lock --extra cluster --constraint requirements.lock
compile "$@" --output-file requirements-test.lock --extra cluster --extra test --constraint requirements-cluster.lock

for machine in x86_64 aarch64; do
  for python in 3.11 3.12 3.13; do
    echo "lock.sh: every package has a wheel for Python $python on $machine?"
    uv --no-config pip install --quiet --dry-run --target "${TMPDIR:-/tmp}/rookery-lock" --no-deps --require-hashes \
      --only-binary :all: --python-platform "$machine-unknown-linux-gnu" --python-version "$python" \
      --requirement requirements-test.lock
  done
done
