#!/usr/bin/env python3
"""Writes TensorFlow's losses on the embedded digits to tests/golden, for a test that needs no Python.

The initial weights are the program's own for the seed, so a test only has to train. 50 steps of batch 64 are two
whole epochs of the 1437 digits, their smaller last batches included, and a part of a third. Writes nothing unless
PyTorch and plain numpy agree with TensorFlow ten times better than the tolerance that it writes.
"""

import argparse
import json
import pathlib

import program
from networks import LEARNING_RATES, NETWORKS, OPTIMIZERS, Run
from parity import PRECISIONS, largest_difference
from peers import Peer
from samples import load

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/golden"
CASES = ("small_mlp", "small_conv")
STEPS, BATCH, SEED = 50, 64, 1
WITNESSES = ("torch", "numpy")


def shortest(loss: float, dtype: type) -> float:
    """The shortest decimal that is still the same number in `dtype`."""
    return float(str(dtype(loss)))


def golden_case(udnn: pathlib.Path, run: Run, tolerance: float, peers: dict[str, Peer]) -> dict[str, object]:
    weights = program.initial_weights(udnn, run)
    found = {name: peer.losses(run, weights) for name, peer in peers.items()}
    losses = found.pop("tensorflow").result()
    for name, other in found.items():
        difference, step = largest_difference(other.result(), losses)
        if not difference <= tolerance / 10:
            what = f"{run.network.argument}, {run.optimizer}, {run.precision}"
            raise SystemExit(
                f"{what}: {name} differs by {difference:.1e} at step {step}, expected {tolerance / 10:g} at most"
            )
    return {
        "network": run.network.argument,
        "data": run.samples.name,
        "precision": run.precision,
        "optimizer": run.optimizer,
        "learning_rate": run.learning_rate,
        "batch": run.batch,
        "seed": run.seed,
        "tolerance": tolerance,
        "losses": [shortest(loss, run.dtype) for loss in losses],
    }


def text(header: dict[str, str], cases: list[dict[str, object]]) -> str:
    """JSON with a line for each case, so that a change shows in a diff."""
    lines = [json.dumps(header)[:-1] + ', "cases": [', ",\n".join(json.dumps(case) for case in cases), "]}\n"]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    program.add_argument(parser)
    asked = parser.parse_args()
    samples = load("digits")
    peers = {name: Peer(name) for name in ("tensorflow", *WITNESSES)}
    header = {"made_by": "tools/compare/make_golden.py"} | {name: peer.version() for name, peer in peers.items()}
    GOLDEN.mkdir(exist_ok=True)
    for network in CASES:
        cases = []
        for dtype, tolerance in PRECISIONS.values():
            for optimizer in OPTIMIZERS:
                rate = LEARNING_RATES[dtype][optimizer]
                run = Run(NETWORKS[network], samples, dtype, optimizer, rate, BATCH, SEED, STEPS)
                cases.append(golden_case(asked.udnn, run, tolerance, peers))
        path = GOLDEN / f"{network}_losses.json"
        path.write_text(text(header, cases), encoding="utf-8")
        print(f"{path}: {len(cases)} cases of {STEPS} losses")


if __name__ == "__main__":
    main()
