"""The native library's functions in JAX, with their gradients: layers, rearranged images, steps of SGD."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lenet_jax.native import library

Gradients = tuple[jax.Array, jax.Array, jax.Array, None]


ACTIVATIONS = ("none", "tanh", "scaled_tanh", "relu")  # in the library's order


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
      activation: one of ACTIVATIONS, which is applied to the sums before 2x2 windows are averaged; with
        "none", neither is done.
      pairs: (input map, map) of each pair of a connection table, in the kernel's order; () without a table.
    """

    size: int
    out: int
    before: int
    after: int
    pad_value: float
    is_shared: bool
    unit_bias: bool
    activation: str
    pairs: tuple[tuple[int, int], ...]

    @property
    def attributes(self) -> dict[str, Any]:
        """The fields as the library reads them."""
        return {
            **{name: np.int64(getattr(self, name)) for name in ("size", "out", "before", "after")},
            "activation": np.int64(ACTIVATIONS.index(self.activation)),
            "pad_value": np.float32(self.pad_value),
            "is_shared": np.bool_(self.is_shared),
            "unit_bias": np.bool_(self.unit_bias),
            "pairs": np.array(self.pairs, np.int64).reshape(-1),
        }


def block() -> int:
    """How many images are in a block of feature maps."""
    return _library().block


def lanes(images: int) -> int:
    """L, how many images are computed together: a block, or 1 if they would not fill half of it."""
    return block() if 2 * images >= block() else 1


def _library() -> library.Library:
    found = library.load()
    assert isinstance(found, library.Library), found
    return found


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def wired(layer: Layer, x: jax.Array, kernel: jax.Array, bias: jax.Array, reads_PT: jax.Array) -> jax.Array:
    """What the layer hands on.

    Args:
      x: input maps, (blocks, size, size, C, L), where L is `block()`, or 1 for images one by one.
      kernel, bias: as in `lenet_jax.models.wired_layer.Wired`.
      reads_PT: int32, the positions that units read among those of padded input maps.

    Returns:
      Sums, (blocks, out, out, O, L), or with an activation the averages of the 2x2 windows,
      (blocks, out // 2, out // 2, O, L).
    """
    return _forward(layer, x, kernel, bias, reads_PT)[0]


def _forward(layer: Layer, *operands: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    x, _, bias, _ = operands
    blocks, *_, lanes = x.shape
    maps, half = bias.shape[-1], layer.out // 2
    is_pooled = layer.activation != "none"
    states, pooled = _call(
        "forward",
        (
            _float32(blocks, layer.out, layer.out, maps, lanes),
            _float32(blocks, half, half, maps, lanes) if is_pooled else _float32(0),
        ),
        *operands,
        **layer.attributes,
    )
    return (pooled if is_pooled else states), (*operands, states)


def _backward(layer: Layer, residuals: tuple[jax.Array, ...], gradient: jax.Array) -> Gradients:
    x, kernel, bias, reads_PT, states = residuals
    kernel_gradient, bias_gradient = _call(
        "weight_gradient",
        (_float32(*kernel.shape), _float32(*bias.shape)),
        *(x, gradient, states, reads_PT),
        **layer.attributes,
    )
    # Apart, so that it is left out where it isn't needed.
    x_gradient = _call(
        "input_gradient",
        _float32(*x.shape),
        *(gradient, states, kernel, bias, reads_PT),
        **layer.attributes,
    )
    return x_gradient, kernel_gradient, bias_gradient, None


wired.defvjp(_forward, _backward)


@jax.custom_vjp
def dense(x_BIL: jax.Array, kernel_IO: jax.Array, bias_O: jax.Array) -> jax.Array:
    """A fully connected layer: (blocks, outputs, L) from (blocks, inputs, L)."""
    blocks, _, lanes = x_BIL.shape
    return _call("dense_forward", _float32(blocks, len(bias_O), lanes), x_BIL, kernel_IO, bias_O)


def _dense_backward(residuals: tuple[jax.Array, ...], gradient_BOL: jax.Array) -> tuple[jax.Array, ...]:
    x_BIL, kernel_IO, bias_O = residuals
    shapes = _float32(*kernel_IO.shape), _float32(*bias_O.shape)
    kernel_gradient, bias_gradient = _call("dense_weight_gradient", shapes, x_BIL, gradient_BOL)
    # Apart, so that it is left out where it isn't needed.
    x_gradient = _call("dense_input_gradient", _float32(*x_BIL.shape), gradient_BOL, kernel_IO)
    return x_gradient, kernel_gradient, bias_gradient


dense.defvjp(lambda *operands: (dense(*operands), operands), _dense_backward)


def rows_at(x: jax.Array, index_N: jax.Array) -> jax.Array:
    """x[index_N], for data of which no gradient is taken; each index must exist."""
    return _call("rows_at", _float32(len(index_N), *x.shape[1:]), x, index_N.astype(jnp.int32))


@jax.custom_vjp
def blocks_of_images(x: jax.Array) -> jax.Array:
    """What there is of N images, (N, ...), in blocks, (blocks, ..., L); zeros fill up the last one."""
    count, *shape = x.shape
    if lanes(count) == 1:
        return x[..., None]
    blocks = -(-count // block())
    return _call("blocks_of_images", _float32(blocks, *shape, block()), x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def images_of_blocks(blocks: jax.Array, count: int) -> jax.Array:
    """(count, ...) from blocks as `blocks_of_images` makes them."""
    _, *shape, lanes = blocks.shape
    if lanes == 1:
        return blocks[..., 0]
    return _call("images_of_blocks", _float32(count, *shape), blocks)


blocks_of_images.defvjp(
    lambda x: (blocks_of_images(x), len(x)),
    lambda count, gradient: (images_of_blocks(gradient, count),),
)
images_of_blocks.defvjp(
    lambda blocks, count: (images_of_blocks(blocks, count), None),
    lambda count, _, gradient: (blocks_of_images(gradient),),
)


def momentum_step(
    params: Any, trace: Any, gradients: Any, *, momentum: jax.Array, learning_rate: jax.Array, decays: Any
) -> tuple[Any, Any]:
    """A step of SGD with momentum in one pass over memory: the new parameters and the new trace.

    Args:
      params, trace, gradients: pytrees of the same structure, float32; the trace is the decaying sum of
        gradients.
      momentum, learning_rate: ().
      decays: pytree of (), the weight decay of each parameter, which is added to its gradient.
    """
    structure = jax.tree.structure(params)
    arrays = [jax.tree.leaves(tree) for tree in (params, trace, gradients)]
    results = [_float32(*leaf.shape) for leaves in arrays[:2] for leaf in leaves]
    numbers = (momentum, learning_rate, jnp.stack(jax.tree.leaves(decays)))
    found = _call(
        "momentum_step",
        results,
        *(jnp.asarray(number, jnp.float32) for number in numbers),
        *(leaf for leaves in arrays for leaf in leaves),
        input_output_aliases={len(numbers) + place: place for place in range(len(results))},
    )
    count = len(arrays[0])
    return jax.tree.unflatten(structure, found[:count]), jax.tree.unflatten(structure, found[count:])


def _call(
    name: str,
    results: Any,
    *operands: jax.Array,
    input_output_aliases: Mapping[int, int] | None = None,
    **attributes: Any,
) -> Any:
    call = jax.ffi.ffi_call(
        _library().targets[name],
        results,
        vmap_method="sequential",
        input_output_aliases=dict(input_output_aliases or {}),
    )
    return call(*operands, **attributes)


def _float32(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)
