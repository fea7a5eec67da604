"""Training in PyTorch with a plain loop: its layers, its derivatives, its optimizers."""

from collections.abc import Callable

import torch
from networks import BETA1, BETA2, EPSILON, MOMENTUM, Conv, Fc, MaxPool, Network, Parameters, Run
from torch.nn import functional

VERSION = torch.__version__
Tensors = dict[str, torch.Tensor]


def use_threads(count: int) -> None:
    torch.set_num_threads(count)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": lambda tensors, rate, **how: torch.optim.SGD(tensors, rate, momentum=MOMENTUM, **how),
    "adam": lambda tensors, rate, **how: torch.optim.Adam(tensors, rate, betas=(BETA1, BETA2), eps=EPSILON, **how),
}


def to_torch(weights: Parameters, dtype: type) -> Tensors:
    """Filters become [oc, ic, kh, kw] and matrices [out, in], as torch has them."""
    tensors = {name: torch.from_numpy(value.astype(dtype)) for name, value in weights.items()}
    order = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
    return {name: value.permute(order[value.dim()]).contiguous().requires_grad_() for name, value in tensors.items()}


def logits(network: Network, tensors: Tensors, x: torch.Tensor) -> torch.Tensor:
    """x [batch, channels, height, width]."""
    for layer in network.layers:
        match layer:
            case Conv(name, _, _, pad):
                x = functional.relu(
                    functional.conv2d(x, tensors[f"{name}.weights"], tensors[f"{name}.bias"], padding=pad)
                )
            case MaxPool(size):
                x = functional.max_pool2d(x, size)
            case Fc(name, _, relu):
                flat = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x  # columns in the order of NHWC
                z = functional.linear(flat, tensors[f"{name}.weights"], tensors[f"{name}.bias"])
                x = functional.relu(z) if relu else z
    return x


def losses(run: Run, weights: Parameters) -> list[float]:
    tensors = to_torch(weights, run.dtype)
    optimizer = OPTIMIZERS[run.optimizer](tensors.values(), run.learning_rate)
    found = []
    for rows in run.samples.batches(run.seed, run.batch, run.steps):
        x = torch.from_numpy(run.samples.x(rows, run.dtype)).permute(0, 3, 1, 2)
        loss = functional.cross_entropy(
            logits(run.network, tensors, x), torch.from_numpy(run.samples.labels[rows]).long()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    return found
