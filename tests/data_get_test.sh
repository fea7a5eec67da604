#!/usr/bin/env bash
# udnn data get, against a server on loopback and against folders; no other network is touched.
set -euo pipefail
udnn=$1
cd "$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$PWD"' EXIT
export UDNN_DATA=$PWD/data

fails() { printf '%s\n' "$@" >&2; exit 1; }
expect() {  # expected text, command...: exit code 1, this on stderr, nothing on stdout
  local code=0 out
  out=$("${@:2}" 2>said.txt </dev/null) || code=$?
  [[ $code == 1 && -z $out && $(<said.txt) == "$1" ]] || fails "${*:2}: exit $code, said:" "$(<said.txt)" "expected:" "$1"
}
missing="udnn: mnist: 4 of 4 files could not be had, expected them (or their .gz) in $UDNN_DATA/mnist:
  train-images-idx3-ubyte  47040016 bytes, sha256 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
  train-labels-idx1-ubyte  60008 bytes, sha256 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
  t10k-images-idx3-ubyte  7840016 bytes, sha256 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
  t10k-labels-idx1-ubyte  10008 bytes, sha256 ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"

expect "udnn: mnits: no registered data set, did you mean 'mnist'?" "$udnn" data get mnits
mkdir empty served
expect "$missing" "$udnn" data get mnist --from empty

# Where no source has it, neither message sends to the other: both say what can be done, and doing it works.
help='no package has it: unpack cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html, then: udnn data get cifar10 --from cifar-10-batches-bin'
batches=(data_batch_{1..5}.bin test_batch.bin)
expect "udnn: cifar10: not there, expected data_batch_1.bin, data_batch_2.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, test_batch.bin in $UDNN_DATA/cifar10; $help" \
  "$udnn" train mlp cifar10
expect "udnn: cifar10: 6 of 6 files could not be had, expected them (or their .gz) in $UDNN_DATA/cifar10:
$(printf '  %s  30730000 bytes, no checksum known\n' "${batches[@]}")
$help" "$udnn" data get cifar10
mkdir cifar-10-batches-bin
for batch in "${batches[@]}"; do truncate -s 30730000 "cifar-10-batches-bin/$batch"; done
"$udnn" data get cifar10 --from cifar-10-batches-bin 2>said.txt
"$udnn" data show cifar10 --json | grep -q '"train":50000,"test":10000,' || fails "cifar10 from a folder said:" "$(<said.txt)"
rm -r cifar-10-batches-bin "$UDNN_DATA/cifar10"

# A server whose files are not those of the table: they are fetched, refused and forgotten.
printf 'x%.0s' {1..10008} >served/t10k-labels-idx1-ubyte
python3 -u -c '
import functools, http.server as h
class Quiet(h.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
s = h.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="served"))
print(s.server_port)
s.serve_forever()' >port.txt &
server=$!
until [[ -s port.txt ]]; do sleep 0.05; done
code=0
"$udnn" data get mnist --mirror "http://127.0.0.1:$(<port.txt)" 2>said.txt || code=$?
[[ $code == 1 ]] || fails "a mirror with other files: exit $code" "$(<said.txt)"
[[ $(tail -n 5 said.txt) == "$missing" ]] || fails "a mirror with other files said:" "$(<said.txt)"
[[ -z $(find "$UDNN_DATA" -type f) ]] || fails "something half-fetched is left:" "$(find "$UDNN_DATA" -type f)"

"$udnn" data get digits 2>said.txt
[[ $(<said.txt) == "digits: part of the program, nothing to get" ]] || fails "data get digits said:" "$(<said.txt)"
"$udnn" data show digits --json | python3 -c '
import json, sys
shown = json.load(sys.stdin)
assert (shown["train"], shown["test"], shown["shape"], shown["divisor"]) == (1437, 360, [8, 8, 1], 16), shown
assert sum(row["train"] for row in shown["classes"]) == 1437, shown'
"$udnn" data list --json | python3 -c '
import json, sys
sets = {s["name"]: s for s in json.load(sys.stdin)["sets"]}
assert sets["mnist"]["state"] == "missing" and sets["digits"]["state"] == "embedded", sets'
