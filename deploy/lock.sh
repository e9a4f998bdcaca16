#!/usr/bin/env bash
# Writes the three lock files from pyproject.toml: every version pinned, every file's hash, no address of an index.
# Run with the oldest Python supported, so that the versions chosen exist for all: make lock PYTHON=python3.11
set -euo pipefail
cd "$(dirname "$0")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
deploy/make-venv.sh "$tool/venv"
"$tool/venv/bin/python" -m pip --disable-pip-version-check --quiet install 'pip-tools>=7.6'

compile() {
  echo "Resolving $1 …"
  "$tool/venv/bin/pip-compile" --quiet --generate-hashes --strip-extras --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --output-file "$@"
}
"$tool/venv/bin/python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["build"], sep="\n")' >"$tool/build.in"
compile requirements.lock pyproject.toml
compile requirements-build.lock --constraint requirements.lock "$tool/build.in"
compile requirements-dev.lock --extra build --extra test --constraint requirements.lock --constraint requirements-build.lock pyproject.toml
