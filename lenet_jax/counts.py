"""Counts of a network, layer by layer: output shape, parameters, connections, multiply-accumulates."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax.layers import Pool, Wired


@dataclasses.dataclass(frozen=True)
class LayerCounts:
    """What one layer has and does for one image.

    Attributes:
      name: the layer's name in the model.
      kind: "wired", "pool" or "dense".
      output_shape: without the batch: (rows, columns, maps) or (units,).
      parameters: trainable numbers.
      connections: links from a unit to what it reads, its bias included. Pooling has none here:
        it has no weights (the trainable subsampling of 1998 had, and was counted).
      macs: multiply-accumulates of the definition; a bias is no multiplication.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    connections: int
    macs: int


@dataclasses.dataclass(frozen=True)
class ModelCounts:
    """All layers in order, and their sums over the network."""

    layers: tuple[LayerCounts, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def connections(self) -> int:
        return sum(layer.connections for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def wired(self) -> "ModelCounts":
        """The wired stages alone (stages 1 and 3 of LeNet-5)."""
        return ModelCounts(tuple(layer for layer in self.layers if layer.kind == "wired"))

    @property
    def layers_with_weights(self) -> int:
        return sum(layer.parameters > 0 for layer in self.layers)


def count_model(model: nn.Module, image_size: int) -> ModelCounts:
    """Counts `model` on (image_size, image_size, 1) images by tracing it; nothing is computed.

    Raises NotImplementedError for a model with parameters in layers of another kind.
    """
    layers = []

    def record(call, args, kwargs, context):
        output = call(*args, **kwargs)
        if context.method_name == "__call__" and isinstance(context.module, (Wired, Pool, nn.Dense)):
            layers.append(_count_layer(context.module, output.shape[1:]))
        return output

    rngs = {"params": jax.random.key(0), "wiring": jax.random.key(0)}
    image = jax.ShapeDtypeStruct((1, image_size, image_size, 1), jnp.float32)
    with nn.intercept_methods(record):
        variables = jax.eval_shape(model.init, rngs, image)
    counts = ModelCounts(tuple(layers))
    held = sum(leaf.size for leaf in jax.tree.leaves(variables.get("params", {})))
    if counts.parameters != held:
        raise NotImplementedError(
            f"Counted {counts.parameters} of the model's {held} parameters: teach _count_layer the others."
        )
    return counts


def _count_layer(layer: nn.Module, output_shape: tuple[int, ...]) -> LayerCounts:
    params = layer.variables.get("params", {})
    units = math.prod(output_shape)
    if isinstance(layer, Pool):
        return LayerCounts(layer.name, "pool", output_shape, 0, 0, 0)
    wired = isinstance(layer, Wired)
    # What one unit reads: (taps, input maps) of a wired kernel, (inputs,) of a dense one.
    fan_in = math.prod(params["kernel"].shape[: 2 if wired else 1])
    return LayerCounts(
        name=layer.name,
        kind="wired" if wired else "dense",
        output_shape=output_shape,
        parameters=sum(leaf.size for leaf in jax.tree.leaves(params)),
        connections=units * (fan_in + 1),
        macs=units * fan_in,
    )
