#!/usr/bin/env bash
# formats_test.sh PROGRAM README   `udnn formats` and `udnn round`, as their users meet them.
set -euo pipefail
udnn=$(realpath "$1")
readme=$(realpath "$2")
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

fail() {
  printf '%s\n  said     %s\n  expected %s\n' "$1" "$2" "$3" >&2
  exit 1
}

says() {  # stdin, the whole of stdout, arguments...
  local said
  said=$(printf '%b' "$1" | "$udnn" "${@:3}")
  [[ $said == "$2" ]] || fail "printf '$1' | udnn ${*:3}" "$said" "$2"
}

shows() {  # a line (a pattern of grep -E) of stdout, arguments...
  "$udnn" "${@:2}" >shown.txt
  grep -qE -- "$1" shown.txt || fail "udnn ${*:2}" "$(cat shown.txt)" "a line like $1"
}

refuses() {  # exit code, stdin, the whole of stderr, arguments...; and nothing on stdout
  local code=0
  printf '%b' "$2" | "$udnn" "${@:4}" >out.txt 2>err.txt || code=$?
  [[ $code == "$1" && ! -s out.txt && $(cat err.txt) == "$3" ]] ||
    fail "printf '$2' | udnn ${*:4}" "exit $code: $(cat out.txt err.txt)" "exit $1: $3"
}

# round: numbers in, numbers out, on their own lines.
says 0x1.8p-9 0x1p-8 round e4m3
says 0x1.8p-9 0x1p-8 round f4.3
says 0x1.8p-9 0x1.8p-9 round fx-2.10:sr --seed 7
says '0.1\n-0\n464\n465\n1e9\n-inf\nnan\n' $'0x1.ap-4\n-0x0p+0\n0x1.cp+8\n0x1.cp+8\n0x1.cp+8\n-0x1.cp+8\nnan' round e4m3
says '464\n465\n' $'0x1.cp+8\nnan' round e4m3:nan
says '  1.25\t\r\n3' $'0x1.4p+0\n0x1.8p+1' round fp32
says '2\n-2.5' $'-0x1p+1\n0x1.8p+0' round fx2.6:wrap
says '1\n-3\n0.2' $'0x1p+0\n-0x1.8p+1\n0x0p+0' round dfx3
says '1\n3' $'0x1p+1\n0x1p+1' round b1
says '0.3' 0x1p-2 round int8 --scale 0.25
says '0.1\n200\n-1e-20\n-200\n0.75' $'0x1.999999999999ap-4\n0x1.fffffffffffffffcp+6\n0x0p+0\n-0x1p+7\n0x1.8p-1' round fx8.56
says '1\n4\n-4' $'0x1p+0\n0x1p+2\n-0x1p+2' round dfx55  # the largest fits, although 2^54 - 1 is no double
says '2' $'{"format":"ufx1.63","values":["0x1.fffffffffffffffep+0"]}' round ufx1.63 --json
says '' '' round fp16

# The seed decides, and nothing else: the same twice, another one differently.
printf '0.3\n%.0s' {1..200} >many.txt
"$udnn" round fx2.6:sr --seed 7 <many.txt >first.txt
"$udnn" round fx2.6:sr --seed 7 <many.txt >again.txt
"$udnn" round fx2.6:sr --seed 8 <many.txt >other.txt
cmp first.txt again.txt
! cmp -s first.txt other.txt || fail 'seeds 7 and 8' 'the same numbers' 'others'
[[ $(sort -u first.txt) == $'0x1.3p-2\n0x1.4p-2' ]] || fail 'fx2.6:sr of 0.3' "$(sort -u first.txt)" 'both neighbours'

# Statistics: on stderr, or in the object.
printf '0\n1e-9\n500\n0.1\ninf\n' | "$udnn" round e4m3 --stats 2>stats.txt >/dev/null
expected='count       5
zeros in    1
zeros out   1
saturated   1
non-finite  1
max |x|     500
SQNR        19.66 dB'
[[ $(cat stats.txt) == "$expected" ]] || fail 'round e4m3 --stats' "$(cat stats.txt)" "$expected"
says '1\n-3' '{"format":"fp64","values":[1.0,-3.0],"statistics":{"count":2,"zeros_in":0,"zeros_out":0,"saturated":0,"non_finite":0,"max_abs":3.0,"sqnr_db":"Infinity"}}' \
  round fp64 --stats --json
says '1\n-3' '{"format":"dfx3","scale":1.0,"values":[1.0,-3.0]}' round dfx3 --json

# In JSON what is not finite is a text, and keeps what it is; so are values that no double holds.
says 'nan\ninf\n-inf\n1' '{"format":"fp16","values":["NaN","Infinity","-Infinity",1.0]}' round fp16 --json
says '0.75\ninf' '{"format":"fx8.56","values":["0x1.8p-1","0x1.fffffffffffffffcp+6"]}' round fx8.56 --json

# Blocks, in the order of the lines: 7.75 saturates (6 quarters), and the second block has a scale of its own.
says '1.9375\n-0.3\n0.25' $'0x1.8p+0\n-0x1p-2\n0x1p-2' round mxfp4 --block
{ printf '0\n%.0s' {1..31}; printf '1.9375\n4\n'; } >blocks.txt
[[ $("$udnn" round mxfp4 --block <blocks.txt | tail -2) == $'0x1.8p+0\n0x1p+2' ]] || fail 'two blocks of mxfp4' "$("$udnn" round mxfp4 --block <blocks.txt | tail -2)" '1.5 4'
says '1\n-3\n0.2\n100' '{"format":"bfp4/3","block_scales":[0.5,16.0],"values":[1.0,-3.0,0.0,96.0],"statistics":{"count":4,"zeros_in":0,"zeros_out":1,"saturated":0,"non_finite":0,"max_abs":100.0,"sqnr_db":27.95231448970192}}' round bfp4/3 --block --json --stats
says '6\n3\n-0.4' '{"format":"nvfp4","scale":0.0022321429569274187,"block_scales":[448.0],"values":[6.0000002682209015,3.0000001341104507,-0.5000000223517418]}' round nvfp4 --block --json
says '6\n3\n-0.4' $'0x1.8p+2\n0x1.8p+1\n-0x1p-1' round nvfp4 --block --scale 0.25
says '1\n0.2' $'0x1p+0\n0x0p+0' round mxint8:fix=1 --block

# What is no number: the line, and nothing of what came before.
refuses 1 '1\nabc\n3\n' "udnn: stdin: line 2: 'abc', expected a number, as 0.1, 1e-3 or 0x1.8p-2" round e4m3
refuses 1 '1\n\n3\n' "udnn: stdin: line 2: '', expected a number, as 0.1, 1e-3 or 0x1.8p-2" round e4m3
refuses 1 '1\n2\n3 4\n' "udnn: stdin: line 3: '3 4', expected a number, as 0.1, 1e-3 or 0x1.8p-2" round e4m3 --json --stats

# What is beyond a double is refused: rounding starts from the double that the text denotes.
refuses 1 '1\n1e400\n' "udnn: stdin: line 2: '1e400', expected at most 1.7976931348623157e+308 in magnitude, the largest double, or inf" round fp32
refuses 1 '-0x1p1024\n' "udnn: stdin: line 1: '-0x1p1024', expected at most 1.7976931348623157e+308 in magnitude, the largest double, or inf" round fx8.56
refuses 1 '-1e-400\n' "udnn: stdin: line 1: '-1e-400', expected 0, or at least 5e-324 in magnitude, the least double" round e4m3:rdn
says '-inf\n1.7976931348623157e308\n5e-324\n0e-400\n-0' $'-inf\n0x1.fffffffffffffp+1023\n0x0.0000000000001p-1022\n0x0p+0\n-0x0p+0' round fp64

# A scale that a double does not work with is refused, not replaced.
refuses 1 '1e300\n' 'udnn: po28: no scale for a largest magnitude of 1e+300, expected a scale of 2^-896 to 2^891' round po28
refuses 1 '1\n-1e300\n' 'udnn: int8: no scale for a largest magnitude of 1e+300, expected a scale of 2^-899 to 2^891' round int8
refuses 1 '1e-300\n' 'udnn: dfx8: no scale for a largest magnitude of 1e-300, expected a scale of 2^-899 to 2^891' round dfx8
refuses 1 1 'udnn: --scale: po210: scale 2.409919865102884e-181, expected a scale of 2^-512 to 2^889' round po210 --scale 0x1p-600
says '0x1p-512\n0x1p-1022' $'0x1p-512\n0x1p-1022' round po210
says '0\n' '0x0p+0' round dfx8

# What is no format: the text, a caret under the fault, the nearest spelling.
refuses 1 1 $'udnn: "fx2.6:srr": unknown modifier \'srr\' at column 7, did you mean \'sr\'?\nfx2.6:srr\n      ^' round fx2.6:srr
refuses 1 1 $'udnn: "e4m4": unknown format \'e4m4\' at column 1, did you mean \'e4m3\' or \'f4.4\'?\ne4m4\n^' round e4m4
refuses 1 1 $'udnn: "fx40.40": I+F is 80 at column 3, expected 1 to 64 in fxI.F\nfx40.40\n  ^' round fx40.40
refuses 1 1 $'udnn: "int17": 17 is out of range at column 4, expected N of 2 to 16 in intN, did you mean \'int16\'?\nint17\n   ^' round int17
refuses 1 1 $'udnn: "f12.3": 12 is out of range at column 2, expected E of 1 to 11 in fE.M, did you mean \'f11.3\'?\nf12.3\n ^' formats f12.3
refuses 1 1 $'udnn: "f4.3:wrap": modifier \'wrap\' does not apply to f4.3 at column 6, expected one of sat, inf, nan\nf4.3:wrap\n     ^' round f4.3:wrap
refuses 1 1 $'udnn: "e4m3:wrap": modifier \'wrap\' does not apply to e4m3 at column 6, expected one of sat, nan\ne4m3:wrap\n     ^' formats e4m3 e4m3:wrap
refuses 1 1 $'udnn: "fx2.6:ftz": modifier \'ftz\' does not apply to fx2.6 at column 7, expected one of rne, rna, rtz, rup, rdn, odd, sr, sat, wrap\nfx2.6:ftz\n      ^' round fx2.6:ftz
refuses 1 1 $'udnn: "posit16": unknown format \'posit16\' at column 1, expected positN.E, as in posit16.2\nposit16\n^' round posit16
refuses 1 1 $'udnn: "posit16.1:rne": modifier \'rne\' does not apply to posit16.1 at column 11, as it has only its own rounding, expected no modifier\nposit16.1:rne\n          ^' round posit16.1:rne

# Options that are no numbers, scales and blocks where there are none.
refuses 2 1 'udnn: --seed: -1, expected a whole number from 0 to 18446744073709551615 (see udnn round --help)' round e4m3:sr --seed -1
refuses 1 1 'udnn: --scale: e4m3 has no scale to give' round e4m3 --scale 2
refuses 1 1 'udnn: --scale: dfx8: scale 0.3, expected a power of two' round dfx8 --scale 0.3
refuses 1 1 'udnn: --scale: t2:unit has the scale 1' round t2:unit --scale 2
refuses 1 1 'udnn: --block: e4m3 has no blocks, expected bfpN/B, mx or nvfp4' round e4m3 --block
refuses 1 1 'udnn: mxfp8: 32 neighbours share a scale, expected --block: the lines stand in the order of a block' round mxfp8
refuses 2 1 'udnn: format is required (see udnn round --help)' round

# formats: the table, which README.md shows as well.
sed -n '/^<!-- udnn formats --markdown -->$/,/^<!-- end -->$/p' "$readme" | sed '1d;$d' >readme.txt
"$udnn" formats --markdown >table.txt
diff readme.txt table.txt >&2 || fail "$readme, between its two markers" 'another table (<)' 'what udnn formats --markdown prints (>)'
[[ $(wc -l <table.txt) -gt 25 ]]
shows '^fxI\.F +I\+F +-2\^\(I-1\) to 2\^\(I-1\) - 2\^-F +I\+F-1 +all +sat wrap +two' formats
shows '^e4m3 +8 +±448 +4 +all +sat nan +OCP' formats
shows '^dfxN .*; N is 2 to 64$' formats
shows '^fE\.M .*; E is 1 to 11, M 0 to 52$' formats
shows '^ufxI\.F .*; I\+F is 1 to 64$' formats
shows '^bfpN/B .*; N is 2 to 32, B 1 to 65536$' formats
shows '^po2N .*; N is 2 to 10$' formats
shows '^:wrap +overflow ' formats
shows '^\{"formats":\[\{"format":"fE\.M".*"modifiers":\[\{"modifier":":rne"' formats --json
refuses 2 '' 'udnn: format excludes --markdown (see udnn formats --help)' formats e4m3 --markdown

# One format.
shows '^finite values +253$' formats e4m3
shows '^range +-448 to 448$' formats e4m3
shows '^smallest subnormal +0\.001953125  \(0x1p-9\)$' formats e4m3
shows '^  2\^-9 ▃▅▆███████████████ 2\^8$' formats e4m3
shows '^0\.25 0\.28125 0\.3125' formats e4m3
shows '^range +-64 to 63\.5$' formats int8:fix=0.5
shows '^finite values +18437736874454810623$' formats fp64
shows '^finite values +18446744073709551616$' formats fx32.32
shows '^  2\^0 .*█ 2\^62$' formats fx64.0
shows '^carrier +long double$' formats fx64.0
shows '^range +-128 to 128 - 0x1p-56$' formats fx8.56
shows '^carrier +float$' formats e4m3
shows '^range +-2 to 1\.984375$' formats mxint8
shows '^  -2 .* 1\.984375$' formats mxint8
shows '^0 0\.015625 0\.03125 ' formats mxint8
shows '^range +-64 to 63\.5$' formats mxint8:fix=0.5
shows '^finite values +4294967295$' formats posit32.2
shows '^  -1 █ {31}█ {31}█ 1$' formats t2
shows '"number_line":\{"lowest":-1\.0,"largest":1\.0,.*"powers_of_two":\{"first":0,"step":1,"counts":\["1"\]\}\},"values":\[0\.0,1\.0,-1\.0\]' formats t2 --json

shows '^smallest positive +none$' formats fx1.0
shows '^range +-0\.5 to 0$' formats fx0.1
shows '^smallest normal +none$' formats f1.3
shows '^range +-1\.75 to 1\.75$' formats f1.3
shows '^spacing at 1 +none$' formats posit2.0
shows '^spacing at 1 +3  \(0x1\.8p\+1\)$' formats posit3.1
shows '^range +0 to 0$' formats f1.0
shows '"lowest":0\.0,"largest":0\.0,' formats f1.0 --json
shows '^smallest positive +0\.5  \(0x1p-1\)$' formats po22:log

shows '^window +1 to 2\^-126, times the scale; in a float no value is below 2\^-126$' formats po28
shows '^range +-9\.223372036854776e\+18 \+ 0x1p\+0 to 9\.223372036854776e\+18 - 0x1p\+0$' formats dfx64
shows '"lowest":"-0x7fffffffffffffffp0","largest":"0x7fffffffffffffffp0",' formats dfx64 --json
shows '"lowest":-9223372036854775808\.0,"largest":"0x7fffffffffffffffp0",' formats fx64.0 --json
shows '"values":\[0\.0,0\.5,1\.0,1\.5,2\.0,3\.0,"Infinity","NaN",-0\.0,' formats f2.1 --json
shows '"rounding":"sr7","overflow":"nan","subnormals":"ftz","scale_rule":null,"block":null,"finite_values":"253",' formats e4m3:sr7:nan:ftz --json
shows '^scale +from the values by the rule pct=99\.9; what is shown is at scale 1$' formats dfx8:pct=99.9

shows '^rounding +sr7, of rne rna rtz rup rdn odd sr$' formats e4m3:sr7:nan:ftz
shows '^overflow +nan, of nan sat$' formats e4m3:sr7:nan:ftz
shows '^subnormals +ftz: results among them become 0$' formats e4m3:sr7:nan:ftz
shows '^overflow +sat$' formats e2m1
shows '^rounding +its own$' formats posit16.1

# Formats in blocks: the block and its scale, then an element.
shows '^bits +4\.25$' formats mxfp4
shows '^block +32 neighbours share a scale of 8 bits: 4 \+ 8/32 bits for each value$' formats mxfp4
shows '^scale of a block +E8M0, a power of two from 2\^-127 to 2\^127$' formats mxfp4
shows '^over all scales +-1\.0208471007628154e\+39 to 1\.0208471007628154e\+39, least above 0 2\.938735877055719e-39  \(0x1p-128\)$' formats mxfp4
shows '^element +e2m1, described below$' formats mxfp4
shows '^range +-6 to 6$' formats mxfp4
shows '^block +16 neighbours share a scale of 8 bits: 4 \+ 8/16 bits for each value$' formats nvfp4
shows '^scale of a block +E4M3, 0 or 2\^-9 to 448, times one float for the tensor, here 1$' formats nvfp4
shows '^over all scales +-2688 to 2688, least above 0 0\.0009765625  \(0x1p-10\)$' formats nvfp4
shows '^block +32 neighbours share a scale of 8 bits: 8 \+ 8/32 bits for each value$' formats bfp8/32
shows '^element +code of 8 bits, described below$' formats bfp8/32
shows '^over all scales .*, least above 0 5\.877471754111438e-39  \(0x1p-127\)$' formats bfp8/32
shows '^element +code of 8 bits / 64, described below$' formats mxint8
shows '^over all scales .*, least above 0 9\.183549615799121e-41  \(0x1p-133\)$' formats mxint8
shows '^scale +2, given$' formats mxfp4:fix=2
shows '"block":\{"values":16,"element":"e2m1","scale":"E4M3","scale_bits":8,"least_scale":0\.001953125,"largest_scale":448\.0,"lowest":-2688\.0,"largest":2688\.0,"least_positive":0\.0009765625\}' formats nvfp4 --json

# Two formats.
shows '^rounding +rne +sr$' formats e4m3 e4m3:sr
shows '^overflow +sat +nan$' formats e4m3 e4m3:nan
shows '^The values are the same\. What differs: rounding \(rne and sr\), overflow \(sat and nan\)\.$' formats e4m3 e4m3:sr:nan
shows '^The values are the same\. What differs: subnormals \(kept and ftz\)\.$' formats e4m3 e4m3:ftz
shows '^The values are the same\. What differs: scale \(from the values, max; here 1 and from the values, mse; here 1\)\.$' formats int8 int8:mse
shows '^The values are the same\. What differs: bits \(4 and 4\.25\), scale .*, block \(none and 32 values, E8M0 scale\)\.$' formats e2m1 mxfp4
shows '^The two are the same format\.$' formats fp32 f8.23
shows '"differs":\{"rounding":\["rne","sr"\]\}' formats e4m3 e4m3:sr --json
[[ $("$udnn" formats e4m3 f4.3 | grep -c 'What differs') == 0 ]] || fail 'formats e4m3 f4.3' 'what differs beside the values' 'nothing of it'
shows '^finite values +253 +239$' formats e4m3 f4.3
shows '^largest +448 +240$' formats e4m3 f4.3
shows '^in e4m3, not in f4\.3: 14 of 253 values$' formats e4m3 f4.3
shows '^  256 -256 288 -288 320 -320 352 -352 \.\.\.$' formats e4m3 f4.3
shows '^in f4\.3, not in e4m3: none of 239 values$' formats e4m3 f4.3
shows '^in fp64, not in fp32: 18437736870176620544 of 18437736874454810623 values, by exponents and mantissas$' formats fp64 fp32
shows '^in fx32\.32, not in e4m3: 18446744073709551363 of 18446744073709551616 values, by exponents and mantissas$' formats fx32.32 e4m3
shows '^in fx64\.0, not in fp64: 18338657682652659712 of 18446744073709551616' formats fx64.0 fp64
shows '^  0x20000000000001p0 -0x20000000000001p0 0x20000000000003p0 ' formats fx64.0 fp64
shows '"count":"18338657682652659712","values":"18446744073709551616","enumerated":false,"first":\["0x20000000000001p0",' formats fx64.0 fp64 --json
shows '"missing":\[\{"of":"e4m3","in":"f4\.3","count":"14","values":"253","enumerated":true,"first":\[256\.0,-256\.0,' formats e4m3 f4.3 --json
refuses 2 '' 'udnn: format: At Most 2 required but received 3 (see udnn formats --help)' formats e4m3 f4.3 fp16
