"""The number formats of uDNN on numpy arrays, through libudnn_c.so.

    from udnn_formats import Format, Statistics
    e4m3 = Format("e4m3")
    q = e4m3.quantize(x)                        # an array like x, each value rounded once
    int4 = Format("int4:sr")
    scales = int4.find_scales(w, channels=w.shape[-1])
    codes = int4.encode(w, scales=scales, seed=7)
    data = int4.pack(codes)                     # bytes, 4 bits each
    mx = Format("mxfp4")                        # blocks along the last index, where 32 divides it
    codes, block_scales = mx.encode_blocks(w)   # block_scales: bytes, E8M0

What each function rounds to and refuses: include/udnn/quantize.h. A refusal is a ValueError, what this build does not
compute a NotImplementedError, each with the library's own text.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import weakref
from collections.abc import Sequence
from typing import Union

import numpy as np


class _Error(ctypes.Structure):
    _fields_ = [("message", ctypes.c_char * 512)]


class _Facts(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 64)]
    _fields_ += [(name, ctypes.c_double) for name in ("storage_bits", "largest", "lowest", "smallest_normal",
                                                      "smallest_subnormal", "spacing_at_one")]
    _fields_ += [(name, ctypes.c_int32) for name in ("bits", "significant_bits", "block", "has_infinity", "has_nan",
                                                     "has_negative_zero", "needs_scale", "fits_double", "fits_float")]


class Scale(ctypes.Structure):
    """unit: the value of one code; threshold of t2; zero_point of uint."""

    _fields_ = [("unit", ctypes.c_double), ("threshold", ctypes.c_double), ("zero_point", ctypes.c_double)]

    def __repr__(self) -> str:
        return f"Scale(unit={self.unit}, threshold={self.threshold}, zero_point={self.zero_point})"


class _Options(ctypes.Structure):
    _fields_ = [("scales", ctypes.POINTER(Scale)), ("scale_count", ctypes.c_size_t), ("seed", ctypes.c_uint64),
                ("first_element", ctypes.c_uint64), ("step", ctypes.c_uint32), ("tensor", ctypes.c_uint32)]


class Statistics(ctypes.Structure):
    """What rounding did: filled in by quantize() and encode() where they are given one."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("count", "zeros_in", "zeros_out", "saturated", "non_finite")]
    _fields_ += [(name, ctypes.c_double) for name in ("max_abs", "error_sum", "error_squares", "value_squares",
                                                      "sqnr_db")]


Scales = Union[float, Scale, Sequence[Union[float, Scale]], None]

_CODES = np.dtype(np.uint64)
_SUFFIX = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64", np.dtype(np.longdouble): "long"}
_ROUNDING = {(verb, dtype): f"udnn_codec_{verb}_{suffix}" for verb in ("quantize", "encode", "encode_blocks")
             for dtype, suffix in _SUFFIX.items()}
_UINT32, _UINT64 = 1 << 32, 1 << 64
_RAISED = {1: ValueError, 2: NotImplementedError, 3: MemoryError, 4: RuntimeError}


def _load() -> ctypes.CDLL:
    """UDNN_C_LIBRARY, else the build beside this folder, else what the system finds."""
    built = pathlib.Path(__file__).resolve().parents[2] / "build/release/src/libudnn_c.so"
    path = os.environ.get("UDNN_C_LIBRARY") or (str(built) if built.exists() else "libudnn_c.so")
    library = ctypes.CDLL(path)
    library.udnn_version.restype = ctypes.c_char_p
    library.udnn_codec_destroy.argtypes = [ctypes.c_void_p]
    library.udnn_codec_destroy.restype = None
    library.udnn_codec_blocks.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.udnn_codec_blocks.restype = ctypes.c_size_t
    library.udnn_packed_bytes.argtypes = [ctypes.c_size_t, ctypes.c_int]
    library.udnn_packed_bytes.restype = ctypes.c_size_t
    pointer, size, error = ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(_Error)
    rounding = [pointer, pointer, pointer, size, ctypes.POINTER(_Options), ctypes.POINTER(Statistics), error]
    signatures = {
        "udnn_format_describe": [ctypes.c_char_p, ctypes.POINTER(_Facts), error],
        "udnn_codec_create": [ctypes.c_char_p, ctypes.POINTER(pointer), error],
        "udnn_pack_codes": [pointer, size, ctypes.c_int, pointer, size, error],
        "udnn_unpack_codes": [pointer, size, ctypes.c_int, pointer, size, error],
    }
    for suffix in _SUFFIX.values():
        signatures[f"udnn_codec_find_scales_{suffix}"] = [pointer, pointer, size, ctypes.POINTER(Scale), size, error]
        signatures[f"udnn_codec_quantize_{suffix}"] = rounding
        signatures[f"udnn_codec_encode_{suffix}"] = rounding
        if suffix != "long":
            signatures[f"udnn_codec_encode_blocks_{suffix}"] = rounding[:4] + [pointer, size] + rounding[4:]
            signatures[f"udnn_codec_decode_blocks_{suffix}"] = [pointer, pointer, pointer, size, pointer, size,
                                                                ctypes.POINTER(Scale), error]
        signatures[f"udnn_codec_decode_{suffix}"] = [pointer, pointer, pointer, size, ctypes.POINTER(Scale), size, error]
    for name, arguments in signatures.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = ctypes.c_int
    return library


_library = _load()


def _call(name: str, *arguments: object) -> None:
    error = _Error()
    status = getattr(_library, name)(*arguments, ctypes.byref(error))
    if status != 0:
        raise _RAISED[status](error.message.decode(errors="replace"))


def version() -> str:
    return _library.udnn_version().decode()


def describe(format: str) -> dict[str, Union[str, float, int, bool]]:
    """What follows from a name: bits, range, spacing, the arrays it takes. At scale 1."""
    facts = _Facts()
    _call("udnn_format_describe", format.encode(), ctypes.byref(facts))
    described = {name: getattr(facts, name) for name, _ in _Facts._fields_}
    described["name"] = facts.name.decode()
    for name in ("has_infinity", "has_nan", "has_negative_zero", "needs_scale", "fits_double", "fits_float"):
        described[name] = bool(described[name])
    return described


def _floats(x: object) -> np.ndarray:
    """x as an array of float32, float64 or longdouble without gaps. Nothing is rounded on the way."""
    array = np.asarray(x)
    if array.dtype not in _SUFFIX:
        exact = 2**53  # integers up to here are doubles
        is_exact = array.dtype.kind not in "iu" or not ((array > exact).any() or (array < -exact).any())
        if not is_exact or not np.can_cast(array.dtype, np.float64, "safe"):
            raise TypeError(f"{array.dtype} array that float64 does not hold exactly, expected float32 or float64")
        array = array.astype(np.float64)
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements="CA")


def _no_long(dtype: np.dtype) -> None:
    if _SUFFIX.get(dtype) not in ("f32", "f64"):
        raise TypeError(f"{dtype} array in blocks, expected float32 or float64")


def _address(array: np.ndarray) -> int:
    """array.ctypes.data, which takes a microsecond, where the buffer says it sooner."""
    if array.size != 0 and array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    return array.ctypes.data


def _scale_array(scales: Scales) -> ctypes.Array | None:
    if scales is None or isinstance(scales, ctypes.Array):
        return scales
    if isinstance(scales, (Scale, int, float)):
        scales = [scales]
    made = [scale if isinstance(scale, Scale) else Scale(unit=scale) for scale in scales]
    return (Scale * len(made))(*made)


class Format:
    """A format made ready. Used by any number of threads at a time; the library releases Python's lock."""

    def __init__(self, text: str) -> None:
        handle = ctypes.c_void_p()
        _call("udnn_codec_create", text.encode(), ctypes.byref(handle))
        self._handle = handle
        self._close = weakref.finalize(self, _library.udnn_codec_destroy, handle)
        facts = describe(text)
        self.name: str = facts["name"]
        self.bits: int = facts["bits"]

    def __repr__(self) -> str:
        return f"Format({self.name!r})"

    def find_scales(self, x: np.ndarray, channels: int = 1) -> ctypes.Array:
        """The scale of each channel, the last index of x."""
        x = _floats(x)
        scales = (Scale * channels)()
        _call(f"udnn_codec_find_scales_{_SUFFIX[x.dtype]}", self._handle, x.ctypes.data, x.size, scales, channels)
        return scales

    def quantize(self, x: np.ndarray, out: np.ndarray | None = None, *, scales: Scales = None, seed: int = 1,
                 step: int = 0, tensor: int = 0, first_element: int = 0,
                 statistics: Statistics | None = None) -> np.ndarray:
        """round(x) in x's own type: float32, float64 or (formats above 53 bits) longdouble. out may be x. scales: of the values where there are none."""
        shape, x = np.shape(x), _floats(x)
        if out is None:
            out = np.empty(shape, x.dtype)
        elif out.shape != shape or out.dtype != x.dtype or not out.flags.carray:
            raise ValueError(f"out: {out.dtype} {out.shape}, expected {x.dtype} {shape}, writeable and without gaps")
        self._round("quantize", x, out, scales, seed, step, tensor, first_element, statistics)
        return out

    def encode(self, x: np.ndarray, *, scales: Scales = None, seed: int = 1, step: int = 0, tensor: int = 0,
               first_element: int = 0, statistics: Statistics | None = None) -> np.ndarray:
        """The codes of round(x), uint64."""
        shape, x = np.shape(x), _floats(x)
        codes = np.empty(shape, _CODES)
        self._round("encode", x, codes, scales, seed, step, tensor, first_element, statistics)
        return codes

    def decode(self, codes: np.ndarray, *, scales: Scales = None, dtype: type = np.float32) -> np.ndarray:
        """The values of the codes."""
        codes = np.require(codes, _CODES, "CA")
        x, array = np.empty(codes.shape, dtype), _scale_array(scales)
        _call(f"udnn_codec_decode_{_SUFFIX[x.dtype]}", self._handle, codes.ctypes.data, x.ctypes.data, codes.size,
              array, 0 if array is None else len(array))
        return x

    def blocks(self, count: int) -> int:
        """How many blocks `count` values have; 0 for formats without blocks."""
        return _library.udnn_codec_blocks(self._handle, count)

    def encode_blocks(self, x: np.ndarray, *, scales: Scales = None, seed: int = 1, step: int = 0, tensor: int = 0,
                      first_element: int = 0,
                      statistics: Statistics | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The codes of round(x), uint64, and the scale of each block, uint8: E8M0 of bfp and mx, E4M3 of nvfp4.

        Blocks follow one another in C order, along the last index where their length divides it. scales: of nvfp4, the
        one of the tensor, as find_scales() finds it."""
        shape, x = np.shape(x), _floats(x)
        _no_long(x.dtype)
        codes, block_scales = np.empty(shape, _CODES), np.empty(self.blocks(x.size), np.uint8)
        self._round("encode_blocks", x, codes, scales, seed, step, tensor, first_element, statistics, block_scales)
        return codes, block_scales

    def decode_blocks(self, codes: np.ndarray, block_scales: np.ndarray, *, scales: Scales = None,
                      dtype: type = np.float32) -> np.ndarray:
        """The values of the codes."""
        codes, block_scales = np.require(codes, _CODES, "CA"), np.require(block_scales, np.uint8, "CA")
        _no_long(np.dtype(dtype))
        x, array = np.empty(codes.shape, dtype), _scale_array(scales)
        if array is not None and len(array) != 1:
            raise ValueError(f"scales: {len(array)}, expected the one of the tensor")
        _call(f"udnn_codec_decode_blocks_{_SUFFIX[x.dtype]}", self._handle, codes.ctypes.data, x.ctypes.data,
              codes.size, block_scales.ctypes.data, block_scales.size, array)
        return x

    def pack(self, codes: np.ndarray) -> bytes:
        """Codes without gaps, little endian. ValueError where one has more bits than the format."""
        given = np.asarray(codes)
        if given.size and (given.dtype.kind not in "iu" or int(given.min()) < 0 or int(given.max()) >> self.bits):
            raise ValueError(f"codes of {given.dtype} from {given.min()} to {given.max()}, "
                             f"expected whole numbers from 0 to 2^{self.bits} - 1")
        codes = np.require(given, _CODES, "CA")
        data = np.empty(_library.udnn_packed_bytes(codes.size, self.bits), np.uint8)
        _call("udnn_pack_codes", codes.ctypes.data, codes.size, self.bits, data.ctypes.data, data.size)
        return data.tobytes()

    def unpack(self, data: bytes, count: int) -> np.ndarray:
        packed = np.frombuffer(data, np.uint8)
        codes = np.empty(count, _CODES)
        _call("udnn_unpack_codes", packed.ctypes.data, packed.size, self.bits, codes.ctypes.data, count)
        return codes

    def _round(self, verb: str, x: np.ndarray, to: np.ndarray, scales: Scales, seed: int, step: int, tensor: int,
               first_element: int, statistics: Statistics | None, block_scales: np.ndarray | None = None) -> None:
        # ctypes would keep the low bits.
        if not (0 <= seed < _UINT64 and 0 <= first_element < _UINT64 and 0 <= step < _UINT32 and 0 <= tensor < _UINT32):
            for name, value, bits in (("seed", seed, 64), ("first_element", first_element, 64), ("step", step, 32),
                                      ("tensor", tensor, 32)):
                if not 0 <= value < 1 << bits:
                    raise ValueError(f"{name}: {value}, expected 0 to 2^{bits} - 1")
        array = _scale_array(scales)
        options = _Options(array, 0 if array is None else len(array), seed, first_element, step, tensor)
        blocks = () if block_scales is None else (_address(block_scales), block_scales.size)
        _call(_ROUNDING[verb, x.dtype], self._handle, _address(x), _address(to), x.size, *blocks, ctypes.byref(options),
              None if statistics is None else ctypes.byref(statistics))
