"""What the comparison rests on, tested without a framework: python3 -m unittest tools/compare/test_compare.py (needs
numpy)."""

import pathlib
import sys
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from networks import LEARNING_RATES, NETWORKS, OPTIMIZERS, Run  # noqa: E402
from parity import largest_difference  # noqa: E402
from peer_numpy import loss_and_gradients, losses  # noqa: E402
from philox import SHUFFLING, epoch_order, philox4x32, words  # noqa: E402
from rounding_definition import FLOATS, inputs, nearest, values_of  # noqa: E402
from samples import Samples  # noqa: E402

SHAPE = (8, 8, 1)
SHAPES = {"mlp": SHAPE, "lenet": (28, 28, 1), "small_mlp": SHAPE, "small_conv": SHAPE}


def few_samples(count: int) -> Samples:
    generator = np.random.default_rng(3)
    values = generator.integers(0, 17, (count, *SHAPE), dtype=np.uint8)
    return Samples("few", values, 16, generator.integers(0, 10, count))


class Philox(unittest.TestCase):
    def test_gives_the_known_answers(self) -> None:
        ones = 0xFFFFFFFF
        for counter, key, want in [
            ([0, 0, 0, 0], (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
            ([ones] * 4, (ones, ones), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ]:
            found = philox4x32(np.array([counter], np.uint32), key)[0]
            self.assertEqual(" ".join(f"{word:08x}" for word in found), want)

    def test_a_word_belongs_to_its_element_step_and_purpose(self) -> None:
        seed, step = 0x123456789ABCDEF0, 7
        found = words(seed, step, SHUFFLING, 11)
        block = philox4x32(np.array([[2, 0, step, 1 << 24]], np.uint32), (0x9ABCDEF0, 0x12345678))[0]
        self.assertEqual(found[8:].tolist(), block[:3].tolist())

    def test_the_order_is_fisher_and_yates_from_the_end(self) -> None:
        word = words(5, 2, SHUFFLING, 100).tolist()
        order = list(range(100))
        for i in reversed(range(1, 100)):
            j = (word[i] * (i + 1)) >> 32
            order[i], order[j] = order[j], order[i]
        self.assertEqual(epoch_order(100, 5, 2).tolist(), order)
        self.assertEqual(sorted(order), list(range(100)))


class Batches(unittest.TestCase):
    def test_end_an_epoch_with_a_smaller_one_and_shuffle_the_next_anew(self) -> None:
        batches = list(few_samples(10).batches(seed=1, batch=4, steps=5))
        self.assertEqual([len(rows) for rows in batches], [4, 4, 2, 4, 4])
        self.assertEqual(np.concatenate(batches[:3]).tolist(), epoch_order(10, 1, 0).tolist())
        self.assertEqual(np.concatenate(batches[3:]).tolist(), epoch_order(10, 1, 1)[:8].tolist())


class Numpy(unittest.TestCase):
    def test_gradients_are_central_differences(self) -> None:
        """Error of a central difference: h^2 / 6 of the third derivative, and 2^-53 / h of rounding: 1e-10 of each at h
        = 1e-5."""
        h, labels = 1e-5, np.arange(6)
        for network_name, network in NETWORKS.items():
            x = np.random.default_rng(4).uniform(0, 1, (len(labels), *SHAPES[network_name]))
            parameters = network.glorot(SHAPES[network_name], seed=1)
            gradients = loss_and_gradients(network, parameters, x, labels)[1]
            for name, gradient in gradients.items():
                for at in np.random.default_rng(6).integers(0, gradient.size, 5):
                    place = np.unravel_index(at, gradient.shape)
                    kept = parameters[name][place]
                    sides = []
                    for value in (kept + h, kept - h):
                        parameters[name][place] = value
                        sides.append(loss_and_gradients(network, parameters, x, labels)[0])
                    parameters[name][place] = kept
                    self.assertAlmostEqual(
                        (sides[0] - sides[1]) / (2 * h), gradient[place], delta=1e-8, msg=f"{name}{place}"
                    )

    def test_every_optimizer_learns(self) -> None:
        samples = few_samples(64)
        network = NETWORKS["small_conv"]
        for optimizer in OPTIMIZERS:
            rate = LEARNING_RATES[np.float64][optimizer]
            found = losses(Run(network, samples, np.float64, optimizer, rate, 64, 1, 40), network.glorot(SHAPE, seed=1))
            self.assertLess(found[-1], found[0])


class Difference(unittest.TestCase):
    def test_is_relative_and_names_its_step(self) -> None:
        self.assertEqual(largest_difference([1.0, 2.5, 4.0], [1.0, 2.0, 4.0]), (0.25, 1))

    def test_of_nan_is_above_every_limit(self) -> None:
        difference, step = largest_difference([1.0, float("nan")], [2.0, 2.0])
        self.assertFalse(difference <= 1e9)
        self.assertEqual(step, 1)


class NearestEven(unittest.TestCase):
    def test_is_numpys_float16(self) -> None:
        x = inputs("fp16")
        with np.errstate(over="ignore"):
            want = x.astype(np.float16).astype(np.float32)
        self.assertEqual(nearest(x, "fp16", "inf").tobytes(), want.tobytes())

    def test_ends_where_the_formats_do(self) -> None:
        self.assertEqual([values_of(format)[-1] for format in FLOATS], [57344, 448, float.fromhex("0x1.fep127"), 65504])
        self.assertEqual([values_of(format)[1] for format in FLOATS], [2.0**-16, 2.0**-9, 2.0**-133, 2.0**-24])
        x = np.array([464, 464.0625, -464.0625, -(2.0**-10), 2.0**-10 * 1.5], np.float32)
        self.assertEqual(nearest(x, "e4m3", "sat").tolist(), [448, 448, -448, 0, 2.0**-9])
        self.assertEqual(np.isnan(nearest(x, "e4m3", "nan")).tolist(), [False, True, True, False, False])

    def test_of_fixed_point_saturates_and_has_one_zero(self) -> None:
        x = np.array([5, -5, -1.99, 0.0078125, -0.0078125, 0.0234375], np.float32)
        rounded = nearest(x, "fx2.6", "")
        self.assertEqual(rounded.tolist(), [127 / 64, -2, -127 / 64, 0, 0, 2 / 64])
        self.assertFalse(np.signbit(rounded[4]))


if __name__ == "__main__":
    unittest.main()
