"""The definition that all wirings are tested against: a dense layer with masked and tied weights."""

import jax
import jax.numpy as jnp
import numpy as np

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.wired_layer import Wired, reads_of


def dense_weights(reads_PT: np.ndarray, kernel: jax.Array, positions: int) -> jax.Array:
    """(X, C, P, O) weights of the dense layer equivalent to a wiring, for `positions` input positions.

    Link by link: the unit at position p of output map o reads input map c at position reads[p, t], through
    kernel[t, c, o] if weights are shared, through kernel[t, c, p, o] if each unit has its own. All other
    weights are zero.
    """
    units, taps = reads_PT.shape
    _, channels, *_, maps = kernel.shape
    if kernel.ndim == 3:
        kernel = jnp.broadcast_to(kernel[:, :, None], (taps, channels, units, maps))
    weights_XPCO = jnp.zeros((positions, units, channels, maps))
    weights_XPCO = weights_XPCO.at[reads_PT, np.arange(units)[:, None]].set(kernel.transpose(2, 0, 1, 3))
    return weights_XPCO.transpose(0, 2, 1, 3)


def dense_layer(x_NHWC: jax.Array, reads_PT: np.ndarray, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """(N, P, O) outputs of that layer."""
    count, height, width, channels = x_NHWC.shape
    weights = dense_weights(reads_PT, kernel, height * width)
    x = x_NHWC.reshape(count, height * width * channels)
    units, maps = weights.shape[2:]
    y = x @ weights.reshape(height * width * channels, units * maps)
    return y.reshape(count, units, maps) + bias


def wired_layer(
    connectivity: str, sharing: str, shape: tuple[int, int, int, int, int], seed: int = 0
) -> tuple[Wired, dict, jax.Array, np.ndarray]:
    """A layer, variables with a random kernel and bias, its input x_NHWC, and its reads_PT.

    Args:
      shape: images, side of the input maps, input maps, side of the kernel, output maps.
    """
    count, size, channels, kernel_size, maps = shape
    keys = jax.random.split(jax.random.key(seed), 4)
    x_NHWC = jax.random.normal(keys[0], (count, size, size, channels))
    layer = Wired(maps, kernel_size, connectivity, sharing)
    variables = layer.init({"params": keys[1], "wiring": keys[2]}, FeatureMaps.from_images(x_NHWC))
    bias = jax.random.normal(keys[3], variables["params"]["bias"].shape)
    variables = {**variables, "params": {**variables["params"], "bias": bias}}
    return layer, variables, x_NHWC, np.asarray(reads_of(layer, variables, size))
