#!/usr/bin/env python3
"""Do uDNN, TensorFlow and PyTorch compute the same training?

All start from the same weights and see the same batches, and the loss of every step is compared. A loss at step 200
depends on everything before it: layers, derivatives, updates, rounding, the order of the samples, their values. So one
table of losses tests them all, and in float64 nearly nothing of a difference is excused by rounding.

Exits with 1 when a difference is above its limit.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import program
from networks import LEARNING_RATES, NETWORKS, OPTIMIZERS, Run
from peers import PEERS, Peer
from samples import Samples, load

PRECISIONS = {
    "fp32": (np.float32, 1e-4),
    "fp64": (np.float64, 1e-9),
}  # type of the peers, limit of the relative difference
ROW = "{:<10} {:<9} {:<9} {:<8} {:<10} {:>10} {:>4} {:>6}  {}"


def largest_difference(found: list[float], expected: list[float]) -> tuple[float, int]:
    """Relative to `expected`, and the step (from 0) where it is."""
    relative = np.abs(np.array(found) - expected) / np.abs(expected)
    worst = int(np.argmax(np.where(np.isnan(relative), np.inf, relative)))
    return float(relative[worst]), worst


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    program.add_argument(parser)
    parser.add_argument("--data", default="mnist", choices=["mnist", "fashion", "digits"])
    parser.add_argument("--networks", nargs="+", default=["mlp", "lenet"], choices=list(NETWORKS))
    parser.add_argument("--optimizers", nargs="+", default=OPTIMIZERS, choices=OPTIMIZERS)
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=list(PRECISIONS))
    parser.add_argument("--peers", nargs="+", default=["tensorflow", "torch"], choices=PEERS)
    parser.add_argument(
        "--subject", default="udnn", choices=["udnn", *PEERS], help="a peer: tests the others without uDNN"
    )
    parser.add_argument("--lr", type=float, help="instead of the rates of networks.py")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def runs(asked: argparse.Namespace, samples: Samples) -> Iterator[tuple[str, str, Run]]:
    """Name of the network, precision, and what to run."""
    for network in asked.networks:
        for precision in asked.precisions:
            dtype = PRECISIONS[precision][0]
            for optimizer in asked.optimizers:
                rate = asked.lr or LEARNING_RATES[dtype][optimizer]
                run = Run(NETWORKS[network], samples, dtype, optimizer, rate, asked.batch, asked.seed, asked.steps)
                yield network, precision, run


def main() -> int:
    asked = arguments()
    samples = load(asked.data)
    peers = {name: Peer(name) for name in asked.peers}
    subject = Peer(asked.subject) if asked.subject != "udnn" else None

    print(f"{asked.subject} on {samples.name}, {asked.steps} steps of batch {asked.batch}, seed {asked.seed}")
    print(ROW.format("network", "optimizer", "precision", "rate", "peer", "difference", "step", "limit", ""))
    failed = 0
    for network, precision, run in runs(asked, samples):
        if subject is None:
            weights = program.initial_weights(asked.udnn, run)
            found = program.losses(asked.udnn, run)
        else:
            weights = run.network.glorot(samples.values.shape[1:], asked.seed)
            found = subject.losses(run, weights).result()
        limit = PRECISIONS[precision][1]
        for name, expected in [(name, peer.losses(run, weights)) for name, peer in peers.items()]:
            difference, step = largest_difference(found, expected.result())
            good = difference <= limit  # not so for NaN
            failed += not good
            rate, verdict = f"{run.learning_rate:g}", "ok" if good else "FAILED"
            print(
                ROW.format(
                    network, run.optimizer, precision, rate, name, f"{difference:.1e}", step, f"{limit:g}", verdict
                ),
                flush=True,
            )
    print("all within their limits" if failed == 0 else f"{failed} above their limits")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
