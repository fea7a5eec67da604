#!/usr/bin/env bash
# train_bench.sh [option]...   Training speed beside PyTorch and TensorFlow, and the price of emulated precision: ratios of interleaved runs.
# Builds the program and, the first time, a Python environment of several GB in build/. Options: tools/compare/speed.py --help.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset release >/dev/null
cmake --build build/release --target udnn_cli >/dev/null
tools/compare/make_env.sh
exec build/compare_env/bin/python tools/compare/speed.py "$@"
