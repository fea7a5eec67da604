#!/usr/bin/env python3
"""How fast does uDNN train, beside PyTorch and TensorFlow at their best? And what does emulation cost it?

Rounds are interleaved, every contestant once in each and in a process of its own, so that a disturbed minute hurts
all of them; what counts is the median over the rounds. A framework is judged by its best variant.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import program
from networks import LEARNING_RATES, OPTIMIZERS
from speed_task import BATCH, command

HERE = pathlib.Path(__file__).resolve().parent
FP32, EMULATED = "all=fp32", ("all=fx2.6", "all=e5m2")
VARIANTS = {"torch": ("contiguous", "channels-last"), "tensorflow": ("one op at once", "two ops at once")}
# Where these are set it is for the sake of old libraries; a current one only chooses slower kernels by them.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
}
ROW = "{:<8} {:>7}  {:<19} {:<16} {:>9}  {:<18} {:>10}"


@dataclass
class Contestant:
    """Somebody who trains one network on so many threads; run() gives images per second."""

    name: str
    variant: str
    run: Callable[[], float]
    rates: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.rates)


def udnn(asked: argparse.Namespace, network: str, threads: int, precision: str) -> Contestant:
    rate = LEARNING_RATES[np.float64][asked.optimizer]
    line = ["train", network, asked.data, "--precision", precision, "--epochs", "1", "--batch", str(BATCH)]
    line += ["--opt", asked.optimizer, "--lr", str(rate), "--threads", str(threads)]
    return Contestant(
        "udnn", precision, lambda: program.report(asked.udnn, line, env=ENVIRONMENT)["train_images_per_second"]
    )


def framework(asked: argparse.Namespace, network: str, threads: int, name: str, variant: str) -> Contestant:
    line = command(str(HERE / f"speed_{name}.py"), variant, network, asked.data, asked.optimizer, threads)

    def run() -> float:
        done = subprocess.run(line, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        if done.returncode != 0:
            raise SystemExit(f"{name} ({variant}): {done.stderr.strip()}")
        answer = json.loads(done.stdout.splitlines()[-1])
        contestant.name = f"{name} {answer['version']}"
        return answer["train_images_per_second"]

    contestant = Contestant(name, variant, run)
    return contestant


def compete(asked: argparse.Namespace, network: str, threads: int) -> None:
    ours = udnn(asked, network, threads, FP32)
    emulated = [udnn(asked, network, threads, precision) for precision in EMULATED]
    frameworks = {
        # A second op at once takes a second thread.
        name: [
            framework(asked, network, threads, name, variant)
            for variant in VARIANTS[name]
            if threads > 1 or variant[:3] != "two"
        ]
        for name in asked.peers
    }
    everybody = [ours, *emulated, *(one for variants in frameworks.values() for one in variants)]
    for _ in range(asked.rounds):
        for one in everybody:
            one.rates.append(one.run())

    for one in everybody:
        spread = f"{min(one.rates):,.0f} .. {max(one.rates):,.0f}"
        print(
            ROW.format(
                network, threads, one.name, one.variant, f"{one.median:,.0f}", spread, f"{ours.median / one.median:.2f}"
            )
        )
    for variants in frameworks.values():
        best = max(variants, key=lambda one: one.median)
        print(f"{network}, {threads} threads: udnn fp32 trains at {ours.median / best.median:.2f} of {best.name}")
    for one in emulated:
        print(
            f"{network}, {threads} threads: {one.variant} costs {ours.median / one.median:.2f} times fp32", flush=True
        )


def cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("model name")]
    return names[0] if names else platform.machine()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    program.add_argument(parser)
    parser.add_argument("--data", default="mnist", choices=["mnist", "fashion"])
    parser.add_argument("--networks", nargs="+", default=["lenet", "mlp"], choices=["lenet", "mlp"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--peers", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--optimizer", default="sgd", choices=OPTIMIZERS)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    print(f"{cpu()}, {os.cpu_count()} CPUs, {datetime.date.today()}")
    print(f"Training on {asked.data}, {asked.optimizer}, batch {BATCH}: median of {asked.rounds} interleaved rounds")
    print(ROW.format("network", "threads", "who", "variant", "images/s", "least .. most", "fp32 / it"))
    for network in asked.networks:
        for threads in asked.threads:
            compete(asked, network, threads)


if __name__ == "__main__":
    main()
