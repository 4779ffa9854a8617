"""The peer of training in plain Flax: `Conv` and `Dense`, optax, and one jitted function for each step."""

from collections.abc import Callable

import jax
import numpy as np
import optax
from flax import linen as nn
from flax.training.train_state import TrainState

from benchmarks.data import random_images


class LeNet5(nn.Module):
    """LeNet-5 as in the default config, on images (N, 32, 32, 1)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits (N, 10)."""
        for maps in (6, 16):
            x = nn.tanh(nn.Conv(maps, (5, 5), padding="VALID")(x))
            x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        return MLP((120, 84))(x)


class MLP(nn.Module):
    """A multilayer perceptron with ten logits.

    Attributes:
      hidden: widths of the hidden layers.
    """

    hidden: tuple[int, ...] = (300, 100)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits (N, 10)."""
        x = x.reshape(len(x), -1)
        for width in self.hidden:
            x = nn.tanh(nn.Dense(width)(x))
        return nn.Dense(10)(x)


MODELS = {"lenet5": LeNet5, "mlp": MLP}


@jax.jit
def train_step(state: TrainState, images: jax.Array, labels: jax.Array) -> TrainState:
    """One step of SGD."""

    def mean_loss(params: optax.Params) -> jax.Array:
        logits = state.apply_fn({"params": params}, images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return state.apply_gradients(grads=jax.grad(mean_loss)(state.params))


def train(model: str, size: int, images: int, batch: int, learning_rate: float) -> Callable[[], None]:
    """A workload: trains one run for one epoch of random images."""
    images_NHWC, labels_N = random_images(images, size)
    network = MODELS[model]()
    initial = jax.jit(network.init)(jax.random.key(0), images_NHWC[:1])["params"]
    optimizer = optax.sgd(learning_rate, momentum=0.9)

    def work() -> None:
        state = TrainState.create(apply_fn=network.apply, params=initial, tx=optimizer)
        order = np.random.default_rng(0).permutation(images)
        for first in range(0, images - batch + 1, batch):
            chosen = order[first : first + batch]
            state = train_step(state, images_NHWC[chosen], labels_N[chosen])
        jax.block_until_ready(state)

    return work
