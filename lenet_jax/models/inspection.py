"""What is inside a network: the feature maps of its stages, and their kernels."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lenet_jax.models import wiring
from lenet_jax.models.layers import ACTIVATIONS, Pool
from lenet_jax.models.networks import CNN, MLP
from lenet_jax.models.partial_sharing import MIXES, PARTIAL_SHARING, of_units
from lenet_jax.models.wired_layer import Wired, reads_of


def feature_maps(model: nn.Module, variables: Any, images_NHWC: jax.Array) -> dict[str, jax.Array]:
    """The maps (N, H, W, C) that each stage makes of the images, by its name, after the activation.

    `stage_1` are the maps of the first stage before pooling, `pool_2` after it, and so on. An MLP has none.
    """
    if not isinstance(model, CNN):
        return {}
    activate = ACTIVATIONS[model.classifier.activation]
    maps: dict[str, jax.Array] = {}

    def record(call: Callable, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        output, layer = call(*args, **kwargs), context.module
        if context.method_name == "__call__" and isinstance(layer, (Wired, Pool)):
            # The activation follows, except after pooling that averages what is activated already.
            activated = isinstance(layer, Pool) and not (layer.pooling.selects or layer.pooling.is_trainable)
            maps[layer.name or ""] = output.images if activated else activate(output.images)
        return output

    with nn.intercept_methods(record):
        model.apply(variables, images_NHWC)
    return maps


def kernels(model: nn.Module, variables: Any, image_size: int, channels: int) -> dict[str, np.ndarray]:
    """The weights by which units read their input, (P, O, H, W, C), by the name of the layer.

    P is 1 where the units of a map share their weights, and otherwise the number of units of a map, row by
    row; O is the number of maps, C that of input maps. H and W are the sides of the receptive field, or of
    the whole input where a unit reads single positions of it; what a unit does not read is NaN. An MLP has
    the weights of its first layer, with P = 1 and one map per unit.
    """
    if isinstance(model, MLP):
        name, layer = next(iter(sorted(variables["params"].items())))
        kernel_IO = np.asarray(layer["kernel"])
        return {name: kernel_IO.T.reshape(1, -1, image_size, image_size, channels)}
    layers: dict[str, tuple[Wired, int, int]] = {}  # with the side and the number of its input maps

    def record(call: Callable, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        layer = context.module
        if context.method_name == "__call__" and isinstance(layer, Wired):
            [x] = args
            layers[layer.name or ""] = layer, x.size, x.channels
        return call(*args, **kwargs)

    image = jax.ShapeDtypeStruct((1, image_size, image_size, channels), jnp.float32)
    with nn.intercept_methods(record):
        jax.eval_shape(lambda x: model.apply(variables, x), image)
    return {
        name: _kernels_of(layer, _variables_of(layer, variables), *maps)
        for name, (layer, *maps) in layers.items()
    }


def _variables_of(layer: Wired, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        kind: jax.tree.map(np.asarray, tree[layer.name])
        for kind, tree in variables.items()
        if layer.name in tree
    }


def _kernels_of(layer: Wired, variables: dict[str, Any], side: int, channels: int) -> np.ndarray:
    size = side + sum(layer.padding)
    side_read = side + sum(layer.padding_of(side))
    out = wiring.output_size(size, layer.kernel_size, layer.stride)
    params = variables["params"]
    kernel = params["kernel"]
    if layer.table:
        kernel = _with_all_inputs(kernel, layer.table, channels)
    if layer.sharing == "shared":
        kernel = kernel[:, :, None]
    elif layer.sharing in PARTIAL_SHARING:
        mix = [params[name] for name in MIXES if name in params]
        kernel = np.asarray(of_units(jnp.asarray(kernel), out, layer.block, mix))
    kernel_POTC = kernel.transpose(2, 3, 0, 1)
    units, maps, taps, _ = kernel_POTC.shape
    field = math.isqrt(taps)
    entry = wiring.CONNECTIVITY[layer.connectivity]
    wraps_round = layer.sharing in PARTIAL_SHARING and not entry.is_spatial  # for each unit elsewhere
    if field * field == taps and not (entry.is_drawn or wraps_round):
        return kernel_POTC.reshape(units, maps, field, field, channels)
    reads_PT = np.asarray(reads_of(layer, variables, size))
    spread = np.full((units, maps, side_read**2, channels), np.nan, np.float32)
    for unit in range(units):
        spread[unit][:, reads_PT[unit]] = kernel_POTC[unit]
    return spread.reshape(units, maps, side_read, side_read, channels)[:, :, :size, :size]


def _with_all_inputs(kernel: np.ndarray, table: Any, channels: int) -> np.ndarray:
    """The kernel (T, C, ..., O) of a table's pairs (T, Q, ...); NaN where a map does not read an input."""
    taps, _, *positions = kernel.shape
    dense = np.full((taps, channels, *positions, len(table)), np.nan, np.float32)
    pairs = [(channel, number) for number, read in enumerate(table) for channel in read]
    for pair, (channel, number) in enumerate(pairs):
        dense[:, channel, ..., number] = kernel[:, pair]
    return dense
