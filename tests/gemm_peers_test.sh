#!/usr/bin/env bash
# gemm_peers_test.sh PROGRAM COMPILER   udnn_gemm_peers with libraries made here, of which one computes wrong sums.
set -euo pipefail
. "$(dirname "$0")/fails_with.sh"
peers=$(realpath "$1")
compiler=$2
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

says() {  # pattern, file
  grep -qE -- "$1" "$2" && return
  printf 'nothing like %s in\n' "$1" >&2
  cat "$2" >&2
  exit 1
}

fails_with 2 "udnn_gemm_peers: --rounds: 6, expected a whole number from 7 to 999" "$peers" --rounds 6
fails_with 2 "udnn_gemm_peers: --threads: two, expected a whole number from 0 to 1024" "$peers" --threads two
fails_with 2 "udnn_gemm_peers: --type: 'fp8', expected any of fp64,fp32,bf16,u8s8,fp16" "$peers" --type fp32,fp8
fails_with 2 "udnn_gemm_peers: --form: '', expected any of call,packed" "$peers" --form call,
fails_with 2 "udnn_gemm_peers: --peers: 'atlas', expected any of onednn,aocl,openblas,blis,mkl,libxsmm,xnnpack" "$peers" --peers atlas
for shape in 8x8 8x8x8x8 0x8x8 8x8x16385 8x8x8, 16384x16384x257 squared; do
  word=${shape##*,}
  fails_with 2 "udnn_gemm_peers: --shape: '$word', expected MxNxK of 1 to 16384 each and 2^36 multiply-adds at most, or one of the groups of --list" \
    "$peers" --shape "$shape"
done
fails_with 1 "udnn_gemm_peers: nowhere/out.json: cannot be written: No such file or directory" "$peers" --peers none --json nowhere/out.json

# One library is right except for the last k of fp32; its fp64 is right. The other says which CPU it was told to believe in.
cat >blas.c <<'C'
#include <stdlib.h>
#define GEMM(name, type, depth)                                                                                            \
  void name(int order, int ta, int tb, int m, int n, int k, type alpha, const type* a, int lda, const type* b, int ldb,    \
            type beta, type* c, int ldc) {                                                                                 \
    for (int i = 0; i < m; ++i)                                                                                            \
      for (int j = 0; j < n; ++j) {                                                                                        \
        type sum = 0;                                                                                                      \
        for (int p = 0; p < (depth); ++p) sum += a[i * lda + p] * b[p * ldb + j];                                          \
        c[i * ldc + j] = sum;                                                                                              \
      }                                                                                                                    \
  }
GEMM(cblas_sgemm, float, k - 1)
GEMM(cblas_dgemm, double, k)
GEMM(scipy_cblas_sgemm, float, k)
void bli_thread_set_num_threads(long threads) {}
int bli_arch_query_id(void) { return 0; }
const char* bli_arch_string(int id) { return "made here"; }
void scipy_openblas_set_num_threads(int threads) {}
const char* scipy_openblas_get_corename(void) { return getenv("OPENBLAS_CORETYPE") ? "believes" : "looks itself"; }
C
mkdir -p peers/blis peers/openblas
"$compiler" -x c -w -O1 -shared -fPIC -o peers/blis/libblis.so.4 blas.c
cp peers/blis/libblis.so.4 peers/openblas/libscipy_openblas.so
echo '1.0-test' >peers/blis/VERSION

OPENBLAS_CORETYPE=Haswell OPENBLAS_L2_SIZE=512 "$peers" --folder peers --peers blis,openblas,mkl --type fp64,fp32 --form call --shape 16x16x16,300x300x300 \
  --rounds 7 --json out.json -v >said.txt
says '^BLIS +1\.0-test, made here$' said.txt
says '^OpenBLAS +\?, looks itself$' said.txt
says '^mkl +absent: peers/mkl/libmkl_rt\.so\.3: not there; tools/compare/make_peers\.sh brings it$' said.txt
says '^fp64  call    16x16x16  .* BLIS  [^w]*$' said.txt
says '^fp32  call    16x16x16  .* OpenBLAS .* wrong: BLIS$' said.txt
says '^fp32  call    300x300x300  .* OpenBLAS .* wrong: BLIS$' said.txt
says '^    BLIS +wrong$' said.txt
says '^fp32 call: uDNN over the best peer, geometric mean: all dimensions >= 64 [0-9.]+ \(1 rows\); small or skinny [0-9.]+ \(1 rows\); worst ' said.txt

python3 - out.json <<'PYTHON'
import json, statistics, sys
report = json.load(open(sys.argv[1]))
assert report["threads"] == 1 and report["rounds"] == 7 and report["cpu"] and report["date"] and report["compiler"], report
assert [absent["name"] for absent in report["absent"]] == ["mkl"], report["absent"]
rows = {(row["type"], row["m"]): {entrant["name"]: entrant for entrant in row["entrants"]} for row in report["rows"]}
assert len(rows) == 4, rows.keys()
for (number_type, m), entrants in rows.items():
    assert entrants["BLIS"]["outcome"] == ("wrong" if number_type == "fp32" else "timed" if m == 16 else entrants["BLIS"]["outcome"]), entrants
    assert ("gops" in entrants["BLIS"]) == (number_type == "fp64"), entrants
    own = entrants["uDNN"]
    assert own["outcome"] == "timed" and len(own["rounds_ns"]) == 7, own
    assert own["median_ns"] == statistics.median(own["rounds_ns"]), own
    assert abs(own["gops"] - 2 * m**3 / own["median_ns"]) < 1e-9 * own["gops"], own
    assert own["low_quartile_ns"] <= own["median_ns"] <= own["high_quartile_ns"], own
for row in report["rows"]:
    own, best = ({e["name"]: e for e in row["entrants"]}[name] for name in ("uDNN", row["best_peer"]))
    if len(best["rounds_ns"]) == 7:
        each = [theirs / ours for ours, theirs in zip(own["rounds_ns"], best["rounds_ns"])]
        assert abs(row["ratio"] - statistics.median(each)) < 1e-9 * row["ratio"], row
PYTHON
