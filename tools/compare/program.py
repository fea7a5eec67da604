"""The program beside which the others are run: `udnn`, driven through its command line and the files it writes."""

import argparse
import json
import math
import pathlib
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from networks import Parameters, Run

DEFAULT = pathlib.Path(__file__).resolve().parents[2] / "build/release/tools/udnn"


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--udnn", type=pathlib.Path, default=DEFAULT, metavar="PATH", help="the program (default: %(default)s)"
    )


def call(program: pathlib.Path, arguments: Sequence[str], **how: Any) -> str:
    """Its standard output. Exits with its own message when it could not do what was asked."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, **how)
    except OSError as error:
        raise SystemExit(f"{program}: {error.strerror} (build it: cmake --workflow --preset release)") from error
    if done.returncode != 0:
        raise SystemExit(f"{program} {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _train(run: Run, *more: str) -> list[str]:
    """The command line of a run, as far as its initial weights depend on it, and `more`."""
    start = ["train", run.network.argument, run.samples.name, "--precision", run.precision, "--seed", str(run.seed)]
    return [*start, *more]


def report(program: pathlib.Path, arguments: Sequence[str], **how: Any) -> dict[str, Any]:
    """The object that --json puts into the last line."""
    return json.loads(call(program, [*arguments, "--json"], **how).splitlines()[-1])


def initial_weights(program: pathlib.Path, run: Run) -> Parameters:
    """What the program starts from. Exits when names or shapes are not those of the network."""
    with tempfile.TemporaryDirectory() as folder:
        model, exported = f"{folder}/init.udnn", f"{folder}/init.npz"
        call(program, _train(run, "--epochs", "0", "--out", model))
        call(program, ["export", model, exported])
        with np.load(exported) as arrays:
            weights = dict(arrays)
    expected = run.network.parameter_shapes(run.samples.values.shape[1:])
    if (found := {name: value.shape for name, value in weights.items()}) != expected:
        raise SystemExit(f"{run.network.argument}: exported {found}, expected {expected}")
    return weights


def losses(program: pathlib.Path, run: Run) -> list[float]:
    """Mean loss of each step's batch, before the update."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, "run.jsonl")
        update = ("--opt", run.optimizer, "--lr", str(run.learning_rate))
        amount = ("--batch", str(run.batch), "--steps", str(run.steps), "--threads", "1")
        call(program, _train(run, *update, *amount, "--log", str(log)))
        records = [json.loads(line) for line in log.read_text().splitlines()]
    found = [record["loss"] for record in records if record.get("kind") == "step"]
    if len(found) != run.steps or not all(isinstance(loss, (int, float)) and math.isfinite(loss) for loss in found):
        raise SystemExit(
            f"{run.network.argument}: {len(found)} steps in the log, expected {run.steps} with a finite loss each"
        )
    return found
