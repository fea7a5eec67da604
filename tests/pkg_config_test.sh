#!/usr/bin/env bash
# pkg_config_test.sh FOLDER COMPILER SOURCE   Builds SOURCE with nothing but what `pkg-config udnn` says, and runs it.
set -euo pipefail
program=$(mktemp)
trap 'rm -f "$program"' EXIT
# shellcheck disable=SC2046  # the flags are words
"$2" "$3" -o "$program" $(PKG_CONFIG_PATH=$1 pkg-config --cflags --libs udnn)
"$program" | grep -q '^accuracy 1,'
