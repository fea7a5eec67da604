"""Philox4x32-10 and the order of the samples, written a second time.

Peers can only be compared step by step when they see the same batches. The order is computed here from its
definition (src/base/philox.h says the same in C++) instead of being read from the program, so that it is tested on
the way.
"""

import numpy as np

SHUFFLING = 1  # the purpose, in the highest byte of the counter

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # golden ratio, sqrt(3) - 1
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox4x32(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Ten rounds on counters [count, 4]; words [count, 4], both uint32."""
    c0, c1, c2, c3 = (counter[:, i].astype(np.uint64) for i in range(4))
    for round_number in range(10):
        k0, k1 = (np.uint64((key[i] + round_number * _KEY_STEPS[i]) & 0xFFFFFFFF) for i in range(2))
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def words(seed: int, step: int, purpose: int, count: int) -> np.ndarray:
    """Words 0 .. count - 1 of tensor 0, as uint64 so that products do not wrap."""
    block = np.arange((count + 3) // 4, dtype=np.uint64)
    counter = np.stack(
        [block & _LOW, block >> _HALF, np.full_like(block, step), np.full_like(block, purpose << 24)], axis=1
    )
    return philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32)).reshape(-1)[:count].astype(np.uint64)


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """0 .. count - 1 as the program visits them: Fisher and Yates from the end, j = (word(i) * (i + 1)) >> 32."""
    other = ((words(seed, epoch, SHUFFLING, count) * np.arange(1, count + 1, dtype=np.uint64)) >> _HALF).tolist()
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = other[i]
        order[i], order[j] = order[j], order[i]
    return np.array(order)
