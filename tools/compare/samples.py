"""The training samples, read without the program, so that a fault of its readers would show as a difference in the
loss."""

import gzip
import hashlib
import importlib.util
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from philox import epoch_order

DIGITS_SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
FASHION_PACKAGE = pathlib.Path("/usr/share/datasets/fashion-mnist")  # where Debian's dataset-fashion-mnist puts it


@dataclass(frozen=True)
class Samples:
    """values [count, height, width, channels], bytes; a network sees values / divisor."""

    name: str
    values: np.ndarray
    divisor: int
    labels: np.ndarray

    def batches(self, seed: int, batch: int, steps: int) -> Iterator[np.ndarray]:
        """The rows of each step's batch. As in the program, the last batch of an epoch may be smaller."""
        epoch = 0
        while steps > 0:
            order = epoch_order(len(self.labels), seed, epoch)
            for first in range(0, len(order), batch)[:steps]:
                yield order[first : first + batch]
                steps -= 1
            epoch += 1

    def x(self, rows: np.ndarray, dtype: type) -> np.ndarray:
        """One rounding, that of the division in `dtype`, as in the program's carrier."""
        return self.values[rows].astype(dtype) / dtype(self.divisor)


def load(name: str) -> Samples:
    """The training part of mnist, fashion or digits. Exits with one line when it is not there or damaged."""
    return _digits() if name == "digits" else _images(name)


def _images(name: str) -> Samples:
    root = pathlib.Path(os.environ.get("UDNN_DATA") or pathlib.Path.home() / ".cache/udnn") / name
    folders = [root, FASHION_PACKAGE] if name == "fashion" else [root]
    images = _idx(folders, "train-images-idx3-ubyte", 3)
    labels = _idx(folders, "train-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise SystemExit(f"{name}: {len(images)} images and {len(labels)} labels, expected as many")
    return Samples(name, images[..., np.newaxis], 255, labels)


def _idx(folders: list[pathlib.Path], file: str, dimensions: int) -> np.ndarray:
    paths = [folder / (file + ending) for folder in folders for ending in ("", ".gz")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        places = ", ".join(map(str, folders))
        raise SystemExit(f"{file}: neither it nor its .gz is in {places} (see udnn data get)")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    header = np.frombuffer(data, ">u4", count=1 + dimensions)
    if header[0] != 0x800 + dimensions or len(data) != header.nbytes + np.prod(header[1:], dtype=np.uint64):
        raise SystemExit(
            f"{path}: magic {header[0]}, sizes {header[1:].tolist()}, {len(data)} bytes: not such an IDX file"
        )
    return np.frombuffer(data, np.uint8, offset=header.nbytes).reshape(header[1:].astype(int))


def _digits() -> Samples:
    """From scikit-learn's package, which is only looked into: importing it would ask for scipy."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.submodule_search_locations is None:
        raise SystemExit(
            "digits: the package scikit-learn is not there, expected tools/compare/make_env.sh to have been run"
        )
    path = pathlib.Path(package.submodule_search_locations[0], "datasets/data/digits.csv.gz")
    data = gzip.decompress(path.read_bytes())
    if hashlib.sha256(data).hexdigest() != DIGITS_SHA256:
        raise SystemExit(f"{path}: not the digits that the program embeds (another sha256)")
    rows = np.array([[int(cell) for cell in line.split(b",")] for line in data.splitlines()], np.uint8)
    train = rows[np.arange(len(rows)) % 5 != 0]
    return Samples("digits", train[:, :-1].reshape(-1, 8, 8, 1), 16, train[:, -1])
