"""From `config.model` to the network it describes, refusing what does not exist or fit."""

import ml_collections
from flax import linen as nn

from lenet_jax.errors import UserError, require_one_of
from lenet_jax.models import wiring
from lenet_jax.models.bitmaps import read_bitmaps
from lenet_jax.models.layers import ACTIVATIONS, INITIALISATIONS, POOLINGS
from lenet_jax.models.map_tables import read_table
from lenet_jax.models.networks import CLASSES, CNN, MLP, Stage

MODELS = ("cnn", "mlp")
OUTPUTS = ("logits", "activated", "rbf")
BIASES = ("map", "unit")


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
    stages = _read_stages(model)  # refuses wrong ones for an MLP, too
    if model.name == "mlp":
        stages = ()
    hidden = (_width_of_budget(model, image_size),) if model.parameter_budget else tuple(model.hidden)
    classifier = MLP(
        hidden,
        model.activation,
        first=1 + sum(stage.layers for stage in stages),
        output=model.output,
        codes=_read_codes(model, hidden),
        initialisation=model.initialisation,
        dropout=model.dropout,
    )
    if not stages:
        return classifier
    _require_fit(image_size, stages)
    return CNN(stages, classifier, model.initialisation)


def _read_codes(model: ml_collections.ConfigDict, hidden: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The codes of RBF units, () where the network has none."""
    if model.output != "rbf":
        return ()
    if not hidden:
        raise UserError("config.model.output='rbf' compares the last hidden layer: give config.model.hidden.")
    bitmaps = read_bitmaps(model.bitmaps, CLASSES)
    height, width = len(bitmaps[0]), len(bitmaps[0][0])
    if height * width != hidden[-1]:
        raise UserError(
            f"config.model.bitmaps are {width}x{height}, {width * height} pixels, but the last hidden layer "
            f"has {hidden[-1]} units to compare with them: take as many units in config.model.hidden, or "
            "other bitmaps."
        )
    return tuple(sum(rows, ()) for rows in bitmaps)


def _width_of_budget(model: ml_collections.ConfigDict, image_size: int) -> int:
    if model.name != "mlp":
        raise UserError("config.model.parameter_budget is for config.model.name=mlp: set it to 0.")
    if model.hidden:
        raise UserError(
            "config.model.parameter_budget solves the width of the only hidden layer: "
            'pass --config.model.hidden="()" with it, or leave the budget at 0.'
        )
    return solve_width(image_size * image_size, model.parameter_budget)


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


def _read_stages(model: ml_collections.ConfigDict) -> tuple[Stage, ...]:
    """The stages that `config.model` describes. Raises UserError, in a sentence that names the field."""
    _require_sizes("model.maps", model.maps)
    stages = len(model.maps)
    for field in ("kernel_size", "stride"):
        if not all(type(it) is int and it >= 1 for it in model[field]):
            raise UserError(f"config.model.{field}={tuple(model[field])} must be at least 1 in every stage.")
    if not all(type(it) is int and it >= 0 for it in (*model.pad_before, *model.pad_after)):
        raise UserError("config.model.pad_before and pad_after must be at least 0 in every stage.")
    require_one_of("model.bias", model.bias, BIASES)
    per_stage = {
        "maps": model.maps,
        "kernel_size": _per_stage("model.kernel_size", model.kernel_size, stages),
        "connectivity": _names_per_stage(
            "model.connectivity", model.connectivity, stages, wiring.CONNECTIVITY
        ),
        "sharing": _names_per_stage("model.sharing", model.sharing, stages, wiring.SHARING),
        "stride": _per_stage("model.stride", model.stride, stages),
        "padding": zip(
            _per_stage("model.pad_before", model.pad_before, stages),
            _per_stage("model.pad_after", model.pad_after, stages),
            strict=True,
        ),
        "table": map(
            read_table,
            _names_per_stage("model.map_table", model.map_table, stages),
            (1, *model.maps[:-1]),
            model.maps,
        ),
        "pooling": _names_per_stage("model.pooling", model.pooling, stages, POOLINGS),
    }
    read = tuple(
        Stage(
            **dict(zip(per_stage, values, strict=True)),
            pad_value=model.pad_value,
            unit_bias=model.bias == "unit",
        )
        for values in zip(*per_stage.values(), strict=True)
    )
    for stage in read:
        is_spatial = wiring.CONNECTIVITY[stage.connectivity].is_spatial
        if not is_spatial and (stage.stride > 1 or any(stage.padding) or stage.table):
            spatial = " or ".join(name for name, entry in wiring.CONNECTIVITY.items() if entry.is_spatial)
            raise UserError(
                f"config.model.connectivity={model.connectivity!r}: only {spatial} stages have a stride, "
                "padding or a map_table; take config.model.stride=1, padding of 0 and "
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
        size += sum(stage.padding)
        out = wiring.output_size(size, stage.kernel_size, stage.stride)
        least = 1 if stage.pooling == "none" else 2
        if out < least:
            field = "kernel_size" if wiring.output_size(size, stage.kernel_size) < least else "stride"
            raise UserError(
                f"config.model.{field}={getattr(stage, field)} is too large: convolutional stage {number} "
                f"reads {size}x{size} inputs and must leave at least {least}x{least} units"
                f"{'' if stage.pooling == 'none' else ' for the pooling'}; take a smaller {field}, fewer "
                "config.model.maps, or config.model.pooling=none there."
            )
        if not wiring.CONNECTIVITY[stage.connectivity].fits(size, stage.kernel_size):
            raise UserError(
                f"config.model.kernel_size={stage.kernel_size} is too large: units of convolutional stage "
                f"{number}, {stage.connectivity}, would read positions of its {size}x{size} inputs twice; "
                "take a smaller kernel_size."
            )
        size = out if stage.pooling == "none" else out // 2
