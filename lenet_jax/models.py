"""Networks as configs describe them: stages of feature maps, then a multilayer perceptron.

LeNet-5 and its kin back to 1989 are one module with other fields, and so is every cell of the
connectivity grid; without stages it is a multilayer perceptron.
"""

import dataclasses

import jax
import ml_collections
from flax import linen as nn

from lenet_jax import wiring
from lenet_jax.bitmaps import read_bitmaps
from lenet_jax.errors import UserError, require_one_of
from lenet_jax.feature_maps import FeatureMaps
from lenet_jax.layers import (
    ACTIVATIONS,
    INITIALISATIONS,
    POOLINGS,
    RBF,
    Activation,
    Pool,
    Wired,
    fan_in_uniform,
)
from lenet_jax.map_tables import Table, read_table

MODELS = ("cnn", "mlp")
OUTPUTS = ("logits", "activated", "rbf")
BIASES = ("map", "unit")
CLASSES = 10


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
      dropout: share of each hidden layer's inputs that is left out in training.
    """

    hidden: tuple[int, ...]
    activation: str
    first: int = 1
    output: str = "logits"
    codes: tuple[tuple[int, ...], ...] = ()
    initialisation: str = "unit_variance"
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False, states_only: bool = False) -> jax.Array:
        """Maps (N, ...) to outputs (N, 10), or to what fixed output units read.

        Args:
          training: whether to drop inputs, by the key `dropout`.
          states_only: whether to return what fixed output units read: for "rbf" the last hidden layer.
        """
        x = x.reshape(x.shape[0], -1)
        activate = Activation(self.activation, name="activation")
        for number, width in enumerate(self.hidden, self.first):
            if self.dropout:
                x = nn.Dropout(self.dropout, deterministic=not training)(x)
            x = activate(self._dense(width, f"dense_{number}")(x))
        if self.output != "rbf":
            x = self._dense(CLASSES, "output")(x)
            return activate(x) if self.output == "activated" else x
        return x if states_only else RBF(self.codes, name="output")(x)

    @property
    def has_dropout(self) -> bool:
        return self.dropout > 0

    def outputs(self, states: jax.Array) -> jax.Array:
        """The outputs (N, 10) of what fixed output units read; of other outputs, they themselves."""
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
    border_value: float = 0.0
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
        self, images_NHWC: jax.Array, training: bool = False, states_only: bool = False
    ) -> jax.Array:
        """Maps images (N, S, S, 1) to outputs (N, 10), or to what fixed output units read."""
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
        return self.classifier(x.images, training, states_only)

    @property
    def has_dropout(self) -> bool:
        return self.classifier.has_dropout

    def outputs(self, states: jax.Array) -> jax.Array:
        """As `MLP.outputs`."""
        return self.classifier.outputs(states)


def solve_width(inputs: int, budget: int) -> int:
    """Width of the single hidden layer whose MLP comes nearest to `budget` parameters.

    An MLP inputs-h-10 has (inputs + 11) h + 10 parameters. Raises UserError where even one unit
    has more than the budget.
    """
    per_unit = inputs + 1 + CLASSES
    width = round((budget - CLASSES) / per_unit)
    if width < 1:
        raise UserError(
            f"config.model.parameter_budget={budget} is too small for an MLP on {inputs} inputs: "
            f"one hidden unit takes {per_unit + CLASSES} parameters."
        )
    return width


def build_model(model: ml_collections.ConfigDict, image_size: int) -> nn.Module:
    """The module that `config.model` describes, for images of image_size x image_size.

    Raises UserError for names that do not exist and shapes that do not fit.
    """
    if image_size < 1:
        raise UserError(f"config.data.image_size={image_size} must be at least 1.")
    require_one_of("model.name", model.name, MODELS)
    require_one_of("model.activation", model.activation, ACTIVATIONS)
    require_one_of("model.output", model.output, OUTPUTS)
    require_one_of("model.initialisation", model.initialisation, INITIALISATIONS)
    _require_sizes("model.hidden", model.hidden)
    if not 0 <= model.dropout < 1:
        raise UserError(f"config.model.dropout={model.dropout} must be in [0, 1).")
    stages = _read_stages(model)
    hidden = tuple(model.hidden)
    if model.parameter_budget:
        hidden = (_width_of_budget(model, image_size),)
    codes = ()
    if model.output == "rbf":
        if not hidden:
            raise UserError(
                "config.model.output='rbf' compares the last hidden layer: give config.model.hidden."
            )
        bitmaps = read_bitmaps(model.bitmaps, CLASSES, hidden[-1])
        codes = tuple(sum(rows, ()) for rows in bitmaps)
    stages = () if model.name == "mlp" else stages
    classifier = MLP(
        hidden,
        model.activation,
        1 + sum(stage.layers for stage in stages),
        model.output,
        codes,
        model.initialisation,
        model.dropout,
    )
    if not stages:
        return classifier
    _require_fit(image_size, stages)
    return CNN(stages, classifier, model.initialisation)


def _width_of_budget(model: ml_collections.ConfigDict, image_size: int) -> int:
    if model.name != "mlp":
        raise UserError("config.model.parameter_budget is for config.model.name=mlp: set it to 0.")
    if model.hidden:
        raise UserError(
            "config.model.parameter_budget solves the width of the only hidden layer: "
            'pass --config.model.hidden="()" with it, or leave the budget at 0.'
        )
    return solve_width(image_size * image_size, model.parameter_budget)


def _read_stages(model: ml_collections.ConfigDict) -> tuple[Stage, ...]:
    """The stages that `config.model` describes. Raises UserError, in a sentence that names the field."""
    _require_sizes("model.maps", model.maps)
    stages = len(model.maps)
    for field in ("kernel_size", "stride"):
        if not all(type(it) is int and it >= 1 for it in model[field]):
            raise UserError(f"config.model.{field}={tuple(model[field])} must be at least 1 in every stage.")
    if not all(type(it) is int and it >= 0 for it in (*model.border_before, *model.border_behind)):
        raise UserError("config.model.border_before and border_behind must be at least 0 in every stage.")
    require_one_of("model.bias", model.bias, BIASES)
    tables = _names_per_stage("model.map_table", model.map_table, stages)
    inputs = (1, *model.maps)
    before = _per_stage("model.border_before", model.border_before, stages)
    behind = _per_stage("model.border_behind", model.border_behind, stages)
    read = tuple(
        Stage(*fields, model.bias == "unit", pooling)
        for *fields, pooling in zip(
            model.maps,
            _per_stage("model.kernel_size", model.kernel_size, stages),
            _names_per_stage("model.connectivity", model.connectivity, stages, wiring.CONNECTIVITY),
            _names_per_stage("model.sharing", model.sharing, stages, wiring.SHARING),
            _per_stage("model.stride", model.stride, stages),
            zip(before, behind, strict=True),
            stages * (model.border_value,),
            map(read_table, tables, inputs, model.maps),
            _names_per_stage("model.pooling", model.pooling, stages, POOLINGS),
            strict=False,
        )
    )
    for stage in read:
        if stage.connectivity != "local" and (stage.stride > 1 or any(stage.border) or stage.table):
            raise UserError(
                f"config.model.connectivity={model.connectivity!r}: only local stages have a stride, a "
                "border or a map_table; take config.model.stride=1, borders of 0 and "
                "config.model.map_table=all."
            )
    return read


def _require_sizes(field: str, sizes: tuple) -> None:
    if not all(type(size) is int and size > 0 for size in sizes):
        raise UserError(
            f"config.{field}={tuple(sizes)!r} must hold positive whole numbers, for example "
            f"--config.{field}=6,16."
        )


def _names_per_stage(field: str, text: str, stages: int, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Names of `text`, comma-separated: one for every stage, or one a stage."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names if known else ():
        require_one_of(field, name, known)
    return _per_stage(field, names, stages)


def _per_stage(field: str, values: tuple, stages: int) -> tuple:
    """One value for every stage, or one a stage."""
    if len(values) not in (1, stages):
        raise UserError(
            f"config.{field}={','.join(map(str, values))!r} names {len(values)} stages but config.model.maps "
            f"has {stages}: give one for all or one for each."
        )
    return tuple(values) * stages if len(values) == 1 else tuple(values)


def _require_fit(image_size: int, stages: tuple[Stage, ...]) -> None:
    size = image_size
    for number, stage in enumerate(stages, 1):
        size += sum(stage.border)
        out = wiring.output_size(size, stage.kernel_size, stage.stride)
        least = 1 if stage.pooling == "none" else 2
        if out < least:
            raise UserError(
                f"config.model.kernel_size={stage.kernel_size} is too large: convolutional stage {number} "
                f"reads {size}x{size} inputs and must leave at least {least}x{least} units"
                f"{'' if stage.pooling == 'none' else ' for the pooling'}; take a smaller kernel, fewer "
                "config.model.maps, or config.model.pooling=none there."
            )
        size = out if stage.pooling == "none" else out // 2
