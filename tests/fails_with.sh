# fails_with.sh: sourced by the tests of programs.

fails_with() {  # exit code, the whole of stderr, command...
  local code=0 said
  said=$("${@:3}" 2>&1 >/dev/null </dev/null) || code=$?
  [[ $code == "$1" && $said == "$2" ]] && return
  printf '%s\n  exit %s, expected %s\n  said     %s\n  expected %s\n' "${*:3}" "$code" "$1" "$said" "$2" >&2
  exit 1
}
