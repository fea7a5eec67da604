"""Training in plain numpy, each layer from its definition: slow, and the judge when two of the others disagree."""

from typing import Any

import numpy as np
from networks import BETA1, BETA2, EPSILON, MOMENTUM, Conv, Fc, MaxPool, Network, Parameters, Run, adam_factors

VERSION = np.__version__


def _conv_forward(x: np.ndarray, w: np.ndarray, bias: np.ndarray, pad: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(1, 2))  # [n, oh, ow, ic, kh, kw]
    return np.tensordot(patches, w, axes=((4, 5, 3), (0, 1, 2))) + bias, patches


def _conv_backward(
    x: np.ndarray, w: np.ndarray, pad: int, patches: np.ndarray, dz: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    dw = np.tensordot(patches, dz, axes=((0, 1, 2), (0, 1, 2))).transpose(1, 2, 0, 3)
    rows, columns = dz.shape[1:3]
    padded = np.zeros((x.shape[0], x.shape[1] + 2 * pad, x.shape[2] + 2 * pad, x.shape[3]), x.dtype)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            padded[:, i : i + rows, j : j + columns] += dz @ w[i, j].T
    return padded[:, pad : pad + x.shape[1], pad : pad + x.shape[2]], dw


def _windows(x: np.ndarray, size: int) -> np.ndarray:
    """[n, oh, ow, size * size, c]; what a window does not reach at the right and at the bottom is left out."""
    n, height, width, c = x.shape
    rows, columns = height // size, width // size
    cut = x[:, : rows * size, : columns * size].reshape(n, rows, size, columns, size, c)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(n, rows, columns, size * size, c)


def _pool_backward(x: np.ndarray, size: int, winner: np.ndarray, dy: np.ndarray) -> np.ndarray:
    windows = np.zeros((*dy.shape[:3], size * size, dy.shape[3]), dy.dtype)
    np.put_along_axis(windows, winner, dy[:, :, :, np.newaxis], axis=3)
    n, rows, columns, _, c = windows.shape
    dx = np.zeros_like(x)
    spread = windows.reshape(n, rows, columns, size, size, c).transpose(0, 1, 3, 2, 4, 5)
    dx[:, : rows * size, : columns * size] = spread.reshape(n, rows * size, columns * size, c)
    return dx


def loss_and_gradients(
    network: Network, parameters: Parameters, x: np.ndarray, labels: np.ndarray
) -> tuple[float, Parameters]:
    """Mean softmax cross-entropy of a batch, and its derivative by every parameter."""
    kept: list[tuple[np.ndarray, Any]] = []  # each layer's x, and what else its way back needs
    for layer in network.layers:
        match layer:
            case Conv(name, _, _, pad):
                z, patches = _conv_forward(x, parameters[f"{name}.weights"], parameters[f"{name}.bias"], pad)
                kept.append((x, (patches, z > 0)))
                x = np.maximum(z, 0)
            case MaxPool(size):
                windows = _windows(x, size)
                winner = windows.argmax(axis=3)[:, :, :, np.newaxis]  # the first of equals
                kept.append((x, winner))
                x = np.take_along_axis(windows, winner, axis=3)[:, :, :, 0]
            case Fc(name, _, relu):
                z = x.reshape(len(x), -1) @ parameters[f"{name}.weights"] + parameters[f"{name}.bias"]
                kept.append((x, z > 0))
                x = np.maximum(z, 0) if relu else z

    shifted = x - x.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    row = np.arange(len(x))
    loss = float((log_sum - shifted[row, labels]).mean())
    error = np.exp(shifted - log_sum[:, np.newaxis])
    error[row, labels] -= 1
    error /= len(x)

    gradients: Parameters = {}
    for layer, (x, rest) in zip(reversed(network.layers), reversed(kept), strict=True):
        match layer:
            case Conv(name, _, _, pad):
                patches, positive = rest
                error = error * positive
                gradients[f"{name}.bias"] = error.sum(axis=(0, 1, 2))
                error, gradients[f"{name}.weights"] = _conv_backward(
                    x, parameters[f"{name}.weights"], pad, patches, error
                )
            case MaxPool(size):
                error = _pool_backward(x, size, rest, error)
            case Fc(name, _, relu):
                error = error * rest if relu else error
                gradients[f"{name}.bias"] = error.sum(axis=0)
                gradients[f"{name}.weights"] = x.reshape(len(x), -1).T @ error
                error = (error @ parameters[f"{name}.weights"].T).reshape(x.shape)
    return loss, gradients


def losses(run: Run, weights: Parameters) -> list[float]:
    parameters: Parameters = {name: value.astype(run.dtype) for name, value in weights.items()}
    first = {name: np.zeros_like(value) for name, value in parameters.items()}  # momentum, or Adam's m
    second = {name: np.zeros_like(value) for name, value in parameters.items()}  # Adam's v
    found = []
    for step, rows in enumerate(run.samples.batches(run.seed, run.batch, run.steps), 1):
        loss, gradients = loss_and_gradients(
            run.network, parameters, run.samples.x(rows, run.dtype), run.samples.labels[rows]
        )
        found.append(loss)
        for name, g in gradients.items():
            match run.optimizer:
                case "sgd":
                    parameters[name] -= run.learning_rate * g
                case "momentum":
                    first[name] = MOMENTUM * first[name] + g
                    parameters[name] -= run.learning_rate * first[name]
                case "adam":
                    first[name] = BETA1 * first[name] + (1 - BETA1) * g
                    second[name] = BETA2 * second[name] + (1 - BETA2) * g * g
                    of_m, of_root_v = adam_factors(run.learning_rate, step)
                    parameters[name] -= of_m * first[name] / (np.sqrt(second[name]) * of_root_v + EPSILON)
    return found
