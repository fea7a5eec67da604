"""What is trained on all sides: networks as data, the shapes of their parameters, and the definition of a run."""

from dataclasses import dataclass

import numpy as np
from samples import Samples

Parameters = dict[
    str, np.ndarray
]  # "conv1.weights" [kh, kw, ic, oc], "fc1.weights" [in, out], "fc1.bias" [out]: Keras' layout


@dataclass(frozen=True)
class Fc:
    name: str
    outputs: int
    relu: bool


@dataclass(frozen=True)
class Conv:
    """Stride 1; always followed by ReLU here."""

    name: str
    outputs: int
    kernel: int
    pad: int


@dataclass(frozen=True)
class MaxPool:
    size: int


Layer = Fc | Conv | MaxPool


@dataclass(frozen=True)
class Network:
    argument: str  # as the program is told
    layers: tuple[Layer, ...]

    def parameter_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        height, width, channels = input_shape
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in self.layers:
            match layer:
                case Conv(name, outputs, kernel, pad):
                    shapes[f"{name}.weights"] = (kernel, kernel, channels, outputs)
                    height, width, channels = height + 2 * pad - kernel + 1, width + 2 * pad - kernel + 1, outputs
                case MaxPool(size):
                    height, width = height // size, width // size
                case Fc(name, outputs):
                    shapes[f"{name}.weights"] = (height * width * channels, outputs)
                    height, width, channels = 1, 1, outputs
            if not isinstance(layer, MaxPool):
                shapes[f"{layer.name}.bias"] = (channels,)
        return shapes

    def glorot(self, input_shape: tuple[int, ...], seed: int) -> Parameters:
        """Initial weights for when the program is not asked for its own: uniform in +-sqrt(6 / (fan in + fan out));
        biases 0."""
        generator = np.random.default_rng(seed)

        def draw(shape: tuple[int, ...]) -> np.ndarray:
            if len(shape) == 1:
                return np.zeros(shape)
            limit = np.sqrt(6 / (np.prod(shape[:-2]) * (shape[-2] + shape[-1])))
            return generator.uniform(-limit, limit, shape)

        return {name: draw(shape) for name, shape in self.parameter_shapes(input_shape).items()}


NETWORKS = {
    "mlp": Network("mlp", (Fc("fc1", 512, True), Fc("fc2", 512, True), Fc("fc3", 10, False))),
    "lenet": Network(
        "lenet",
        (
            Conv("conv1", 6, 5, 2),
            MaxPool(2),
            Conv("conv2", 16, 5, 0),
            MaxPool(2),
            Fc("fc1", 120, True),
            Fc("fc2", 84, True),
            Fc("fc3", 10, False),
        ),
    ),
    # Small enough for a test of the 8 x 8 digits in every build.
    "small_mlp": Network(
        "8x8x1 - fc 64 relu - fc 64 relu - fc 10",
        (Fc("fc1", 64, True), Fc("fc2", 64, True), Fc("fc3", 10, False)),
    ),
    "small_conv": Network(
        "8x8x1 - conv 4 3x3 pad 1 relu - maxpool 2 - conv 8 3x3 relu - fc 10",
        (Conv("conv1", 4, 3, 1), MaxPool(2), Conv("conv2", 8, 3, 0), Fc("fc1", 10, False)),
    ),
}

# In float64, rates at which these networks learn well: a bias whose gradient is wrong by 1e-6 shows. In fp32 lower
# ones, because some ReLU or maximum is decided within one rounding in nearly every run, here one way and there the
# other, and what follows grows with the rate: at the rates of float64 it puts TensorFlow up to 0.3 (relative) from
# PyTorch after 200 steps. LeNet with sgd 0.003: PyTorch is 1.3e-4 from its own float64 run with seed 1, TensorFlow
# 2.7e-4 with seed 2; this program 2e-6 and 2e-7. At the rates below all three stay within 4e-5 of one another and of
# float64, mostly within 2e-7, and weights whose gradient is wrong by 5 % still show. (MNIST, TensorFlow 2.21, torch
# 2.15, AMD Zen 5, 2026-11.)
LEARNING_RATES: dict[type, dict[str, float]] = {
    np.float64: {"sgd": 0.1, "momentum": 0.02, "adam": 0.001},
    np.float32: {"sgd": 0.001, "momentum": 0.0001, "adam": 0.00002},
}
OPTIMIZERS = tuple(LEARNING_RATES[np.float64])

MOMENTUM = 0.9
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def adam_factors(learning_rate: float, step: int) -> tuple[float, float]:
    """What m and sqrt(v) are multiplied by at `step` (from 1).

    w -= (lr / (1 - b1^t)) m / (sqrt(v) / sqrt(1 - b2^t) + epsilon).
    In Python's float, also for an fp32 run: 1 - b2 in fp32 would be off by 1e-5.
    """
    return learning_rate / (1 - BETA1**step), 1 / (1 - BETA2**step) ** 0.5


@dataclass(frozen=True)
class Run:
    """One training run: from `seed`'s weights and in `seed`'s order, everything of type `dtype` (np.float32 or
    np.float64)."""

    network: Network
    samples: Samples
    dtype: type
    optimizer: str
    learning_rate: float
    batch: int
    seed: int
    steps: int

    @property
    def precision(self) -> str:
        return "all=fp64" if self.dtype is np.float64 else "all=fp32"
