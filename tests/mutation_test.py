"""mutation_test.py COMPILER   The proofs of rounding have power: each fault planted into a copy of the kernels is found.

A fault is one text of one kernel header, which must stand there exactly once, and what replaces it. tests/mutation_proof.cc is compiled
against the copy for the baseline instruction set. It must pass with no fault, compile with each, and fail with each.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUANTIZE, SCALED, SUMS = "kernels/quantize.h", "kernels/quantize_scaled.h", "kernels/quantize_sums.h"
PHILOX, ROUNDING = "kernels/philox.h", "kernels/simd/rounding.h"

FAULTS = [  # what is wrong, file, text, replacement
    ("ties go away from zero", ROUNDING, "(magnitude + whole) - whole, magnitude) | sign",
     "(magnitude * Value(T{1} + T{1} / kAllWhole<T>) + whole) - whole, magnitude) | sign"),
    ("ties away: the tie itself stays", QUANTIZE, "goes_on = steps - whole >= Vector(T{0.5})", "goes_on = steps - whole > Vector(T{0.5})"),
    ("up also below zero", QUANTIZE, "goes_on = has_rest & (x > zero)", "goes_on = has_rest"),
    ("down rounds up", QUANTIZE, "goes_on = has_rest & (x < zero)", "goes_on = has_rest & (x > zero)"),
    ("to odd moves what is representable", QUANTIZE, "goes_on = has_rest & (whole_part(half) == half)", "goes_on = whole_part(half) == half"),
    ("underflow counts as nothing", QUANTIZE, "Vector(kSmallestNormal<T>), steps)", "zero, steps)"),
    ("fixed point keeps -0", QUANTIZE, "return (nearest_integer(steps) + zero) * unit", "return nearest_integer(steps) * unit"),
    ("fixed point: NaN is not zero", QUANTIZE, "const Vector given = xsimd::select(are_numbers(x, x), x, zero);", "const Vector given = x;"),
    ("wrap is one turn short", QUANTIZE, "code + xsimd::select(code > highest, -modulus,", "code + xsimd::select(code > highest, zero,"),
    ("wrap: the first code beyond stays", QUANTIZE, "xsimd::select(code > highest, -modulus,", "xsimd::select(code > highest + Vector(T{1}), -modulus,"),
    ("the largest value overflows", QUANTIZE, "xsimd::select(magnitude > largest, over, magnitude)", "xsimd::select(magnitude >= largest, over, magnitude)"),
    ("the sign of zero is lost", QUANTIZE, "ended | (x & Vector(T{-0.0})), nan)",
     "ended | (xsimd::select(ended > Vector(T{0}), x, Vector(T{0})) & Vector(T{-0.0})), nan)"),
    ("the smallest normal is flushed", QUANTIZE, "magnitude < flush_below", "magnitude <= flush_below"),
    ("negative overflow as positive", QUANTIZE, "over = xsimd::select(x < Vector(T{0}), over_negative, over)", "over = over_positive"),
    ("no subnormals: their step is too small", QUANTIZE, "const Bits power = as_bits(xsimd::max(magnitude & exponent_mask, smallest_normal));\n"
     "      const Vector shift", "const Bits power = as_bits(xsimd::max(magnitude & exponent_mask, smallest_normal * Vector(T{0.5})));\n      const Vector shift"),
    ("the sum is cut one bit too late", QUANTIZE, "static_cast<WordOf<T>>(kMantissa - grid.mantissa_bits)", "static_cast<WordOf<T>>(kMantissa - 1 - grid.mantissa_bits)"),
    ("wide floats: a tie never goes up", QUANTIZE, "added = below_half + odd<kHasMantissa>(magnitude, smallest_normal, dropped)", "added = below_half"),
    ("wide floats: no carry into the exponent", QUANTIZE, "return ends.finish(bits_below.cut(bits + added), x)",
     "return ends.finish(bits_below.cut(bits | ((bits + added) & as_bits(~Vector(kInfinity<T>)))), x)"),
    ("wide floats: odd means even", QUANTIZE, "added = (none - is_even) & all_dropped", "added = (none - (is_even ^ Bits(Word{1}))) & all_dropped"),
    ("stochastic: the word is shifted one too far", QUANTIZE, "word >> (32 - count)", "word >> (33 - count)"),
    ("stochastic: subnormals are cut as the others", QUANTIZE, "xsimd::any((magnitude < smallest_normal) &",
     "xsimd::any((magnitude < smallest_normal * Vector(T{0.5})) &"),
    ("stochastic: lower bits of the word count", QUANTIZE, "carries(steps - whole, load_words<T, Arch>(piece.words + i) & random_mask)",
     "carries(steps - whole, load_words<T, Arch>(piece.words + i))"),
    ("stochastic: the carry misses by one", ROUNDING, "const Word limit = word ^ Word(0x7fffffffU);", "const Word limit = (word ^ Word(0x7fffffffU)) + Word(1U);"),
    ("integers: ties go up", SCALED, "((rest + rest == unit) & is_odd(whole))", "(rest + rest == unit)"),
    ("integers: the quotient that was rounded up stays", SCALED, "const auto too_far = rest < zero;", "const auto too_far = rest < -unit;"),
    ("integers: a code moves under directed rounding", SCALED, "rounded_to<T>(nearest * unit) == magnitude", "nearest * unit == magnitude"),
    ("integers: the quotient's last places decide", SCALED, "doubt > Vector(-0x1p-16)", "doubt > Vector(0.0)"),
    ("integers: the word misses by one", SCALED, "Vector(0x1p32) - word_as_value(", "Vector(0x1p32 - 1) - word_as_value("),
    ("binary: zero is negative", SCALED, "xsimd::select(x < Vector(0.0), -unit, unit)", "xsimd::select(x <= Vector(0.0), -unit, unit)"),
    ("ternary: the threshold itself counts", SCALED, "xsimd::select(x > threshold, unit,", "xsimd::select(x >= threshold, unit,"),
    ("philox: nine rounds", PHILOX, "i = 2; i < kRounds; ++i)\n      round", "i = 2; i < kRounds - 1; ++i)\n      round"),
    ("philox: the step is not drawn", PHILOX, "std::uint64_t{key.step} * kM1", "kM1"),
    ("philox: the block's upper half is lost", PHILOX, "(first >> 32) ^ block_high ^ keys[0]", "(first >> 32) ^ keys[0]"),
    ("philox: words of a pair change places", PHILOX, "pair_halves<false>(first_two, last_two)", "pair_halves<false>(last_two, first_two)"),
    ("statistics: zeros that fill the last vector count", SUMS, "total.zeros_in.sum() - filled", "total.zeros_in.sum()"),
    ("statistics: zeros become zeros", SUMS, "(made == zero) & ((given < zero) | (given > zero))", "made == zero"),
    ("statistics: infinity saturates", SUMS, "xsimd::select(finite & beyond, one, zero)", "xsimd::select(beyond, one, zero)"),
    ("statistics: errors of infinities", SUMS, "const auto both = finite & is_finite(made);", "const auto both = is_finite(made);"),
    ("ranges: the threshold itself is above", SUMS, "above1.chain[v] += xsimd::select(absolute > threshold1", "above1.chain[v] += xsimd::select(absolute >= threshold1"),
]


def built_and_run(folder: pathlib.Path, compiler: str, philox: pathlib.Path, fault) -> str | None:
    """What is wrong with the proof's answer to a fault (None: to no fault), or None."""
    here = folder / (fault[0].replace(" ", "_").replace(":", "") if fault else "none")
    shutil.copytree(ROOT / "kernels", here / "kernels")
    if fault:
        path = here / fault[1]
        text = path.read_text()
        if text.count(fault[2]) != 1:
            return f"{fault[1]} holds {text.count(fault[2])} times, expected once: {fault[2]!r}"
        path.write_text(text.replace(fault[2], fault[3]))
    command = [compiler, "-std=c++20", "-O0", "-fno-exceptions", "-ffp-contract=off", "-w", "-I", here, "-I", ROOT, "-I", ROOT / "include",
               ROOT / "tests/mutation_proof.cc", philox, "-o", here / "proof"]
    compiled = subprocess.run(command, capture_output=True, text=True)
    if compiled.returncode != 0:
        return f"does not compile: {compiled.stderr[:800]}"
    proof = subprocess.run([here / "proof"], capture_output=True, text=True, timeout=120)
    said = proof.stdout.strip().splitlines()[-1:]
    print(f"{fault[0] if fault else 'no fault'}: {' '.join(said)}", flush=True)
    if proof.returncode != (1 if fault else 0) or fault and (not said or said[0].endswith("cases")):
        return f"the proof exits with {proof.returncode}, {said}"
    return None


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: mutation_test.py COMPILER", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        philox = folder / "philox.o"
        subprocess.run([sys.argv[1], "-std=c++20", "-O1", "-ffp-contract=off", "-I", ROOT, "-I", ROOT / "include", "-c",
                        ROOT / "src/base/philox.cc", "-o", philox], check=True)
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            faults = [None, *FAULTS]
            answers = list(pool.map(lambda fault: built_and_run(folder, sys.argv[1], philox, fault), faults))
    wrong = [(fault[0] if fault else "no fault", answer) for fault, answer in zip(faults, answers) if answer]
    for what, answer in wrong:
        print(f"{what}: {answer}", file=sys.stderr)
    print(f"{len(FAULTS)} faults, {len(FAULTS) - sum(what != 'no fault' for what, _ in wrong)} caught")
    return 1 if wrong else 0


sys.exit(main())
