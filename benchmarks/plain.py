"""The wirings as one would write them in Flax: `Conv`, `ConvLocal`, `Dense`, or a masked `Dense`.

They have the weights, results and precision of `lenet_jax.models.wired_layer.Wired`; only how they compute
differs. A wiring without a form of its own here is a masked dense layer, tied where weights are shared.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lenet_jax.models.products import PRECISION
from lenet_jax.models.wired_layer import Wired
from lenet_jax.models.wiring import output_size


class PlainForm(NamedTuple):
    """One way to write a wired layer in Flax.

    Attributes:
      name: as the benchmark shows it.
      make: (layer, its params, its reads_PT, side of its input maps) -> a module from images (N, H, W, C) to
        (N, H, W, O), and that module's params.
    """

    name: str
    make: Callable[[Wired, dict, np.ndarray, int], tuple[nn.Module, dict]]


def plain_form(connectivity: str, sharing: str) -> PlainForm:
    """The form of a wiring."""
    return FORMS.get((connectivity, sharing), MASKED[sharing])


def plain_layer(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    """The plain form of `layer` with its parameters, for input maps of side `size`."""
    return plain_form(layer.connectivity, layer.sharing).make(layer, params, reads_PT, size)


def _conv(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    window = (layer.kernel_size, layer.kernel_size)
    kernel = params["kernel"]
    module = nn.Conv(layer.maps, window, padding="VALID", precision=PRECISION)
    return module, {"kernel": kernel.reshape(*window, *kernel.shape[1:]), "bias": params["bias"]}


def _conv_local(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    out = output_size(size, layer.kernel_size)
    # ConvLocal orders a unit's inputs by channel, then tap.
    kernel = params["kernel"].transpose(2, 1, 0, 3).reshape(out, out, -1, layer.maps)
    window = (layer.kernel_size, layer.kernel_size)
    module = nn.ConvLocal(layer.maps, window, padding="VALID", precision=PRECISION)
    return module, {"kernel": kernel, "bias": params["bias"].reshape(out, out, layer.maps)}


def _wrapped_conv(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    kernel = params["kernel"]
    conv = {"kernel": kernel.reshape(size, size, *kernel.shape[1:]), "bias": params["bias"]}
    return WrappedConv(layer.maps, output_size(size, layer.kernel_size)), {"Conv_0": conv}


def _flat_dense(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    kernel = params["kernel"]
    dense = {
        "kernel": kernel.reshape(size * size * kernel.shape[1], -1),
        "bias": params["bias"].reshape(-1),
    }
    return FlatDense(layer.maps, output_size(size, layer.kernel_size)), {"Dense_0": dense}


def _tied_dense(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    return TiedDense(layer.maps, reads_PT), {"kernel": params["kernel"], "bias": params["bias"]}


def _masked_dense(layer: Wired, params: dict, reads_PT: np.ndarray, size: int) -> tuple[nn.Module, dict]:
    kernel = params["kernel"]
    units = len(reads_PT)
    # All weights of a dense layer, most of which are never used.
    weights_XPCO = jnp.zeros((size * size, units, kernel.shape[1], layer.maps))
    weights_XPCO = weights_XPCO.at[reads_PT, np.arange(units)[:, None]].set(kernel.transpose(2, 0, 1, 3))
    return MaskedDense(layer.maps, reads_PT), {
        "kernel": weights_XPCO.transpose(0, 2, 1, 3),
        "bias": params["bias"],
    }


FORMS = {
    ("local", "shared"): PlainForm("Conv", _conv),
    ("local", "unshared"): PlainForm("ConvLocal", _conv_local),
    ("full", "shared"): PlainForm("Conv, input wrapped", _wrapped_conv),
    ("full", "unshared"): PlainForm("Dense", _flat_dense),
}
# The forms of all other wirings, by sharing.
MASKED = {
    "shared": PlainForm("tied, masked Dense", _tied_dense),
    "unshared": PlainForm("masked Dense", _masked_dense),
}


class WrappedConv(nn.Module):
    """A convolution whose kernel is as large as the input, over the input repeated beyond its edges."""

    maps: int
    out: int

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        window, more = x_NHWC.shape[1:3], (0, self.out - 1)
        x_NHWC = jnp.pad(x_NHWC, ((0, 0), more, more, (0, 0)), mode="wrap")
        return nn.Conv(self.maps, window, padding="VALID", precision=PRECISION)(x_NHWC)


class FlatDense(nn.Module):
    """The fully connected layer."""

    maps: int
    out: int

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        dense = nn.Dense(self.out * self.out * self.maps, precision=PRECISION)
        y = dense(x_NHWC.reshape(x_NHWC.shape[0], -1))
        return y.reshape(-1, self.out, self.out, self.maps)


class MaskedDense(nn.Module):
    """A dense layer in which a mask sets to zero the weights of all links that the wiring lacks."""

    maps: int
    reads_PT: np.ndarray

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        _, size, _, channels = x_NHWC.shape
        units = len(self.reads_PT)
        zeros = nn.initializers.zeros_init()
        weights_XCPO = self.param("kernel", zeros, (size * size, channels, units, self.maps))
        bias_PO = self.param("bias", zeros, (units, self.maps))
        mask = np.zeros((size * size, 1, units, 1), np.float32)
        mask[self.reads_PT, 0, np.arange(units)[:, None]] = 1
        return _dense(x_NHWC, weights_XCPO * mask, bias_PO)


class TiedDense(nn.Module):
    """A dense layer that takes its weights from one kernel, and zeros where the wiring has no link."""

    maps: int
    reads_PT: np.ndarray

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        _, size, _, channels = x_NHWC.shape
        units, taps = self.reads_PT.shape
        zeros = nn.initializers.zeros_init()
        kernel_TCO = self.param("kernel", zeros, (taps, channels, self.maps))
        bias_O = self.param("bias", zeros, (self.maps,))
        # The tap that links a position to a unit; where there is none, the last one, a row of zeros.
        tap_XP = np.full((size * size, units), taps, np.int32)
        tap_XP[self.reads_PT, np.arange(units)[:, None]] = np.arange(taps)
        weights_XPCO = jnp.pad(kernel_TCO, ((0, 1), (0, 0), (0, 0)))[tap_XP]
        return _dense(x_NHWC, weights_XPCO.transpose(0, 2, 1, 3), bias_O)


def _dense(x_NHWC: jax.Array, weights_XCPO: jax.Array, bias: jax.Array) -> jax.Array:
    *_, units, maps = weights_XCPO.shape
    out = round(units**0.5)
    x_NI = x_NHWC.reshape(x_NHWC.shape[0], -1)
    y = jnp.matmul(x_NI, weights_XCPO.reshape(-1, units * maps), precision=PRECISION)
    return (y.reshape(-1, units, maps) + bias).reshape(-1, out, out, maps)
