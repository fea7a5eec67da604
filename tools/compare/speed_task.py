"""What speed.py asks of the frameworks: the same job, the same way to take the time, the same answer."""

import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from networks import NETWORKS, Network
from samples import Samples, load

BATCH = 64
WARM_UP_STEPS, STEPS, BLOCKS = 50, 150, 5  # the last partial batch of an epoch is left out


@dataclass(frozen=True)
class Task:
    network: Network
    samples: Samples
    optimizer: str
    threads: int
    dtype: type = np.float32

    def report(self, rates: list[float], version: str) -> None:
        print(json.dumps({"train_images_per_second": statistics.median(rates), "version": version}))


def command(script: str, variant: str, network: str, data: str, optimizer: str, threads: int) -> list[str]:
    return [sys.executable, script, variant, network, data, optimizer, str(threads)]


def task(*variants: str) -> tuple[Task, str]:
    """From a command line that command() made."""
    variant, network, data, optimizer, threads = sys.argv[1:]
    if variant not in variants:
        raise SystemExit(f"{variant}: no such variant, expected one of {', '.join(variants)}")
    return Task(NETWORKS[network], load(data), optimizer, int(threads)), variant


def measured(seconds_of: Callable[[int], float]) -> list[float]:
    """Images per second of each block of steps, after some that do not count."""
    seconds_of(WARM_UP_STEPS)
    return [STEPS * BATCH / seconds_of(STEPS) for _ in range(BLOCKS)]
