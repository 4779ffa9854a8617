"""The definition that all wirings are tested against: a dense layer with masked and tied weights."""

import jax
import jax.numpy as jnp
import numpy as np


def dense_weights(reads_PT: np.ndarray, kernel: jax.Array, positions: int) -> jax.Array:
    """(positions, C, P, O) weights of the dense layer that a wiring is.

    Link by link: the unit at position p of map o reads input map c at position reads[p, t] through
    kernel[t, c, o] where weights are shared, through kernel[t, c, p, o] where each unit has its own.
    Every other weight is masked to zero.
    """
    units, taps = reads_PT.shape
    _, channels, *_, maps = kernel.shape
    if kernel.ndim == 3:
        kernel = jnp.broadcast_to(kernel[:, :, None], (taps, channels, units, maps))
    masked = jnp.zeros((positions, units, channels, maps))
    linked = masked.at[reads_PT, np.arange(units)[:, None]].set(kernel.transpose(2, 0, 1, 3))
    return linked.transpose(0, 2, 1, 3)


def dense_layer(x_NHWC: jax.Array, reads_PT: np.ndarray, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """(N, P, O) outputs of that layer."""
    count, height, width, channels = x_NHWC.shape
    weights = dense_weights(reads_PT, kernel, height * width)
    x = x_NHWC.reshape(count, height * width * channels)
    units, maps = weights.shape[2:]
    y = x @ weights.reshape(height * width * channels, units * maps)
    return y.reshape(count, units, maps) + bias
