"""Images per second of training in PyTorch as fast as it goes: eager, fused update, data in memory. Prints one JSON
object."""

import time

import peer_torch
import torch
from networks import LEARNING_RATES
from speed_task import BATCH, Task, measured, task
from torch.nn import functional


def train_rates(job: Task, channels_last: bool) -> list[float]:
    network, samples = job.network, job.samples
    peer_torch.use_threads(job.threads)
    tensors = peer_torch.to_torch(network.glorot(samples.values.shape[1:], seed=1), job.dtype)
    x = torch.from_numpy(samples.values.astype(job.dtype) / samples.divisor).permute(0, 3, 1, 2)
    if channels_last:
        filters = {name: value for name, value in tensors.items() if value.dim() == 4}
        tensors |= {
            name: value.detach().to(memory_format=torch.channels_last).requires_grad_()
            for name, value in filters.items()
        }
    else:
        x = x.contiguous()
    labels = torch.from_numpy(samples.labels).long()
    optimizer = peer_torch.OPTIMIZERS[job.optimizer](
        tensors.values(), LEARNING_RATES[job.dtype][job.optimizer], fused=True
    )

    def seconds_of(steps: int) -> float:
        order = torch.randperm(len(labels))[: steps * BATCH].split(BATCH)
        start = time.perf_counter()
        for rows in order:
            loss = functional.cross_entropy(peer_torch.logits(network, tensors, x[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.perf_counter() - start

    return measured(seconds_of)


if __name__ == "__main__":
    job, variant = task("contiguous", "channels-last")
    job.report(train_rates(job, variant == "channels-last"), peer_torch.VERSION)
