"""Networks: stages of feature maps, then a multilayer perceptron.

LeNet-5 and its kin back to 1989 are one module with other fields, and so is every cell of the
connectivity grid; without stages it is a multilayer perceptron.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import RBF, Activation, Pool, Wired, fan_in_uniform
from lenet_jax.models.map_tables import Table

CLASSES = 10


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
    """A multilayer perceptron that assumes nothing of its input.

    Attributes:
      hidden: widths of the hidden layers; () is a linear classifier.
      activation: one of ACTIVATIONS, after each hidden layer.
      first: number of its first layer, for the layers' names.
      output: "logits"; "activated", ten units like the hidden ones; "rbf", `lenet_jax.layers.RBF`
        units that read the last hidden layer.
      codes: of the RBF units.
      initialisation: one of INITIALISATIONS.
      dropout: whether inputs of hidden layers are dropped in training.
    """

    hidden: tuple[int, ...]
    activation: str
    first: int = 1
    output: str = "logits"
    codes: tuple[tuple[int, ...], ...] = ()
    initialisation: str = "unit_variance"
    dropout: bool = False

    @nn.compact
    def __call__(
        self, x: jax.Array, dropout_rate: jax.Array | None = None, states_only: bool = False
    ) -> jax.Array:
        """Maps (N, ...) to outputs (N, 10), or to what fixed output units read.

        Args:
          dropout_rate: for training, if `dropout`: probability that an input of a hidden layer is dropped,
            by the key `dropout`. Nothing is dropped if it is None.
          states_only: whether to return what fixed output units read: for "rbf" the last hidden layer.
        """
        x = x.reshape(x.shape[0], -1)
        activate = Activation(self.activation, name="activation")
        for number, width in enumerate(self.hidden, self.first):
            if self.dropout and dropout_rate is not None:
                x = Dropout()(x, dropout_rate)
            x = activate(self._dense(width, f"dense_{number}")(x))
        if self.output != "rbf":
            x = self._dense(CLASSES, "output")(x)
            return activate(x) if self.output == "activated" else x
        return x if states_only else RBF(self.codes, name="output")(x)

    def outputs(self, states: jax.Array) -> jax.Array:
        """Turns what `states_only` returns into the outputs (N, 10): by the RBF units, or as it is."""
        return RBF(self.codes, parent=None).apply({}, states) if self.output == "rbf" else states

    def _dense(self, width: int, name: str) -> nn.Dense:
        return nn.Dense(width, kernel_init=fan_in_uniform(self.initialisation), name=name)


@dataclasses.dataclass(frozen=True)
class Stage:
    """A layer of feature maps and its pooling: the fields of `lenet_jax.layers.Wired` and `Pool`.

    The defaults are LeNet-5's in its modern reading.
    """

    maps: int
    kernel_size: int = 5
    connectivity: str = "local"
    sharing: str = "shared"
    stride: int = 1
    border: tuple[int, int] = (0, 0)
    pad_value: float = 0.0
    table: Table | None = None
    unit_bias: bool = False
    pooling: str = "average"

    @property
    def layers(self) -> int:
        """The wired layer, and its pooling if there is one."""
        return 1 if self.pooling == "none" else 2


class CNN(nn.Module):
    """Stages of wired feature maps, each with an activation and perhaps 2x2 pooling, then an MLP.

    As the default config has it, on 32x32 images, it is LeNet-5 (LeCun et al. 1998, section II-B) in its
    modern reading: C1, S2, C3 (over all six maps), S4, C5, F6 and the output. The original, and others
    of its time, are in `lenet_jax.historic`.

    Attributes:
      stages: from the image on.
      classifier: the MLP that reads the last stage.
      initialisation: one of INITIALISATIONS, in the stages.
    """

    stages: tuple[Stage, ...]
    classifier: MLP
    initialisation: str = "unit_variance"

    @nn.compact
    def __call__(
        self, images_NHWC: jax.Array, dropout_rate: jax.Array | None = None, states_only: bool = False
    ) -> jax.Array:
        """Maps images (N, S, S, 1) to outputs (N, 10), or to what fixed output units read; see `MLP`."""
        x = FeatureMaps.from_images(images_NHWC)
        activate = Activation(self.classifier.activation, name="activation")
        number = 1
        for stage in self.stages:
            fields = dataclasses.asdict(stage)
            pooling = fields.pop("pooling")
            steps = [Wired(**fields, initialisation=self.initialisation, name=f"stage_{number}"), activate]
            if pooling != "none":
                pool = Pool(pooling, self.initialisation, name=f"pool_{number + 1}")
                # Activations are monotone, the larger stays the larger: after max pooling there are fewer.
                steps.insert(1 if pooling == "max" else 2, pool)
                if pool.is_trainable:
                    steps.append(activate)
            number += stage.layers
            for step in steps:
                x = step(x)
        return self.classifier(x.images, dropout_rate, states_only)

    def outputs(self, states: jax.Array) -> jax.Array:
        """As `MLP.outputs`."""
        return self.classifier.outputs(states)
