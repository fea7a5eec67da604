"""Who else rounds arrays of floats to small formats, each at its best: what quantize.py compares uDNN with.

rounding(format, stochastic) of a peer gives a function x -> q on contiguous float32, or None where it has no such
format. `overflow` says which spelling of uDNN means the same beyond the range; what then still differs, quantize.py
counts.
"""

import ctypes
import importlib.metadata
import os
import pathlib
import subprocess
import tempfile
from collections.abc import Callable

import numpy as np
from rounding_definition import DFX8_FRACTION, FLOATS

Rounding = Callable[[np.ndarray], np.ndarray]


class Absent(Exception):
    """Why a peer is not here."""


def version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise Absent(f"no package {package} here, expected the Python of tools/compare/make_env.sh") from error


class MlDtypes:
    """numpy's casts to the types of ml_dtypes, there and back: the cast alone gives codes, not values."""

    overflow = {"e4m3": "nan"}

    def __init__(self) -> None:
        self.name = version("ml_dtypes")
        import ml_dtypes

        self._types = {
            "e5m2": ml_dtypes.float8_e5m2,
            "e4m3": ml_dtypes.float8_e4m3fn,
            "bf16": ml_dtypes.bfloat16,
            "fp16": np.float16,
        }

    def rounding(self, format: str, stochastic: bool) -> Rounding | None:
        there = self._types.get(format)
        if there is None or stochastic:
            return None

        def cast(x: np.ndarray) -> np.ndarray:
            with np.errstate(over="ignore"):
                return x.astype(there).astype(np.float32)

        return cast


class Torch:
    """torch's own casts, there and back."""

    overflow: dict[str, str] = {}

    def __init__(self) -> None:
        self.name = version("torch")
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        self._types = {
            "e5m2": torch.float8_e5m2,
            "e4m3": torch.float8_e4m3fn,
            "bf16": torch.bfloat16,
            "fp16": torch.float16,
        }

    def rounding(self, format: str, stochastic: bool) -> Rounding | None:
        there = self._types.get(format)
        if there is None or stochastic:
            return None
        torch = self._torch
        return lambda x: torch.from_numpy(x).to(there).to(torch.float32).numpy()


class QTorch:
    """Its C++ extension, which it compiles when it is imported first."""

    overflow: dict[str, str] = {}

    def __init__(self) -> None:
        version("torch")
        self.name = version("qtorch")
        import torch

        torch.set_num_threads(1)
        # The extension is made by ninja, which lies beside this Python.
        os.environ["PATH"] = f"{pathlib.Path(os.sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        try:
            from qtorch import quant
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            raise Absent(f"qtorch does not compile: {str(error).splitlines()[0]}") from error
        self._torch, self._quant = torch, quant

    def rounding(self, format: str, stochastic: bool) -> Rounding | None:
        torch, quant = self._torch, self._quant
        mode = "stochastic" if stochastic else "nearest"
        if format in FLOATS:
            exponent, mantissa = FLOATS[format]
            return lambda x: quant.float_quantize(torch.from_numpy(x), exponent, mantissa, mode).numpy()
        fraction, symmetric = (6, False) if format == "fx2.6" else (DFX8_FRACTION, True)
        return lambda x: quant.fixed_point_quantize(
            torch.from_numpy(x), 8, fraction, clamp=True, symmetric=symmetric, rounding=mode
        ).numpy()


class GFloat:
    """Its functions on numpy arrays. fx2.6 is the int8 of OCP MX."""

    overflow = {"e4m3": "nan"}

    def __init__(self) -> None:
        self.name = version("gfloat")
        import gfloat
        import gfloat.formats as known

        self._gfloat = gfloat
        self._formats = {
            "e5m2": known.format_info_ocp_e5m2,
            "e4m3": known.format_info_ocp_e4m3,
            "bf16": known.format_info_bfloat16,
            "fp16": known.format_info_binary16,
            "fx2.6": known.format_info_ocp_int8,
        }

    def rounding(self, format: str, stochastic: bool) -> Rounding | None:
        info = self._formats.get(format)
        if info is None:
            return None
        gfloat, saturates = self._gfloat, format == "fx2.6"
        if not stochastic:

            def nearest(x: np.ndarray) -> np.ndarray:
                with np.errstate(over="ignore"):
                    return gfloat.round_ndarray(info, x, sat=saturates)

            return nearest
        random, bits = np.random.default_rng(1), 14  # as many as its 16-bit integers take with the carry
        mode = gfloat.RoundMode.StochasticFastest

        def rounded(x: np.ndarray) -> np.ndarray:
            words = random.integers(0, 1 << bits, x.shape, dtype=np.int16)
            return gfloat.round_ndarray(info, x, mode, sat=saturates, srbits=words, srnumbits=bits)

        return rounded


class PyChop:
    """Its numpy classes, without dask: cut into the pieces of 800 elements that it makes with it, nearest takes ten times
    as long."""

    overflow = {"e4m3": "inf"}

    def __init__(self) -> None:
        self.name = version("pychop")
        from pychop.np import fixed_point, lightchop

        lightchop.da = None
        self._float, self._fixed = lightchop.LightChop_, fixed_point.FPRound_

    def rounding(self, format: str, stochastic: bool) -> Rounding | None:
        mode = 5 if stochastic else 1
        if format in FLOATS:
            chop = self._float(*FLOATS[format], rmode=mode)
        elif format == "fx2.6":
            chop = self._fixed(2, 6, rmode=mode)
        else:
            return None

        def rounded(x: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return np.asarray(chop.quantize(x))

        return rounded


class CPFloat:
    """A C library of headers alone: no registry has it, so a checkout is given and compiled here, -O3 -march=native, without
    OpenMP."""

    overflow = {"e4m3": "inf"}
    _source = """
#include "cpfloat_binary32.h"
optstruct* make(int precision, int emin, int emax, int round) {
  optstruct* made = init_optstruct();
  *made = (optstruct){.format = "custom", .precision = precision, .emin = emin, .emax = emax,
                      .explim = CPFLOAT_EXPRANGE_TARG, .infinity = CPFLOAT_INF_USE, .round = round,
                      .saturation = CPFLOAT_SAT_NO, .subnormal = CPFLOAT_SUBN_USE, .flip = CPFLOAT_SOFTERR_NO};
  return made;
}
int run(float* q, const float* x, size_t count, optstruct* made) { return cpfloatf(q, x, count, made); }
"""

    def __init__(self, checkout: pathlib.Path | None) -> None:
        if checkout is None:
            raise Absent("no package of any registry; expected --cpfloat CHECKOUT of north-numerical-computing/cpfloat")
        self._folder = tempfile.TemporaryDirectory()
        library = pathlib.Path(self._folder.name) / "cpfloat.so"
        line = ["gcc", "-O3", "-march=native", "-shared", "-fPIC", "-w", f"-I{checkout / 'src'}", "-xc", "-"]
        made = subprocess.run(
            [*line, "-o", str(library), "-lm"], input=self._source, capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            raise Absent(f"CPFloat does not compile: {made.stderr.splitlines()[0]}")
        self.name = "CPFloat"
        self._library = ctypes.CDLL(str(library))
        self._library.make.restype = ctypes.c_void_p
        self._library.run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]

    def rounding(self, format: str, stochastic: bool) -> Rounding | None:
        if format not in FLOATS:
            return None
        exponent, mantissa = FLOATS[format]
        bias = (1 << (exponent - 1)) - 1
        largest = bias + (format == "e4m3")  # as its own name for it has it
        options = self._library.make(mantissa + 1, 1 - bias, largest, 5 if stochastic else 1)

        def rounded(x: np.ndarray) -> np.ndarray:
            q = np.empty_like(x)
            self._library.run(q.ctypes.data, x.ctypes.data, x.size, options)
            return q

        return rounded


def peers(cpfloat: pathlib.Path | None) -> tuple[list, list[str]]:
    """Those that are here, and of the others why not."""
    here, absent = [], []
    for make in (lambda: CPFloat(cpfloat), MlDtypes, Torch, QTorch, GFloat, PyChop):
        try:
            here.append(make())
        except Absent as error:
            absent.append(str(error))
    return here, absent
