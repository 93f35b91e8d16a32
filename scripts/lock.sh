#!/usr/bin/env bash
# Writes requirements/*.txt anew from requirements/*.in, keeping the pinned versions that still fit.
# Arguments go to pip-compile: --upgrade, or --upgrade-package NAME.
set -euo pipefail
cd "$(dirname "$0")/../requirements"
export CUSTOM_COMPILE_COMMAND="make lock"
# No address of an index may get into a lock: whoever installs uses their own.
options=(--quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host
         --no-emit-find-links --no-emit-options)
echo "Locking base"
../.venv/bin/pip-compile "${options[@]}" "$@" --output-file base.txt base.in
echo "Locking production"
../.venv/bin/pip-compile "${options[@]}" "$@" --constraint base.txt --output-file production.txt production.in
echo "Locking dev"
../.venv/bin/pip-compile "${options[@]}" "$@" --constraint production.txt --output-file dev.txt dev.in
