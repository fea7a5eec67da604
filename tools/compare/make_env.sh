#!/usr/bin/env bash
# make_env.sh [DIR]   Makes the Python environment of tools/compare in DIR (default build/compare_env of this checkout).
# Says in one line what it installs; where nothing has changed, it does nothing. About 7 GB: the only Linux wheel of torch that
# PyPI has brings CUDA's libraries with it, which are never called.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
env=${1:-$here/../../build/compare_env}
digits=scikit-learn==1.9.1 # without what it depends on: only its digits.csv is read
# What quantize.py compares with, without what it depends on: torch and numpy are here, and for the rest pychop would bring pandas and dask.
rounding=(ml_dtypes==0.6.0 gfloat==0.5.2 array-api-compat==1.16.0 more-itertools==11.2.1 qtorch==0.3.0 ninja==1.13.2)
from_source=pychop==0.6.2 # plain Python, of which PyPI has no wheel
wanted=$(grep --invert-match '^#' "$here/requirements.txt"; echo "$digits" "${rounding[@]}" "$from_source")

[[ -f $env/installed.txt && $(<"$env/installed.txt") == "$wanted" ]] && exit

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "make_env: Python's venv is missing; please install: python3-venv" >&2
  exit 1
fi
echo "Installing" $wanted "in $env"
python3 -m venv "$env"
"$env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --only-binary :all: --requirement "$here/requirements.txt"
"$env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --only-binary :all: --no-deps "$digits" "${rounding[@]}"
"$env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps "$from_source"
echo "$wanted" >"$env/installed.txt"
