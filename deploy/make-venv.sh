#!/usr/bin/env bash
# Makes the virtual environment with the first Python >= 3.11 that can: $PYTHON, else what PATH offers.
set -euo pipefail
target=$1

usable() { # succeeds when the interpreter named runs and is new enough
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2])' 2>/dev/null
}

found=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
  usable "$candidate" || continue
  : "${found:=$candidate}"
  if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then found=$candidate; break; fi
done
if [ -z "$found" ]; then
  echo "Custodian needs Python 3.11 or newer and found none (looked for: ${PYTHON:-python3 python3.13 python3.12 python3.11})." >&2
  echo "On Debian 12 or 13: apt-get install python3 python3-venv. Or name one: make demo PYTHON=/path/to/python3" >&2
  exit 1
fi
if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
  version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "$(command -v "$found") has no venv module, which Debian packs by itself. Run: apt-get install python$version-venv" >&2
  exit 1
fi
echo "Virtual environment in $target with $("$found" --version) …"
"$found" -m venv "$target"
