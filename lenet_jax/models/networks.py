"""Networks: stages of feature maps, then a multilayer perceptron.

LeNet-5, its predecessors back to 1989 and every cell of the connectivity grid are one module, `CNN`, with
different fields; a network without stages is an `MLP`.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import MONOTONE, RBF, Activation, Codes, Dense, Pool, squared_distances
from lenet_jax.models.map_tables import Table
from lenet_jax.models.wired_layer import Wired, native_form_of
from lenet_jax.native import calls

DROPPED = ("inputs", "units")


class Dropout(nn.Module):
    """Drops inputs at random, by the key `dropout`, and scales up the others so that the mean is preserved.

    As `nn.Dropout`, whose rate can't be traced.
    """

    @nn.compact
    def __call__(self, x: jax.Array, rate: jax.Array, count: int) -> jax.Array:
        """Drops each entry of `x`, (N, U) or in blocks (blocks, U, L), with probability `rate`, in [0, 1).

        `count` is N.
        """
        keep_probability = 1 - rate
        is_kept = jax.random.bernoulli(self.make_rng("dropout"), keep_probability, (count, x.shape[1]))
        if x.ndim == 3:  # the same inputs are dropped
            is_kept = calls.blocks_of_images(is_kept.astype(x.dtype)) > 0
        return jnp.where(is_kept, x / keep_probability, 0)


class MLP(nn.Module):
    """A multilayer perceptron, which assumes nothing about its input.

    Attributes:
      hidden: widths of the hidden layers; () is a linear classifier.
      activation: one of ACTIVATIONS, after each hidden layer.
      first: number of the first layer, for the layers' names.
      output: "logits"; "activated", units like the hidden ones, one per class; or "rbf", units of
        `lenet_jax.models.layers.RBF` that read the last hidden layer.
      codes: of the RBF units.
      initialisation: one of INITIALISATIONS.
      output_bias: what the biases of output units start at.
      dropout: whether training drops some inputs of dense layers.
      dropout_of: one of DROPPED: "inputs", those of the hidden layers, and so also inputs of the network; or
        "units", the units of the hidden layers, before the next layer reads them.
      classes: number of classes, K.
      native: whether the native kernel computes the layers if it is faster; see `lenet_jax.native.form`.
    """

    hidden: tuple[int, ...]
    activation: str
    first: int = 1
    output: str = "logits"
    codes: Codes = ()
    initialisation: str = "unit_variance"
    output_bias: float = 0.0
    dropout: bool = False
    dropout_of: str = "inputs"
    classes: int = 10
    native: bool = False

    @nn.compact
    def __call__(
        self,
        x: jax.Array | FeatureMaps,
        dropout_rate: jax.Array | None = None,
        states_only: bool = False,
    ) -> jax.Array:
        """Maps N inputs to outputs (N, K), or to what fixed output units read.

        Args:
          x: (N, ...), or feature maps.
          dropout_rate: for training, if `dropout`: probability that an input or unit is dropped, by the key
            `dropout`. Nothing is dropped if it is None.
          states_only: whether to return what fixed output units read, which for "rbf" is the last hidden
            layer (N, U).
        """
        count = x.count if isinstance(x, FeatureMaps) else len(x)
        is_native = self.native and calls.lanes(count) > 1
        x = self._blocks(x) if is_native else self._rows(x)
        activate = Activation(self.activation, name="activation")

        def drop(x: jax.Array, what: str) -> jax.Array:
            if dropout_rate is None or not self.dropout or what != self.dropout_of:
                return x
            return Dropout()(x, dropout_rate, count)

        for number, width in enumerate(self.hidden, self.first):
            x = drop(x, "inputs")
            x = activate(Dense(width, self.initialisation, name=f"dense_{number}")(x))
            x = drop(x, "units")
        if self.output != "rbf":
            x = Dense(self.classes, self.initialisation, self.output_bias, name="output")(x)
            x = activate(x) if self.output == "activated" else x
        x = calls.images_of_blocks(x, count) if is_native else x
        return x if states_only or self.output != "rbf" else RBF(self.codes, name="output")(x)

    def outputs(self, states: jax.Array) -> jax.Array:
        """The outputs (N, K) for what `states_only` returns: through the RBF units, or unchanged."""
        return squared_distances(states, self.codes) if self.output == "rbf" else states

    @staticmethod
    def _rows(x: jax.Array | FeatureMaps) -> jax.Array:
        """(N, inputs)."""
        images = x.images if isinstance(x, FeatureMaps) else x
        return images.reshape(len(images), -1)

    @staticmethod
    def _blocks(x: jax.Array | FeatureMaps) -> jax.Array:
        """(blocks, inputs, L)."""
        is_maps = isinstance(x, FeatureMaps)
        blocks = x.blocks(calls.block()) if is_maps else calls.blocks_of_images(jnp.asarray(x))
        return blocks.reshape(len(blocks), -1, calls.block())


@dataclasses.dataclass(frozen=True)
class Stage:
    """A layer of feature maps and its pooling: fields of `Wired`, and the kind and coefficient of `Pool`.

    The defaults are those of LeNet-5 as it is built today.
    """

    maps: int
    kernel_size: int = 5
    connectivity: str = "local"
    sharing: str = "shared"
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    pad_value: float = 0.0
    edges: str = "wrap"
    radius: int = 0
    block: int = 0
    rank: int = 0
    table: Table | None = None
    unit_bias: bool = False
    start: str = "free"
    shared_gradient: str = "sum"
    pooling: str = "average"
    initial_coefficient: float = 0.0

    @property
    def layers(self) -> int:
        """How many layers the stage has: the wired layer, and its pooling if there is one."""
        return 1 if self.pooling == "none" else 2


class CNN(nn.Module):
    """Stages of wired feature maps, each with an activation and optional 2x2 pooling, then an MLP.

    With the default config, on 32x32 images, this is LeNet-5 (LeCun et al. 1998, section II-B) as it is
    built today: C1, S2, C3 (over all six maps), S4, C5, F6 and the output. `configs/history` has the
    original and other networks of its time.

    Attributes:
      stages: in order, from the image on.
      classifier: the MLP that reads the last stage.
      initialisation: one of INITIALISATIONS, for the stages.
      native: whether the native kernel computes stages for which it is faster; see `computed_by_kernel`.
      constrained: whether training keeps unshared weights under the constraint with which they start.
    """

    stages: tuple[Stage, ...]
    classifier: MLP
    initialisation: str = "unit_variance"
    native: bool = False
    constrained: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of each stage's first layer, from 1 on: its wired layer is called `stage_{number}`."""
        layers = itertools.accumulate((stage.layers for stage in self.stages), initial=1)
        return tuple(layers)[:-1]

    @nn.compact
    def __call__(
        self, images_NHWC: jax.Array, dropout_rate: jax.Array | None = None, states_only: bool = False
    ) -> jax.Array:
        """Maps images (N, size, size, C) to outputs (N, K), or what fixed output units read; see `MLP`."""
        count = len(images_NHWC)
        native_forms = [
            native_form_of(stage.connectivity, stage.sharing, count) if self.native else None
            for stage in self.stages
        ]
        if native_forms[0]:
            x = FeatureMaps.from_blocks(calls.blocks_of_images(jnp.asarray(images_NHWC)), count)
        else:
            x = FeatureMaps.from_images(images_NHWC)
        activate = Activation(self.classifier.activation, name="activation")
        for number, stage, native_form in zip(self.numbers, self.stages, native_forms, strict=True):
            fields = dataclasses.asdict(stage)
            pooling, coefficient = fields.pop("pooling"), fields.pop("initial_coefficient")
            # The kernel then also activates and pools.
            is_native = native_form == "wired" and self.classifier.activation in calls.ACTIVATIONS
            kernel_pools = is_native and pooling == "average"
            wired = Wired(
                **fields,
                initialisation=self.initialisation,
                constrained=self.constrained,
                native=self.native,
                activation=self.classifier.activation if kernel_pools else "none",
                name=f"stage_{number}",
            )
            steps: list[Any] = [wired] if kernel_pools else [wired, activate]
            if pooling != "none" and not kernel_pools:
                pool = Pool(pooling, self.initialisation, coefficient, name=f"pool_{number + 1}")
                # The maximum may be taken before a monotone activation: then there is less to activate.
                is_first = pool.pooling.selects and self.classifier.activation in MONOTONE
                steps.insert(1 if is_first else 2, pool)
                if pool.pooling.is_trainable:
                    steps.append(activate)
            for step in steps:
                x = step(x)
        return self.classifier(x, dropout_rate, states_only)

    def averaged(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters in which the units of each local, unshared map have the mean of their weights.

        Pogodin et al. 2021, "Towards Biologically Plausible Convolutional Networks", let unshared weights
        share in this way at intervals. The optimizer's state, such as momentum, is not averaged.
        """
        found = dict(params)
        for number, stage in zip(self.numbers, self.stages, strict=True):
            if (stage.connectivity, stage.sharing) == ("local", "unshared"):
                kernel, bias = (params[f"stage_{number}"][name] for name in ("kernel", "bias"))
                means = {"kernel": kernel.mean(2, keepdims=True), "bias": bias.mean(0, keepdims=True)}
                found[f"stage_{number}"] = jax.tree.map(
                    jnp.broadcast_to, means, {"kernel": kernel.shape, "bias": bias.shape}
                )
        return found

    def outputs(self, states: jax.Array) -> jax.Array:
        """See `MLP.outputs`."""
        return self.classifier.outputs(states)


def computed_by_kernel(network: MLP | CNN, native: bool) -> MLP | CNN:
    """The same network, of which the native kernel computes what it computes faster, or nothing."""
    if isinstance(network, CNN):
        return network.clone(native=native, classifier=network.classifier.clone(native=native))
    return network.clone(native=native)
