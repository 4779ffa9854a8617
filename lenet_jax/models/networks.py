"""Networks: stages of feature maps, then a multilayer perceptron.

LeNet-5, its predecessors back to 1989 and every cell of the connectivity grid are one module, `CNN`, with
different fields; a network without stages is an `MLP`.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import RBF, Activation, Codes, Pool, fan_in_uniform, squared_distances
from lenet_jax.models.map_tables import Table
from lenet_jax.models.products import PRECISION
from lenet_jax.models.wired_layer import Wired, native_form_of
from lenet_jax.native import calls


class Dropout(nn.Module):
    """Drops inputs at random, by the key `dropout`, and scales up the others so that the mean is preserved.

    As `nn.Dropout`, whose rate can't be traced.
    """

    @nn.compact
    def __call__(self, x: jax.Array, rate: jax.Array) -> jax.Array:
        """Drops each entry of `x` with probability `rate`, in [0, 1)."""
        keep_probability = 1 - rate
        is_kept = jax.random.bernoulli(self.make_rng("dropout"), keep_probability, x.shape)
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
      dropout: whether inputs of hidden layers are dropped in training.
      classes: number of classes, K.
    """

    hidden: tuple[int, ...]
    activation: str
    first: int = 1
    output: str = "logits"
    codes: Codes = ()
    initialisation: str = "unit_variance"
    dropout: bool = False
    classes: int = 10

    @nn.compact
    def __call__(
        self, x: jax.Array, dropout_rate: jax.Array | None = None, states_only: bool = False
    ) -> jax.Array:
        """Maps (N, ...) to outputs (N, K), or to what fixed output units read.

        Args:
          dropout_rate: for training, if `dropout`: probability that an input of a hidden layer is dropped,
            by the key `dropout`. Nothing is dropped if it is None.
          states_only: whether to return what fixed output units read, which for "rbf" is the last hidden
            layer (N, U).
        """
        x = x.reshape(x.shape[0], -1)
        activate = Activation(self.activation, name="activation")
        for number, width in enumerate(self.hidden, self.first):
            if self.dropout and dropout_rate is not None:
                x = Dropout()(x, dropout_rate)
            x = activate(self._dense(width, f"dense_{number}")(x))
        if self.output != "rbf":
            x = self._dense(self.classes, "output")(x)
            return activate(x) if self.output == "activated" else x
        return x if states_only else RBF(self.codes, name="output")(x)

    def outputs(self, states: jax.Array) -> jax.Array:
        """The outputs (N, K) for what `states_only` returns: through the RBF units, or unchanged."""
        return squared_distances(states, self.codes) if self.output == "rbf" else states

    def _dense(self, width: int, name: str) -> nn.Dense:
        init = fan_in_uniform(self.initialisation)
        return nn.Dense(width, kernel_init=init, precision=PRECISION, name=name)


@dataclasses.dataclass(frozen=True)
class Stage:
    """A layer of feature maps and its pooling: the fields of `Wired`, and the kind of `Pool`.

    The defaults are those of LeNet-5 as it is built today.
    """

    maps: int
    kernel_size: int = 5
    connectivity: str = "local"
    sharing: str = "shared"
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    pad_value: float = 0.0
    table: Table | None = None
    unit_bias: bool = False
    pooling: str = "average"

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
      native: whether the native kernel computes stages for which it is faster; see `lenet_jax.native.form`.
    """

    stages: tuple[Stage, ...]
    classifier: MLP
    initialisation: str = "unit_variance"
    native: bool = False

    @nn.compact
    def __call__(
        self, images_NHWC: jax.Array, dropout_rate: jax.Array | None = None, states_only: bool = False
    ) -> jax.Array:
        """Maps images (N, size, size, C) to outputs (N, K), or what fixed output units read; see `MLP`."""
        count, size, *_ = images_NHWC.shape
        native_forms = [
            native_form_of(stage.connectivity, stage.sharing, count) if self.native else None
            for stage in self.stages
        ]
        if native_forms[0]:
            x = FeatureMaps(calls.tiles_of_images(jnp.asarray(images_NHWC)), size, count)
        else:
            x = FeatureMaps.from_images(images_NHWC)
        activate = Activation(self.classifier.activation, name="activation")
        number = 1
        for stage, native_form in zip(self.stages, native_forms, strict=True):
            fields = dataclasses.asdict(stage)
            pooling = fields.pop("pooling")
            # The kernel then also activates and pools.
            kernel_pools = native_form == "wired" and pooling == "average"
            wired = Wired(
                **fields,
                initialisation=self.initialisation,
                native=self.native,
                activation=self.classifier.activation if kernel_pools else "none",
                name=f"stage_{number}",
            )
            steps: list[Any] = [wired] if kernel_pools else [wired, activate]
            if pooling != "none" and not kernel_pools:
                pool = Pool(pooling, self.initialisation, name=f"pool_{number + 1}")
                # Activations are monotone, so max pooling may come first: there is less to activate.
                steps.insert(1 if pool.pooling.selects else 2, pool)
                if pool.pooling.is_trainable:
                    steps.append(activate)
            number += stage.layers
            for step in steps:
                x = step(x)
        # If the last stage is pooled by the kernel, the kernel also rearranges it, faster than XLA does.
        images = calls.images_of_tiles(x.tiles, count) if kernel_pools else x.images
        return self.classifier(images, dropout_rate, states_only)

    def outputs(self, states: jax.Array) -> jax.Array:
        """See `MLP.outputs`."""
        return self.classifier.outputs(states)
