"""Counts of a network, layer by layer: output shape, parameters, connections, multiply-accumulates."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax.models.layers import RBF, Pool, Wired


@dataclasses.dataclass(frozen=True)
class LayerCounts:
    """What one layer has and does for one image.

    Attributes:
      name: the layer's name in the model.
      kind: "wired", "pool", "dense" or "rbf".
      output_shape: without the batch: (rows, columns, maps) or (units,).
      parameters: trainable numbers.
      connections: links from a unit to what it reads, its bias included; those to a border count.
        Pooling without weights has none; trainable subsampling has its inputs and its bias.
      macs: multiply-accumulates of the definition; a bias is no multiplication. Subsampling multiplies
        once a unit, an RBF unit once a link.
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
        if context.method_name == "__call__" and isinstance(context.module, (Wired, Pool, RBF, nn.Dense)):
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
    if isinstance(layer, Wired):
        *positions, maps = output_shape
        taps, *maps_read = params["kernel"].shape
        # Of all maps together: the pairs of a table, or all input maps for each map.
        links = taps * (maps_read[0] if layer.table else maps_read[0] * maps) * math.prod(positions)
        kind, connections, macs = "wired", links + units, links
    elif isinstance(layer, Pool):
        kind = "pool"
        connections, macs = (5 * units, units) if layer.is_trainable else (0, 0)
    elif isinstance(layer, RBF):
        kind, connections = "rbf", units * len(layer.codes[0])
        macs = connections
    else:
        macs = units * params["kernel"].shape[0]
        kind, connections = "dense", macs + units
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
    return LayerCounts(layer.name, kind, output_shape, parameters, connections, macs)
