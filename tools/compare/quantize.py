#!/usr/bin/env python3
"""How fast does uDNN round arrays of floats, beside CPFloat, ml_dtypes, torch, QPyTorch, gfloat and pychop? And do they
agree?

First the values: uDNN must round as the definition says (values of the format in a table, the nearest of them found in
float64, where all distances are exact), and the differences of each peer from that are counted. A stochastic result
must be a neighbour of what was rounded. Then the time: in each round everybody rounds the same array once, one after
the other, on one thread; what counts is the median over the rounds.

Exits with 1 when uDNN is wrong.
"""

import argparse
import datetime
import hashlib
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from rounding_definition import DFX8_FRACTION, inputs, nearest, values_of
from rounding_peers import Rounding, peers
from speed import cpu

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import udnn_formats  # noqa: E402

FORMATS = ("e5m2", "e4m3", "fx2.6", "dfx8", "bf16", "fp16")
SIZES = {"L2": 1 << 16, "beyond": 1 << 22}  # elements: 256 KiB, and 16 MiB, of each array
ROW = "{:<9} {:<24} {:>10} {:>8} {:>12} {:>8}"


def spelled(format: str, overflow: str, rounding: str = "rne") -> str:
    return ":".join([format, *([overflow] if overflow else []), rounding])


def udnn(text: str) -> Rounding:
    made = udnn_formats.Format(text)
    scales = [2.0**-DFX8_FRACTION] if text.startswith("dfx8") else None
    room: dict[int, np.ndarray] = {}

    def rounded(x: np.ndarray) -> np.ndarray:
        q = room.setdefault(x.size, np.empty_like(x))
        return made.quantize(x, out=q, scales=scales)

    return rounded


def differences(got: np.ndarray, want: np.ndarray, x: np.ndarray, largest: float) -> str:
    """How many, of what kind, and the first of each."""
    differ = ~((got == want) | (np.isnan(got) & np.isnan(want)))
    zeros = (got == 0) & (want == 0) & (np.signbit(got) != np.signbit(want))
    kinds = {
        "beyond the range": differ & (np.abs(x) > largest),
        "within it": differ & (np.abs(x) <= largest),
        "sign of zero": zeros,
    }
    said = []
    for kind, where in kinds.items():
        if where.any():
            i = int(np.argmax(where))
            said.append(f"{where.sum()} {kind} ({x[i]:.9g}: {got[i]:.9g}, not {want[i]:.9g})")
    return "; ".join(said) or "all equal"


def check(formats: list[str], everybody: list) -> int:
    """Prints what differs; gives how often uDNN is wrong."""
    wrong = 0
    print("\nrounding to nearest, ties to even: differences from the definition")
    for format in formats:
        x, largest = inputs(format), values_of(format)[-1]
        own = "" if format in ("fx2.6", "dfx8") else "inf"
        for overflow in ["nan", "sat"] if format == "e4m3" else [own]:
            said = differences(udnn(spelled(format, overflow))(x), nearest(x, format, overflow), x, largest)
            wrong += said != "all equal"
            print(f"  {format:<6} {'udnn':<24} {len(x)} values: {said}")
        for peer in everybody:
            rounding = peer.rounding(format, False)
            if rounding is None:
                continue
            overflow = peer.overflow.get(format, "sat" if format == "e4m3" else own)
            want = nearest(x, format, overflow)
            print(f"  {format:<6} {peer.name:<24} {len(x)} values: {differences(rounding(x), want, x, largest)}")

    print("\nstochastic rounding: results that are no neighbour of what was rounded, within the range")
    for format in formats:
        x = inputs(format)
        x = x[np.abs(x) <= values_of(format)[-1]]
        low, high = (udnn(spelled(format, "", mode))(x) for mode in ("rdn", "rup"))
        for name, rounding in [("udnn", udnn(spelled(format, "", "sr"))), *named(everybody, format, True)]:
            got = rounding(x)
            bad = (got != low) & (got != high)
            wrong += name == "udnn" and bool(bad.any())
            first = f" ({x[bad][0]:.9g}: {got[bad][0]:.9g})" if bad.any() else ""
            print(f"  {format:<6} {name:<24} {bad.sum()} of {len(x)}{first}")
    return wrong


def named(everybody: list, format: str, stochastic: bool) -> list[tuple[str, Rounding]]:
    made = [(peer.name, peer.rounding(format, stochastic)) for peer in everybody]
    return [(name, rounding) for name, rounding in made if rounding is not None]


def seconds(run: Callable[[], object], passes: int) -> float:
    begin = time.thread_time()
    for _ in range(passes):
        run()
    return (time.thread_time() - begin) / passes


def medians(contestants: list[Rounding], x: np.ndarray, rounds: int) -> list[float]:
    """Nanoseconds per element of each."""
    runs = [lambda rounding=rounding: rounding(x) for rounding in contestants]
    passes = []
    for run in runs:
        run()
        passes.append(max(1, int(2e-3 / seconds(run, 1))))
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for times, run, count in zip(taken, runs, passes, strict=True):
            times.append(seconds(run, count))
    return [1e9 * statistics.median(times) / x.size for times in taken]


def compete(format: str, stochastic: bool, everybody: list, rounds: int) -> list[float]:
    """Prints the rows; gives the ratios."""
    text = spelled(format, "", "sr" if stochastic else "rne")
    contestants = [("udnn", udnn(text)), *named(everybody, format, stochastic)]
    columns = []
    for size in SIZES.values():
        x = np.random.default_rng(2).normal(size=size).astype(np.float32)
        copy = np.empty_like(x)
        all_roundings = [lambda x, copy=copy: np.copyto(copy, x), *(rounding for _, rounding in contestants)]
        columns.append(medians(all_roundings, x, rounds))
    ratios = []
    for row, name in enumerate(["copy", *(name for name, _ in contestants)]):
        cells = []
        for column in columns:
            cells += [f"{column[row]:.3f}", f"{column[row] / column[1]:.1f}"]
            if row > 1:
                ratios.append(column[row] / column[1])
        print(ROW.format(text.replace(":rne", ""), name, *cells), flush=True)
    return ratios


def print_golden() -> None:
    """What tests/quantize_test.cc compares with: the codes, as 16-bit words, that ml_dtypes gives all finite fp16 up to the
    least that it makes NaN in e4m3."""
    import ml_dtypes

    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    kinds = ("float8_e5m2", "float8_e4m3fn", "float8_e4m3", "float8_e3m4", "bfloat16")
    for kind in kinds:
        x = halves[np.isfinite(halves) & ((kind != "float8_e4m3fn") | (np.abs(halves) <= 464))]
        with np.errstate(over="ignore"):
            rounded = x.astype(getattr(ml_dtypes, kind))
        codes = rounded.view(f"u{rounded.dtype.itemsize}").astype("<u2")
        print(f"{kind}: {len(codes)} codes, sha256 {hashlib.sha256(codes.tobytes()).hexdigest()}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    parser.add_argument("--cpfloat", type=pathlib.Path, help="a checkout of north-numerical-computing/cpfloat")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=["values", "speed", "golden"])
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    if asked.only == "golden":
        print_golden()
        return 0
    everybody, absent = peers(asked.cpfloat)
    print(f"{cpu()}, one thread, {datetime.date.today()}; udnn {udnn_formats.version()}, numpy {np.__version__}")
    print(f"UDNN_ISA: {os.environ.get('UDNN_ISA', 'the best of this CPU')}; peers: {'; '.join(p.name for p in everybody)}")
    for reason in absent:
        print(f"absent: {reason}")
    wrong = 0 if asked.only == "speed" else check(asked.formats, everybody)
    if asked.only != "values":
        print(f"\nmedians of {asked.rounds} interleaved rounds; a peer's ratio: its time over udnn's")
        print(ROW.format("format", "who", "L2, ns", "ratio", "beyond, ns", "ratio"))
        ratios = []
        for stochastic in (False, True):
            for format in asked.formats:
                ratios += compete(format, stochastic, everybody, asked.rounds)
        if ratios:
            print(f"least ratio {min(ratios):.1f}, median {statistics.median(ratios):.1f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
