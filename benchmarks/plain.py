"""The six wirings as one would write them in Flax: `Conv`, `ConvLocal`, or a masked `Dense`.

They have the weights and results of `lenet_jax.layers.Wired`; only how they compute differs.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lenet_jax.models import wiring
from lenet_jax.models.layers import Wired


def plain_layer(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    """A module from images (N, size, size, C) to (N, rows, columns, maps), and its parameters.

    `params` are those of `layer`; `reads_PT` says what units read, where they read at random.
    """
    kernel, bias = params["kernel"], params["bias"]
    channels, maps = kernel.shape[1], layer.maps
    out = wiring.output_size(size, layer.kernel_size)
    window = (layer.kernel_size, layer.kernel_size)
    match layer.connectivity, layer.sharing:
        case "local", "shared":
            module = nn.Conv(maps, window, padding="VALID")
            return module, {"kernel": kernel.reshape(*window, channels, maps), "bias": bias}
        case "local", "unshared":  # ConvLocal orders a unit's inputs by channel, then tap
            kernel = kernel.transpose(2, 1, 0, 3).reshape(out, out, -1, maps)
            module = nn.ConvLocal(maps, window, padding="VALID")
            return module, {"kernel": kernel, "bias": bias.reshape(out, out, maps)}
        case "full", "shared":
            inner = {"kernel": kernel.reshape(size, size, channels, maps), "bias": bias}
            return WrappedConv(maps, out), {"Conv_0": inner}
        case "full", "unshared":
            inner = {"kernel": kernel.reshape(size * size * channels, -1), "bias": bias.reshape(-1)}
            return FlatDense(maps, out), {"Dense_0": inner}
        case "random", "shared":
            return TiedDense(maps, reads_PT), {"kernel": kernel, "bias": bias}
        case "random", "unshared":  # all weights of a dense layer, most of them never used
            units = np.arange(out * out)[:, None]
            dense = jnp.zeros((size * size, out * out, channels, maps))
            dense = dense.at[reads_PT, units].set(kernel.transpose(2, 0, 1, 3)).transpose(0, 2, 1, 3)
            return MaskedDense(maps, reads_PT), {"kernel": dense, "bias": bias}
    raise NotImplementedError(f"No plain form of {layer.connectivity}, {layer.sharing}.")


class WrappedConv(nn.Module):
    """A convolution whose kernel is as large as the input, over the input repeated beyond its border."""

    maps: int
    out: int

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        window, more = x_NHWC.shape[1:3], (0, self.out - 1)
        x_NHWC = jnp.pad(x_NHWC, ((0, 0), more, more, (0, 0)), mode="wrap")
        return nn.Conv(self.maps, window, padding="VALID")(x_NHWC)


class FlatDense(nn.Module):
    """The fully connected layer."""

    maps: int
    out: int

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        y = nn.Dense(self.out * self.out * self.maps)(x_NHWC.reshape(x_NHWC.shape[0], -1))
        return y.reshape(-1, self.out, self.out, self.maps)


class MaskedDense(nn.Module):
    """A dense layer most of whose weights a mask sets to zero."""

    maps: int
    reads_PT: np.ndarray

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        _, size, _, channels = x_NHWC.shape
        units = len(self.reads_PT)
        zeros = nn.initializers.zeros_init()
        weights = self.param("kernel", zeros, (size * size, channels, units, self.maps))
        bias = self.param("bias", zeros, (units, self.maps))
        mask = np.zeros((size * size, 1, units, 1), np.float32)
        mask[self.reads_PT, 0, np.arange(units)[:, None]] = 1
        return _dense(x_NHWC, weights * mask, bias)


class TiedDense(nn.Module):
    """A dense layer most of whose weights are zero, and the others taken from one kernel."""

    maps: int
    reads_PT: np.ndarray

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        _, size, _, channels = x_NHWC.shape
        units, taps = self.reads_PT.shape
        zeros = nn.initializers.zeros_init()
        kernel = self.param("kernel", zeros, (taps, channels, self.maps))
        bias = self.param("bias", zeros, (self.maps,))
        # Which tap links a position to a unit; the last one, a row of zeros, where none does.
        tap = np.full((size * size, units), taps, np.int32)
        tap[self.reads_PT, np.arange(units)[:, None]] = np.arange(taps)
        weights = jnp.pad(kernel, ((0, 1), (0, 0), (0, 0)))[tap].transpose(0, 2, 1, 3)
        return _dense(x_NHWC, weights, bias)


def _dense(x_NHWC: jax.Array, weights_ICPO: jax.Array, bias: jax.Array) -> jax.Array:
    *_, units, maps = weights_ICPO.shape
    out = round(units**0.5)
    y = x_NHWC.reshape(x_NHWC.shape[0], -1) @ weights_ICPO.reshape(-1, units * maps)
    return (y.reshape(-1, units, maps) + bias).reshape(-1, out, out, maps)
