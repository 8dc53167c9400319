#!/usr/bin/env bash
# ./dev bench: builds what the benchmark needs and runs bench/run.py with the arguments given.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release -DSWAN_BENCHMARKS=ON >/dev/null
cmake --build --preset release --target swan_cli swan_bench make_random_model
exec python3 bench/run.py "$@"
