"""The peer of training: the same networks and protocol in PyTorch, in variants that may be the fastest."""

import os
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.data import random_images
from lenet_jax.training.jax_settings import THREADS


def lenet5() -> nn.Module:
    """LeNet-5 as in the default config, on images (N, 1, 32, 32)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def mlp() -> nn.Module:
    """784-300-100-10, on images (N, 1, 28, 28)."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.Tanh(), nn.Linear(300, 100), nn.Tanh(), nn.Linear(100, 10)
    )


class ZipCode(nn.Module):
    """The zip code net as in `configs.history.common.ZIPCODE`, on images (N, 1, 16, 16)."""

    # The maps of H1 that each third of H2's maps reads.
    READ = ((*range(8),), (*range(4, 12),), (*range(4), *range(8, 12)))

    def __init__(self) -> None:
        super().__init__()
        self.h1 = nn.Conv2d(1, 12, 5, stride=2, bias=False)
        self.h1_bias = nn.Parameter(torch.zeros(12, 8, 8))
        self.h2 = nn.ModuleList(nn.Conv2d(8, 4, 5, stride=2, bias=False) for _ in self.READ)
        self.h2_bias = nn.Parameter(torch.zeros(12, 4, 4))
        self.h3, self.output = nn.Linear(192, 30), nn.Linear(30, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps images to ten activated outputs (N, 10)."""
        x = self.sigmoid(self.h1(self.padded(x)) + self.h1_bias)
        x = self.padded(x)
        x = torch.cat([h2(x[:, list(read)]) for h2, read in zip(self.h2, self.READ, strict=True)], 1)
        x = self.sigmoid(x + self.h2_bias).flatten(1)
        return self.sigmoid(self.output(self.sigmoid(self.h3(x))))

    @staticmethod
    def padded(x: torch.Tensor) -> torch.Tensor:
        """Two rows and columns before and one after, at the level of background."""
        return nn.functional.pad(x, (2, 1, 2, 1), value=-1.0)

    @staticmethod
    def sigmoid(a: torch.Tensor) -> torch.Tensor:
        """The scaled tanh of LeCun et al. 1998, eq. 6."""
        return 1.7159 * torch.tanh(2 / 3 * a)


def squared_error(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean squared error, with targets of -1 and 1."""
    targets = 2.0 * nn.functional.one_hot(labels, 10) - 1
    return nn.functional.mse_loss(outputs, targets)


# name -> (network, loss, momentum, whether each epoch shuffles the images anew)
MODELS = {
    "lenet5": (lenet5, nn.functional.cross_entropy, 0.9, True),
    "mlp": (mlp, nn.functional.cross_entropy, 0.9, True),
    "zipcode": (ZipCode, squared_error, 0.0, False),
}


def train(
    model: str, variant: str, size: int, images: int, batch: int, learning_rates: list[float]
) -> Callable[[], None]:
    """`train_on` random images."""
    return train_on(*random_images(images, size), model, variant, batch, learning_rates)


def train_on(
    images_NHWC: np.ndarray,
    labels_N: np.ndarray,
    model: str,
    variant: str,
    batch: int,
    learning_rates: list[float],
) -> Callable[[], None]:
    """A workload: trains one run per learning rate, each with its own seed, for one epoch.

    Runs are trained by SGD as MODELS specifies, in float32, with all images in the device's memory; on a CPU
    with as many threads as JAX would use.

    Args:
      variant: what may be the fastest: "eager", "channels_last" or "compiled", each with PyTorch's fused SGD.
    """
    use_threads()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
    images = torch.from_numpy(images_NHWC.transpose(0, 3, 1, 2)).to(device, memory_format=layout)
    labels = torch.from_numpy(labels_N.astype(np.int64)).to(device)
    steps = len(images) // batch
    make, loss_of, momentum, shuffled = MODELS[model]
    network = make().to(device, memory_format=layout)
    start = {name: value.clone() for name, value in network.state_dict().items()}

    def mean_loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return loss_of(network(images), labels)

    if variant == "compiled":
        mean_loss = torch.compile(mean_loss)

    def run(seed: int, learning_rate: float) -> None:
        torch.manual_seed(seed)
        network.load_state_dict(start)
        optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=momentum, fused=True)
        order = (torch.randperm if shuffled else torch.arange)(len(images), device=device)
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            optimizer.zero_grad()
            mean_loss(images[chosen], labels[chosen]).backward()
            optimizer.step()

    def work() -> None:
        for seed, learning_rate in enumerate(learning_rates):
            run(seed, learning_rate)
        if device == "cuda":
            torch.cuda.synchronize()

    return work


def multiply(size: int, count: int) -> Callable[[], None]:
    """A workload: products of square float32 matrices."""
    use_threads()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    matrix, product = torch.ones(size, size, device=device), torch.empty(size, size, device=device)

    def work() -> None:
        for _ in range(count):
            torch.matmul(matrix, matrix, out=product)
        if device == "cuda":
            torch.cuda.synchronize()

    return work


def use_threads() -> None:
    """As many threads as JAX would use, and float32 throughout."""
    torch.set_num_threads(int(os.environ.get(THREADS) or len(os.sched_getaffinity(0))))
    torch.backends.cudnn.allow_tf32 = False
