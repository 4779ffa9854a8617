"""The other side of the benchmark: the same training in PyTorch, eager, as one would write it."""

import os

import numpy as np
import torch
from torch import nn

from experiments.benchmark.data import random_images


def lenet5() -> nn.Module:
    """LeNet-5 as `lenet_jax.models.LeNet5` has it by default, on (N, 1, 32, 32)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def mlp() -> nn.Module:
    """784-300-100-10, on (N, 1, 28, 28)."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.Tanh(), nn.Linear(300, 100), nn.Tanh(), nn.Linear(100, 10)
    )


def train(model: str, size: int, images: int, batch: int, learning_rates: list[float]):
    """A workload: `train_on` random images."""
    return train_on(*random_images(images, size), model, batch, learning_rates)


def train_on(images_NHWC, labels_N, model: str, batch: int, learning_rates: list[float]):
    """A workload: trains a run for each learning rate, each with its own seed, for one epoch.

    SGD with momentum 0.9, shuffled, the images in the device's memory, all in float32; on a CPU with
    as many threads as the process may use.
    """
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if torch.cuda.is_available() else "cpu"
    images = torch.from_numpy(images_NHWC.transpose(0, 3, 1, 2)).contiguous().to(device)
    labels = torch.from_numpy(labels_N.astype(np.int64)).to(device)
    steps = len(images) // batch

    def run(seed: int, learning_rate: float) -> None:
        torch.manual_seed(seed)
        network = {"lenet5": lenet5, "mlp": mlp}[model]().to(device)
        optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)
        order = torch.randperm(len(images), device=device)
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(images[chosen]), labels[chosen])
            loss.backward()
            optimizer.step()

    def work():
        for seed, learning_rate in enumerate(learning_rates):
            run(seed, learning_rate)
        if device == "cuda":
            torch.cuda.synchronize()

    return work
