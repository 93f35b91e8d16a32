#!/usr/bin/env bash
# Every check that needs no test: style, types, layering, migrations, generated documents. Runs all, fails if one does.
set -uo pipefail
cd "$(dirname "$0")/.."
export DATA_DIR
DATA_DIR=$(mktemp -d -t jmap-lint-XXXXXX)
trap 'rm -rf "$DATA_DIR"' EXIT
status=0

check() {
  echo "-- $*"
  "$@" || { status=1; echo "-- failed: $*"; }
}

check .venv/bin/ruff check .
check .venv/bin/ruff format --check .
check .venv/bin/mypy
check .venv/bin/lint-imports
check .venv/bin/python manage.py makemigrations --check --dry-run
check .venv/bin/python scripts/rfc_coverage.py --check
exit $status
