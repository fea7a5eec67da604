#!/usr/bin/env bash
# How many threads a team takes and why, as the program says it in an environment.
set -euo pipefail
. "$(dirname "$0")/fails_with.sh"
udnn=$(realpath "$1")
unset OMP_NUM_THREADS OMP_THREAD_LIMIT OMP_PROC_BIND OMP_PLACES GOMP_CPU_AFFINITY KMP_AFFINITY UDNN_PIN UDNN_VERBOSE

says() {  # pattern, command...
  local said
  said=$("${@:2}" 2>/dev/null | tail -n 1)
  [[ $said =~ ^$1$ ]] || { echo "threads_test: ${*:2} says '$said', expected $1" >&2; exit 1; }
}

says '2 threads, as asked for; .*' "$udnn" inspect --threads 2
says '1 thread, as asked for; not pinned: alone' "$udnn" inspect --threads 1
says '1 thread, one for each core; not pinned: alone' taskset -c "$(taskset -pc $$ | sed 's/.*[ ,-]//')" "$udnn" inspect

# OpenMP's variables: the first number of a list; what is no number is not ours to report.
says '3 threads, as OMP_NUM_THREADS says; .*' env OMP_NUM_THREADS=3 "$udnn" inspect
says '5 threads, as OMP_NUM_THREADS says; .*' env OMP_NUM_THREADS=' 5 ,2' "$udnn" inspect
# LLVM's library cuts the number itself.
says '2 threads, as OMP_(THREAD_LIMIT permits|NUM_THREADS says); .*' env OMP_NUM_THREADS=5 OMP_THREAD_LIMIT=2 "$udnn" inspect
says '1 thread, as OMP_NUM_THREADS says; not pinned: alone' env OMP_NUM_THREADS=1 "$udnn" inspect
says '2 threads, as asked for; .*' env OMP_NUM_THREADS=5 "$udnn" inspect --threads 2
usual=$("$udnn" inspect | tail -n 1)
# LLVM's library 14 does not survive some of these words itself (an assertion in kmp_runtime.cpp, now and then).
words=(two -1 0 3x '')
[[ $(ldd "$udnn" 2>/dev/null) != *libomp* ]] || words=()
for word in ${words[@]+"${words[@]}"}; do
  said=$(OMP_NUM_THREADS=$word "$udnn" inspect 2>/dev/null | tail -n 1)
  [[ $said != *OMP_NUM_THREADS* && $said == *' thread'* ]] ||
    { echo "threads_test: OMP_NUM_THREADS='$word' is taken for a number: $said" >&2; exit 1; }
done

# Who pins.
says '2 threads, as asked for; not pinned: UDNN_PIN=0' env UDNN_PIN=0 "$udnn" inspect --threads 2
says '1000 threads, as asked for; not pinned: more than there are CPUs \([0-9]+\)' env UDNN_PIN=1 "$udnn" inspect --threads 1000
for setting in OMP_PROC_BIND=true OMP_PROC_BIND=false OMP_PLACES=cores GOMP_CPU_AFFINITY=0 KMP_AFFINITY=compact; do
  says "2 threads, as asked for; left to OpenMP: ${setting%%=*} is set" env "$setting" "$udnn" inspect --threads 2
done
[[ $(OMP_PROC_BIND=true "$udnn" inspect 2>/dev/null | tail -n 1) == "${usual%%;*}"* ]] ||
  { echo "threads_test: where OpenMP has bound the first thread, other threads are not counted" >&2; exit 1; }
fails_with 1 "udnn: UDNN_PIN: 'yes', expected 0 or 1" env UDNN_PIN=yes "$udnn" inspect --threads 2

# UDNN_VERBOSE: the first team, once.
fails_with 0 '' "$udnn" inspect
fails_with 0 '' env UDNN_VERBOSE=0 "$udnn" inspect
fails_with 0 "udnn: $usual" env UDNN_VERBOSE=1 "$udnn" inspect
said=$(UDNN_VERBOSE=1 "$udnn" train mlp digits --steps 2 --quiet 2>&1 | grep -c 'thread')
[[ $said == 1 ]] || { echo "threads_test: UDNN_VERBOSE=1 tells of $said teams, expected the first" >&2; exit 1; }
