"""The frameworks that train beside the program, each in a process of its own: TensorFlow and PyTorch cannot be loaded
into the same one (each brings an LLVM, and the second to register its options aborts)."""

import contextlib
import importlib.util
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

from networks import Parameters, Run

PEERS = ("tensorflow", "torch", "numpy")


class Peer:
    """losses() returns at once; several peers compute at the same time. What stops one is raised by result()."""

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec(name) is None:
            raise SystemExit(f"{name}: no such package here, expected the Python of tools/compare/make_env.sh")
        self._name = name
        self._process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _prepare, (name,))

    def losses(self, run: Run, weights: Parameters) -> Future[list[float]]:
        return self._process.submit(_losses, self._name, run, weights)

    def version(self) -> str:
        return self._process.submit(_version, self._name).result()


def _prepare(name: str) -> None:
    with _quiet():
        module = importlib.import_module(f"peer_{name}")
    if name != "numpy":
        module.use_threads(1)


def _losses(name: str, run: Run, weights: Parameters) -> list[float]:
    return importlib.import_module(f"peer_{name}").losses(run, weights)


def _version(name: str) -> str:
    return importlib.import_module(f"peer_{name}").VERSION


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow greets on stderr while it is imported, whatever its log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
