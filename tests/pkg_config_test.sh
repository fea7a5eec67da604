#!/usr/bin/env bash
# pkg_config_test.sh FOLDER PACKAGE COMPILER SOURCE EXPECTED [EMULATOR]...   Builds SOURCE with nothing but what `pkg-config PACKAGE`
# says, and runs it.
set -euo pipefail
export PKG_CONFIG_PATH=$1
program=$(mktemp)
trap 'rm -f "$program"' EXIT
# shellcheck disable=SC2046  # the flags are words
"$3" "$4" -o "$program" $(pkg-config --cflags --libs "$2")
said=$(LD_LIBRARY_PATH=$(pkg-config --variable=libdir "$2") "${@:6}" "$program")
grep -q "$5" <<<"$said" || { echo "pkg_config_test: $4 says '$said', expected $5" >&2; exit 1; }
