#!/usr/bin/env bash
# The whole journey, from the command line: what train prints, eval prints again; threads, interruption and death change no byte.
set -euo pipefail
udnn=$(realpath "$1")
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

fail() { echo "train_test: $*" >&2; exit 1; }
field() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p" <<<"$2"; }
precision='all=bf16, w=e5m2, a=fx4.8, m=fx2.12:sr'
train=("$udnn" train mlp digits --batch 32 --opt adam --lr 3e-3 --seed 5 --quiet --precision "$precision")

# One JSON object as the last line, with the fields that were promised.
said=$("${train[@]}" --epochs 4 --threads 2 --out two.udnn --json | tail -n 1)
for name in accuracy kappa recall confusion train_images_per_second eval_images_per_second parameter_bytes peak_rss_bytes epochs loss precision threads isa; do
  [[ -n $(field "$name" "$said") ]] || fail "no field '$name' in: $said"
done
accuracy=$(field accuracy "$said")
awk "BEGIN {exit !($accuracy > 0.85)}" || fail "accuracy $accuracy, expected above 0.85"

# eval of what was saved: the same accuracy, to the last digit; also after the checkpoint has been reduced to a model.
evaluated=$(field accuracy "$("$udnn" eval two.udnn digits --json | tail -n 1)")
[[ $evaluated == "$accuracy" ]] || fail "train says $accuracy, eval says $evaluated"
"$udnn" export two.udnn small.udnn >/dev/null
evaluated=$(field accuracy "$("$udnn" eval small.udnn digits --json | tail -n 1)")
[[ $evaluated == "$accuracy" ]] || fail "train says $accuracy, eval of the reduced model says $evaluated"
[[ $(stat -c %s small.udnn) -lt $(stat -c %s two.udnn) ]] || fail 'the reduced model is not smaller'

# Data of the same name that are not those the model was trained on: a warning, and no more.
python3 -c 'for i in range(60): print(f"{i % 7},{i % 3},{i % 2}")' >table.csv
"$udnn" train "2 - fc 2" table.csv --seed 3 --epochs 1 --quiet --out table.udnn
"$udnn" eval table.udnn table.csv --seed 3 --quiet 2>said.txt
[[ ! -s said.txt ]] || fail "eval on the same data says $(<said.txt)"
"$udnn" eval table.udnn table.csv --seed 2 --quiet 2>said.txt
[[ $(<said.txt) =~ ^'udnn: warning: table.csv: fingerprint '[0-9a-f]{12}', expected '[0-9a-f]{12}' as trained on: other files, or another --seed or --test-fraction, with which test samples may be ones that were trained on'$ ]] ||
  fail "eval on another split says $(<said.txt)"
cp table.csv other.csv
"$udnn" eval table.udnn other.csv --seed 2 --quiet 2>said.txt
[[ ! -s said.txt ]] || fail "eval on data of another name says $(<said.txt)"

# Weights that went out come back, into a network named in each of the ways that train knows.
"$udnn" export two.udnn weights.npz >/dev/null
cat >mlp.toml <<'END'
input = 64
[[layer]]
kind = "fc"
units = 64
activation = "relu"
[[layer]]
kind = "fc"
units = 64
activation = "relu"
[[layer]]
kind = "fc"
units = 10
END
imported=("$udnn" import weights.npz back.udnn --precision "$precision")
for network in "mlp --data digits" "mlp.toml" "mlp.toml --data digits" "64 - fc 64 relu - fc 64 relu - fc 10"; do
  options=("${network%% --data *}"); [[ $network != *--data* ]] || options+=(--data "${network##*--data }")
  rm -f back.udnn
  "${imported[@]}" --network "${options[@]}" >/dev/null
  evaluated=$(field accuracy "$("$udnn" eval back.udnn digits --json | tail -n 1)")
  [[ $evaluated == "$accuracy" ]] || fail "train says $accuracy, eval of what was imported as '$network' says $evaluated"
done
refused() {  # the whole of stderr, options...
  ! "${imported[@]}" "${@:2}" >/dev/null 2>said.txt || fail "import takes ${*:2}"
  [[ $(<said.txt) == "udnn: $1" ]] || fail "import ${*:2} says $(<said.txt), expected udnn: $1"
}
refused "--network: 'mlp' is made for its data, expected --data with it" --network mlp
refused "--network: unknown name 'mpl', did you mean 'mlp'?" --network mpl
refused "--network: no.toml: cannot be opened: No such file or directory" --network no.toml
refused "--network: 11 outputs, expected 10, one for each class" --network "64 - fc 11" --data digits
refused "weights.npz: tensor 'fc1.weights': shape 64x64, expected 784x512" --network mlp --data mnist

# Any number of threads: the same bytes.
for threads in 1 3 7; do
  "${train[@]}" --epochs 4 --threads "$threads" --out "$threads.udnn" >/dev/null
  cmp -s two.udnn "$threads.udnn" || fail "$threads threads write other bytes than 2"
done

# Half of the way, then the rest: the same bytes.
"${train[@]}" --epochs 4 --steps 70 --out half.udnn >/dev/null
"$udnn" train --resume half.udnn digits --epochs 4 --out whole.udnn --quiet >/dev/null
cmp -s two.udnn whole.udnn || fail 'a resumed run writes other bytes'
"$udnn" train --resume half.udnn digits --epochs 4 --quiet >/dev/null
cmp -s two.udnn half.udnn || fail 'a resumed run without --out leaves its file as it was'
! "$udnn" train --resume half.udnn digits --lr 0.5 --quiet 2>said.txt || fail '--resume takes another learning rate'
grep -q -- '--lr: stands in the file' said.txt || fail "--resume with --lr says $(<said.txt)"
"$udnn" train mlp table.csv --epochs 1 --quiet --out table.udnn
! "$udnn" train --resume table.udnn digits 2>said.txt || fail '--resume takes other data'
[[ $(<said.txt) =~ ^'udnn: digits: fingerprint '[0-9a-f]{64}', expected '[0-9a-f]{64}" (of 'table.csv', which table.udnn was trained on)"$ ]] ||
  fail "--resume with other data says $(<said.txt)"
! "$udnn" train --resume small.udnn digits 2>said.txt || fail '--resume takes a model without a run'
[[ $(<said.txt) == 'udnn: --resume: small.udnn: no run to go on with, expected a file of udnn train --out (--init starts from weights)' ]] ||
  fail "--resume of a model says $(<said.txt)"
! "$udnn" export two.udnn two.bin 2>said.txt || fail 'a model is exported to a file of no kind'
[[ $(<said.txt) == 'udnn: two.bin: no kind of file that there is, expected a name in .npz, .safetensors or .udnn' ]] || fail "export says $(<said.txt)"
! "$udnn" export two.udnn two.udnn 2>said.txt || fail 'a model is exported over itself'
grep -q 'the model itself' said.txt || fail "export over itself says $(<said.txt)"

# The log: a line for the run, for each step, for the roles at the first step, for each epoch and for the end.
"${train[@]}" --epochs 2 --log run.jsonl >/dev/null
for count in 'run 1' 'step 90' 'roles 1' 'epoch 2' 'end 1'; do
  [[ $(grep -c "^{\"kind\":\"${count% *}\"" run.jsonl) == "${count#* }" ]] || fail "run.jsonl: expected ${count#* } lines of kind ${count% *}"
done

# The last line of an epoch's progress: the loss and the speed that the log has of it, also where a run goes on in its middle.
"${train[@]:0:3}" digits --epochs 3 --steps 30 --out shown.udnn >/dev/null 2>&1
"$udnn" train --resume shown.udnn digits --log shown.jsonl >/dev/null 2>said.txt
python3 - <<'END' || fail "the progress says: $(<said.txt)"
import json, re
epochs = [r for r in map(json.loads, open('shown.jsonl')) if r['kind'] == 'epoch']
lines = [l for l in open('said.txt') if ': 100 %' in l]
assert len(epochs) == len(lines) == 2, (epochs, lines)
for epoch, line in zip(epochs, lines):
    loss, speed, unit = re.fullmatch(r'epoch \d/3: 100 %, loss (\S+), (\S+) (k |M |)images/s\n', line).groups()
    assert loss == '%.4f' % epoch['loss'], (epoch, line)
    speed = float(speed) * {'': 1, 'k ': 1e3, 'M ': 1e6}[unit]
    assert abs(speed / epoch['images_per_second'] - 1) < 0.01, (epoch, line)
END

# For programs: counts are integers, and what is not finite is null, in --json, --log and inspect --json.
"$udnn" inspect two.udnn | grep -qE '^trained on digits: 8x8x1, values / 16, 10 classes, fingerprint [0-9a-f]{64}$' ||
  fail "inspect says of the data: $("$udnn" inspect two.udnn | tail -n 1)"
! "$udnn" train mlp digits --lr 1e10 --epochs 1 >said.txt 2>&1 || fail 'what diverges is a success'
! grep -E 'loss -?[0-9.]{12}|-nan' said.txt >&2 || fail 'a loss that is lost is printed so'
! "$udnn" train mlp digits --lr 1e10 --epochs 1 --quiet --json --out lost.udnn --log lost.jsonl >lost.json 2>said.txt || fail 'what diverges is a success'
"$udnn" inspect lost.udnn --json >inspected.json
python3 - <<'END' || fail 'what programs get is not what they are promised'
import json
def walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from walk(inner)
said, inspected = json.load(open('lost.json')), json.load(open('inspected.json'))
log = [json.loads(line) for line in open('lost.jsonl')]
assert not [word for word in walk([said, inspected, log]) if word in ('nan', 'inf', '-inf')]
assert said['loss'] is None and inspected['facts']['metrics']['loss'] is None
assert [r['loss'] for r in log if r['kind'] == 'step'][-1] is None and log[-1]['loss'] is None, log[-1]
for where, value in (said, 'parameter_bytes'), (inspected, 'parameter_bytes'), (inspected['facts']['data'], 'divisor'):
    assert type(where[value]) is int, (value, where[value])
assert said['parameter_bytes'] == 35880, said
END

# SIGINT: saved, exit code 130, and the rest as if nothing had been.
code=0
"${train[@]}" --epochs 4000 --out stopped.udnn >/dev/null 2>said.txt &
sleep 1; kill -INT $!; wait $! || code=$?
[[ $code == 130 ]] || fail "SIGINT: exit $code, expected 130: $(cat said.txt)"
[[ $(tail -n 1 said.txt) =~ ^'udnn: interrupted after '[0-9]+' steps; udnn train --resume stopped.udnn goes on'$ ]] ||
  fail "SIGINT says $(tail -n 1 said.txt)"
"$udnn" eval stopped.udnn digits >/dev/null || fail 'what SIGINT left cannot be read'

# SIGINT among several precisions: what has finished is shown, what was under way is named; --json the same.
code=0
several=("$udnn" train mlp digits --threads 1 --epochs 2000 --precision all=fp32 --precision w=fx2.6 --precision all=bf16)
"${several[@]}" --json >table.txt 2>said.txt &
until grep -q '^w=fx2.6$' said.txt; do sleep 0.02; done
kill -INT $!; wait $! || code=$?
[[ $code == 130 ]] || fail "SIGINT among three: exit $code, expected 130: $(tail -n 3 said.txt)"
[[ $(tail -n 1 said.txt) =~ ^'udnn: w=fx2.6: interrupted after '[0-9]+' steps; nothing was saved, because there is no --out; 1 of 3 precisions finished'$ ]] ||
  fail "SIGINT among three says $(tail -n 1 said.txt)"
[[ $(wc -l <table.txt) == 3 && $(sed -n 2p table.txt) == 'all=fp32  '* ]] || fail "SIGINT among three shows $(<table.txt)"
tail -n 1 table.txt | python3 -c '
import json, sys
first, second = json.load(sys.stdin)["runs"]
assert first["precision"] == "all=fp32" and first["accuracy"] > 0.5, first
assert second["precision"] == "w=fx2.6" and second["error"].startswith("interrupted after"), second' || fail "SIGINT among three: $(tail -n 1 table.txt)"

# One that fails leaves the others alone, wherever it stands.
code=0
"$udnn" train mlp digits --lr 1e10 --epochs 3 --quiet --precision all=fp32 --precision all=fx4.12 --precision all=bf16 >table.txt 2>said.txt || code=$?
[[ $code == 1 && $(wc -l <table.txt) == 2 && $(sed -n 2p table.txt) == 'all=fx4.12  '* ]] || fail "two of three that fail: exit $code, $(<table.txt)"
[[ $(wc -l <said.txt) == 3 && $(sed -n 1p said.txt) == 'udnn: 2 of 3 precisions failed:' && $(sed -n 3p said.txt) == '  all=bf16: step '*': not finite for 50 steps in a row'* ]] ||
  fail "two of three that fail say $(<said.txt)"

# kill -9 at any moment: what is there can be read. The first checkpoint is written before the first step.
rounds=0
for pause in 0.30 0.35 0.40 0.47 0.55 0.63 0.71; do
  rm -f killed.udnn*
  "${train[@]}" --epochs 4000 --out killed.udnn >/dev/null 2>&1 &
  sleep "$pause"; kill -9 $!; wait $! 2>/dev/null || true
  [[ -e killed.udnn ]] || continue  # killed before it had begun
  "$udnn" eval killed.udnn digits >/dev/null || fail "killed after $pause s: what is there cannot be read"
  rounds=$((rounds + 1))
done
[[ $rounds -ge 4 ]] || fail "only $rounds of 7 runs lived long enough to be killed while training"
