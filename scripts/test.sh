#!/usr/bin/env bash
# Runs the suite on SQLite, then on PostgreSQL; arguments go to pytest. Fails if either run fails.
# TEST_WORKERS says how many processes share a run (default 2).
set -uo pipefail
cd "$(dirname "$0")/.."
status=0
for database in sqlite postgres; do
  echo "== Tests on $database"
  TEST_DATABASE=$database .venv/bin/pytest -n "${TEST_WORKERS:-2}" "$@" || status=1
done
exit $status
