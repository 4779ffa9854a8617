"""The size of a network, layer by layer: output shape, parameters, connections, multiply-accumulates."""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import RBF, Dense, Pool
from lenet_jax.models.wired_layer import Wired


@dataclasses.dataclass(frozen=True)
class LayerCounts:
    """The size of one layer, and its work for one image.

    Attributes:
      name: the layer's name in the model.
      kind: "wired", "pool", "dense" or "rbf".
      output_shape: without the batch: (rows, columns, maps) or (units,).
      parameters: number of trainable parameters.
      connections: links from units to what they read, biases and padding included. Pooling without weights
        has none; a trainable subsampling unit has four inputs and a bias.
      macs: multiply-accumulates by the layer's definition; adding a bias is not counted. A trainable
        subsampling unit multiplies once, an RBF unit once per connection.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    connections: int
    macs: int


@dataclasses.dataclass(frozen=True)
class ModelCounts:
    """All layers in order, with totals over the network."""

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


def count_model(model: nn.Module, image_size: int, channels: int = 1) -> ModelCounts:
    """The counts of `model` on (image_size, image_size, channels) images; it is traced, not computed.

    Raises NotImplementedError if the model has parameters in a layer of a kind that is not counted here.
    """
    layers = []

    def record(
        call: Callable, args: tuple, kwargs: dict, context: nn.module.InterceptorContext
    ) -> jax.Array | FeatureMaps:
        output = call(*args, **kwargs)
        if context.method_name == "__call__" and isinstance(context.module, (Wired, Pool, RBF, Dense)):
            layers.append(_count_layer(context.module, output.shape[1:]))
        return output

    rngs = {"params": jax.random.key(0), "wiring": jax.random.key(0)}
    image = jax.ShapeDtypeStruct((1, image_size, image_size, channels), jnp.float32)
    with nn.intercept_methods(record):
        variables = jax.eval_shape(model.init, rngs, image)
    counts = ModelCounts(tuple(layers))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(variables.get("params", {})))
    if counts.parameters != parameters:
        raise NotImplementedError(
            f"Counted {counts.parameters} of the model's {parameters} parameters: extend _count_layer."
        )
    return counts


def _count_layer(layer: nn.Module, output_shape: tuple[int, ...]) -> LayerCounts:
    params = layer.variables.get("params", {})
    units = math.prod(output_shape)
    if isinstance(layer, Wired):
        *positions, maps = output_shape
        taps, inputs, *_ = params["kernel"].shape  # inputs: pairs of the table, or input maps of every map
        links = taps * (inputs if layer.table else inputs * maps) * math.prod(positions)
        kind, connections, macs = "wired", links + units, links
    elif isinstance(layer, Pool):
        kind = "pool"
        connections, macs = (5 * units, units) if layer.pooling.is_trainable else (0, 0)
    elif isinstance(layer, RBF):
        kind, connections = "rbf", units * len(layer.codes[0])
        macs = connections
    else:
        macs = units * params["kernel"].shape[0]
        kind, connections = "dense", macs + units
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
    return LayerCounts(layer.name or "", kind, output_shape, parameters, connections, macs)
