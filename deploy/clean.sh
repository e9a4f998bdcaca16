#!/usr/bin/env bash
# Removes what make made. Footage that a person's camera recorded is not for this script to judge: it asks `vms demo`,
# which says yes only when the directory holds nothing but demo cameras and nothing is running on it.
set -euo pipefail
cd "$(dirname "$0")/.."

demo=vms-demo-data
if [ -d "$demo" ]; then
  if [ ! -x .venv/bin/vms ]; then
    echo "$demo stays: without .venv nobody can tell whether a person added a camera to it. Run: make ui clean"
  elif .venv/bin/vms --data "$demo" demo --forgettable; then
    rm -rf "$demo"
  else
    echo "$demo stays."
  fi
fi
rm -rf .venv build dist bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
rm -rf web/static web/ui/node_modules web/ui/dist
find vms recorder retention web tests -name __pycache__ -type d -prune -exec rm -rf {} +
