#!/usr/bin/env bash
# pkg_config_test.sh FOLDER PREFIX COMPILER SOURCE   Builds SOURCE with nothing but what `pkg-config udnn` says, and runs it.
set -euo pipefail
program=$(mktemp)
trap 'rm -f "$program"' EXIT
# shellcheck disable=SC2046  # the flags are words
"$3" "$4" -o "$program" $(PKG_CONFIG_PATH=$1 pkg-config --define-variable=prefix="$2" --cflags --libs udnn)
"$program" | grep -q '^accuracy 1,'
