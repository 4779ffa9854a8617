"""LeNet-5 with every cell of the connectivity grid, and multilayer perceptrons."""

import jax
import ml_collections
from flax import linen as nn

from lenet_jax import wiring
from lenet_jax.errors import UserError, require_one_of
from lenet_jax.feature_maps import FeatureMaps
from lenet_jax.layers import Pool, Wired, fan_in_uniform

ACTIVATIONS = {"tanh": nn.tanh, "relu": nn.relu}
POOLINGS = ("average", "max")
MODELS = ("lenet5", "mlp")
CLASSES = 10


class MLP(nn.Module):
    """A multilayer perceptron that assumes nothing of its input.

    Attributes:
      hidden: widths of the hidden layers; () is a linear classifier.
      activation: "tanh" or "relu", after each hidden layer.
      first: number of its first layer, for the layers' names.
    """

    hidden: tuple[int, ...]
    activation: str
    first: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, ...) to logits (N, 10)."""
        x = x.reshape(x.shape[0], -1)
        for number, width in enumerate(self.hidden, self.first):
            layer = nn.Dense(width, kernel_init=fan_in_uniform(), name=f"dense_{number}")
            x = ACTIVATIONS[self.activation](layer(x))
        return nn.Dense(CLASSES, kernel_init=fan_in_uniform(), name="output")(x)


class LeNet5(nn.Module):
    """LeNet-5 (LeCun et al. 1998, section II-B) in its modern reading, wired as its fields say.

    Stages of wired feature maps, each followed by an activation and 2x2 pooling, then an MLP. The
    defaults on 32x32 images are C1, S2, C3 (over all six maps), S4, C5, F6 and the output.
    The original's trainable subsampling, partial C3 table and Gaussian connections are not here.

    Attributes:
      connectivity, sharing: one name a stage, see `lenet_jax.layers.Wired`.
      maps: feature maps a stage; its length is the number of stages.
      kernel_size: side of the receptive field in every stage, in pixels.
      pooling: "average" or "max".
      activation: "tanh" or "relu".
      hidden: widths of the classifier's hidden layers.
    """

    connectivity: tuple[str, ...] = ("local", "local")
    sharing: tuple[str, ...] = ("shared", "shared")
    maps: tuple[int, ...] = (6, 16)
    kernel_size: int = 5
    pooling: str = "average"
    activation: str = "tanh"
    hidden: tuple[int, ...] = (120, 84)

    @nn.compact
    def __call__(self, images_NHWC: jax.Array) -> jax.Array:
        """Maps images (N, S, S, 1) to logits (N, 10)."""
        x = FeatureMaps.from_images(images_NHWC)
        for stage, (maps, connectivity, sharing) in enumerate(
            zip(self.maps, self.connectivity, self.sharing, strict=True)
        ):
            layer = Wired(maps, self.kernel_size, connectivity, sharing, name=f"stage_{2 * stage + 1}")
            pool = Pool(self.pooling, name=f"pool_{2 * stage + 2}")
            # Activations are monotone, the larger stays the larger: after max pooling there are fewer.
            steps = (layer, pool, self._activate) if self.pooling == "max" else (layer, self._activate, pool)
            for step in steps:
                x = step(x)
        first = 2 * len(self.maps) + 1
        return MLP(self.hidden, self.activation, first, name="classifier")(x.images)

    def _activate(self, x: FeatureMaps) -> FeatureMaps:
        return x.with_matrix(ACTIVATIONS[self.activation](x.matrix))


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
    require_one_of("model.pooling", model.pooling, POOLINGS)
    _require_sizes("model.hidden", model.hidden)
    _require_sizes("model.maps", model.maps)
    stages = len(model.maps)
    connectivity = _per_stage("model.connectivity", model.connectivity, wiring.CONNECTIVITY, stages)
    sharing = _per_stage("model.sharing", model.sharing, wiring.SHARING, stages)
    if model.name == "mlp":
        hidden = tuple(model.hidden)
        if model.parameter_budget:
            if hidden:
                raise UserError(
                    "config.model.parameter_budget solves the width of the only hidden layer: "
                    'pass --config.model.hidden="()" with it, or leave the budget at 0.'
                )
            hidden = (solve_width(image_size * image_size, model.parameter_budget),)
        return MLP(hidden, model.activation)

    if model.parameter_budget:
        raise UserError("config.model.parameter_budget is for config.model.name=mlp: set it to 0.")
    _require_fit(image_size, model.kernel_size, stages)
    return LeNet5(
        connectivity, sharing, tuple(model.maps), model.kernel_size,
        model.pooling, model.activation, tuple(model.hidden),
    )  # fmt: skip


def _require_sizes(field: str, sizes: tuple) -> None:
    if not all(type(size) is int and size > 0 for size in sizes):
        raise UserError(
            f"config.{field}={tuple(sizes)!r} must hold positive whole numbers, for example "
            f"--config.{field}=6,16."
        )


def _per_stage(field: str, text: str, known: tuple[str, ...], stages: int) -> tuple[str, ...]:
    """Names of `text`, comma-separated: one for every stage, or one a stage."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        require_one_of(field, name, known)
    if len(names) not in (1, stages):
        raise UserError(
            f"config.{field}={text!r} names {len(names)} stages but config.model.maps has {stages}: "
            "give one name for all or one for each."
        )
    return names * stages if len(names) == 1 else names


def _require_fit(image_size: int, kernel_size: int, stages: int) -> None:
    if kernel_size < 1:
        raise UserError(f"config.model.kernel_size={kernel_size} must be at least 1.")
    size = image_size
    for stage in range(1, stages + 1):
        out = wiring.output_size(size, kernel_size)
        if out < 2:  # pooling needs two rows
            raise UserError(
                f"config.model.kernel_size={kernel_size} is too large: convolutional stage {stage} "
                f"reads {size}x{size} inputs and must leave at least 2x2 units for the pooling; "
                "take a smaller kernel or fewer config.model.maps."
            )
        size = out // 2
