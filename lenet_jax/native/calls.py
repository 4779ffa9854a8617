"""The layer of feature maps as calls of the native library, with its gradients."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lenet_jax.native import library

Gradients = tuple[jax.Array, jax.Array, jax.Array, None]


@dataclasses.dataclass(frozen=True)
class Layer:
    """What a layer is, apart from its arrays.

    Attributes:
      size: side of the input maps, without padding.
      out: side of the maps of units.
      before, after: rows and columns of padding before and after each input map.
      pad_value: state of the units that the padding stands for.
      is_shared: whether units share weights.
      unit_bias: whether each unit has its own bias.
      pairs: (input map, map) of each pair of a connection table, in the kernel's order; () without a table.
    """

    size: int
    out: int
    before: int
    after: int
    pad_value: float
    is_shared: bool
    unit_bias: bool
    pairs: tuple[tuple[int, int], ...]

    @property
    def attributes(self) -> dict[str, Any]:
        """The fields as the library reads them."""
        return {
            **{name: np.int64(getattr(self, name)) for name in ("size", "out", "before", "after")},
            "pad_value": np.float32(self.pad_value),
            "is_shared": np.bool_(self.is_shared),
            "unit_bias": np.bool_(self.unit_bias),
            "pairs": np.array(self.pairs, np.int64).reshape(-1),
        }


def block() -> int:
    """How many images are in a block of feature maps, L."""
    return _library().block


def is_for_batches_of(images: int) -> bool:
    """Whether the kernel is faster than products for so many images: they fill half a block."""
    return 2 * images >= block()


def _library() -> library.Library:
    found = library.load()
    assert isinstance(found, library.Library), found
    return found


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def wired(layer: Layer, x: jax.Array, kernel: jax.Array, bias: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """The output, before any activation: (blocks, side, side, O, along, along, L), with tiles of 2x2 units.

    Args:
      x: input maps, (blocks, side, side, C, along, along, L), as in `FeatureMaps`, with any tiles.
      kernel, bias: as in `lenet_jax.models.wired_layer.Wired`.
      reads_PT: int32, the positions that units read among those of padded input maps.

    Without a gradient with respect to x, that gradient is not computed.
    """
    blocks, *_, lanes = x.shape
    side = min(2, layer.out)
    along = -(-layer.out // side)
    maps = bias.shape[-1]
    shape = (blocks, side, side, maps, along, along, lanes)
    return _call("forward", layer, jax.ShapeDtypeStruct(shape, x.dtype), x, kernel, bias, reads_PT)


def _forward(layer: Layer, *operands: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    return wired(layer, *operands), operands


def _backward(layer: Layer, operands: tuple[jax.Array, ...], gradient: jax.Array) -> Gradients:
    x, kernel, bias, reads_PT = operands
    kernel_gradient, bias_gradient = _call(
        "weight_gradient", layer, (_like(kernel), _like(bias)), x, gradient, reads_PT
    )
    x_gradient = _call("input_gradient", layer, _like(x), gradient, kernel, bias, reads_PT)
    return x_gradient, kernel_gradient, bias_gradient, None


wired.defvjp(_forward, _backward)


@jax.custom_vjp
def blocks_of_images(images_NHWC: jax.Array) -> jax.Array:
    """The images as (blocks, 1, 1, C, H, W, L): `FeatureMaps` of whole blocks."""
    count, height, width, channels = images_NHWC.shape
    shape = (-(-count // block()), 1, 1, channels, height, width, block())
    target = _library().targets["blocks_of_images"]
    result = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.ffi.ffi_call(target, result, vmap_method="sequential")(images_NHWC)


def _images_backward(count: int, gradient: jax.Array) -> tuple[jax.Array]:
    _, _, _, channels, height, width, _ = gradient.shape
    return (gradient.transpose(0, 6, 4, 5, 3, 1, 2).reshape(-1, height, width, channels)[:count],)


blocks_of_images.defvjp(lambda images: (blocks_of_images(images), len(images)), _images_backward)


def _call(name: str, layer: Layer, results: Any, *operands: jax.Array) -> Any:
    target = _library().targets[name]
    return jax.ffi.ffi_call(target, results, vmap_method="sequential")(*operands, **layer.attributes)


def _like(array: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, jnp.float32)
