#!/usr/bin/env bash
# Removes what make made. Footage that a person's camera recorded is not for this script to judge: it asks `vms demo`, which
# says yes only when the directory never held a camera but those that its own marker names, and nothing is running on it.
set -euo pipefail
cd "$(dirname "$0")/.."

demo=vms-demo-data
if [ -d "$demo" ]; then
  if [ ! -x .venv/bin/vms ]; then
    echo "$demo stays: without .venv nobody can tell whether a person added a camera to it. Run: make ui clean"
  elif .venv/bin/vms --data "$demo" demo --forgettable; then
    rm -rf "$demo"
  fi
fi
rm -rf .venv .cache build dist bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
rm -rf web/static web/ui/node_modules web/ui/dist
find vms recorder retention web tests -name __pycache__ -type d -prune -exec rm -rf {} +
