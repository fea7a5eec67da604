#!/usr/bin/env bash
# exports_test.sh LIBRARY HEADER...   The shared library exports the functions that its C headers declare, nothing less and
# nothing more, and needs no library but the compiler's own (libgomp of g++, libomp of clang).
set -euo pipefail
declared=$(grep -oE '\budnn_[a-z0-9_]+\(' --no-filename "${@:2}" | tr -d '(' | sort -u)
# The comments show calls of declared functions, so every name counts.
exported=$(nm --dynamic --defined-only "$1" | awk '{print $3}' | sed 's/@.*//' | sort -u)
if [[ -z $exported || $exported != "$declared" ]]; then
  echo "$1 exports (>) other than ${*:2} declare (<):" >&2
  diff <(echo "$declared") <(echo "$exported") >&2
  exit 1
fi
needed=$(readelf --dynamic "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libstdc\+\+|libm|libgcc_s|libgomp|libomp|libc|ld-linux.*)\.so' || true)
[[ -z $needed ]] || { echo "$1 needs $needed" >&2; exit 1; }
