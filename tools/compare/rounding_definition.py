"""Rounding to nearest, ties to even, from the definition: the values of a format in a table, and the nearest of them found
in float64, where the distances of floats are exact."""

import numpy as np

FLOATS = {"e5m2": (5, 2), "e4m3": (4, 3), "bf16": (8, 7), "fp16": (5, 10)}  # exponent and mantissa bits
DFX8_FRACTION = 5  # the scale 2^-5 suits values around 1


def values_of(format: str) -> np.ndarray:
    """The finite values that are not negative, in order, from the definition."""
    if format == "fx2.6":
        return np.arange(128) / 64
    if format == "dfx8":
        return np.arange(128) / 2.0**DFX8_FRACTION
    exponent, mantissa = FLOATS[format]
    bias, steps = (1 << (exponent - 1)) - 1, 1 << mantissa
    fields = (1 << exponent) - (0 if format == "e4m3" else 1)  # the last one: infinity and NaN
    codes = np.arange(fields * steps - (1 if format == "e4m3" else 0))
    field, rest = codes // steps, codes % steps
    return np.ldexp(rest + np.where(field > 0, steps, 0), np.maximum(field, 1) - bias - mantissa)


def beyond_of(format: str, overflow: str) -> float:
    return {"inf": np.inf, "nan": np.nan}.get(overflow, values_of(format)[-1])


def nearest(x: np.ndarray, format: str, overflow: str) -> np.ndarray:
    """Ties to the even code; `overflow` is as in uDNN's spelling."""
    values = values_of(format)
    last = values[-1]
    next_one = last + (last - values[-2])  # what would follow if the exponent were unbounded
    table = np.append(values, next_one)
    magnitude = np.abs(x.astype(np.float64))
    above = np.clip(np.searchsorted(table, magnitude), 1, len(table) - 1)
    below = above - 1
    to_below, to_above = magnitude - table[below], table[above] - magnitude
    takes_above = (to_above < to_below) | ((to_above == to_below) & (above % 2 == 0))
    code = np.where(takes_above, above, below)
    rounded = np.where(code == len(values), beyond_of(format, overflow), table[code])
    if format == "fx2.6":
        rounded = np.where((x < 0) & (magnitude > last), np.minimum(np.where(takes_above, next_one, rounded), 2), rounded)
        return (np.copysign(rounded, x) + 0.0).astype(np.float32)
    rounded = np.copysign(rounded, x)
    return (rounded + 0.0 if format == "dfx8" else rounded).astype(np.float32)


def inputs(format: str) -> np.ndarray:
    """Every fp16; every value of the format and every midpoint, with both neighbours; many of ordinary size."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    values = values_of(format)
    points = np.concatenate([values, (values[:-1] + values[1:]) / 2, [values[-1] * 1.5 - values[-2] / 2]])
    points = points[points <= np.finfo(np.float32).max].astype(np.float32)
    with np.errstate(over="ignore"):
        points = np.concatenate([points, np.nextafter(points, -np.inf), np.nextafter(points, np.inf)])
    ordinary = np.random.default_rng(1).normal(size=1 << 17).astype(np.float32)
    x = np.concatenate([halves[np.isfinite(halves)], points, -points, ordinary])
    return x[np.isfinite(x)]
