"""The definition that all wirings are tested against: a dense layer with masked and tied weights."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.wired_layer import Wired, reads_of
from tests.helpers.keys import key


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
) -> tuple[Wired, dict, np.ndarray, np.ndarray]:
    """A layer, variables with a random kernel and bias, its input x_NHWC, and its reads_PT.

    Args:
      shape: images, side of the input maps, input maps, side of the kernel, output maps.
    """
    count, size, channels, kernel_size, maps = shape
    rng = np.random.default_rng(seed)
    x_NHWC = rng.standard_normal((count, size, size, channels), np.float32)
    layer = Wired(maps, kernel_size, connectivity, sharing)
    variables = init_layer(layer, x_NHWC, seed)
    bias = rng.standard_normal(variables["params"]["bias"].shape, np.float32)
    variables = {**variables, "params": {**variables["params"], "bias": bias}}
    return layer, variables, x_NHWC, np.asarray(reads_of(layer, variables, size))


def embedded(params: dict, unshared: Wired, shared: Wired, size: int) -> dict:
    """The parameters of a shared layer as those of an unshared one that computes the same, link by link.

    Args:
      size: side of the input maps. Neither layer has padding or a table, and no wiring is drawn.
    """
    weights_XCPO = np.asarray(dense_weights(reads_of(shared, {}, size), params["kernel"], size * size))
    reads_PT = reads_of(unshared, {}, size)
    units = np.arange(len(reads_PT))
    kernel = weights_XCPO[reads_PT.T, :, units].transpose(0, 2, 1, 3)
    return {"kernel": kernel, "bias": np.tile(params["bias"], (len(units), 1))}


def init_layer(layer: nn.Module, x_NHWC: np.ndarray, seed: int = 0) -> dict:
    """Initial variables of a layer of feature maps."""

    @jax.jit
    def init(params_key, wiring_key):
        rngs = {"params": params_key, "wiring": wiring_key}
        return layer.init(rngs, FeatureMaps.from_images(jnp.zeros(x_NHWC.shape)))

    return init(key(2 * seed), key(2 * seed + 1))
