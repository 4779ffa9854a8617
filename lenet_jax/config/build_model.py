"""From `config.model` to the network it describes, refusing shapes that do not fit together."""

import dataclasses

import ml_collections

from lenet_jax.config.allowed import per_stage
from lenet_jax.config.fields import SIDE_LIMIT
from lenet_jax.config.matching import solve_maps, solve_width
from lenet_jax.data import DatasetInfo
from lenet_jax.errors import UserError
from lenet_jax.models import wiring
from lenet_jax.models.bitmaps import read_bitmaps
from lenet_jax.models.map_tables import read_table
from lenet_jax.models.networks import CNN, MLP, Stage
from lenet_jax.models.partial_sharing import PARTIAL_SHARING
from lenet_jax.models.start import is_possible

POSITIONS_LIMIT = 2**26  # they are listed, 4 bytes each, before the memory of a run is estimated


def build_model(model: ml_collections.ConfigDict, image_size: int, dataset: DatasetInfo) -> CNN | MLP:
    """The module that `config.model` describes, for images of image_size x image_size.

    Channels and classes are those of the dataset. The fields have passed
    `lenet_jax.config.checks.check_constraints`. Raises UserError for shapes that do not fit.
    """
    stages = _read_stages(model, dataset.channels)  # for an MLP as well, so that invalid values are refused
    if model.name == "mlp":
        stages = ()
    classes = len(dataset.classes)
    hidden = tuple(model.hidden)
    if model.parameter_budget and not stages:
        hidden = (_width_of_budget(model, image_size**2 * dataset.channels, classes),)
    if model.dropout and not hidden:
        raise UserError(
            f"config.model.dropout={model.dropout} drops inputs or units of hidden layers, and the network "
            "has none: set it to 0, or give some in config.model.hidden."
        )
    classifier = MLP(
        hidden,
        model.activation,
        first=1 + sum(stage.layers for stage in stages),
        output=model.output,
        codes=_read_codes(model, hidden, classes),
        initialisation=model.initialisation,
        output_bias=model.output_bias,
        dropout=model.dropout > 0,
        dropout_of=model.dropout_of,
        classes=classes,
    )
    if not stages:
        return classifier
    _require_start(stages)
    _require_fit(image_size, stages)
    network = CNN(stages, classifier, model.initialisation)
    if not model.parameter_budget:
        return network
    return _within_budget(network, image_size, dataset.channels, model.parameter_budget)


def _read_codes(
    model: ml_collections.ConfigDict, hidden: tuple[int, ...], classes: int
) -> tuple[tuple[int, ...], ...]:
    """The codes of RBF units, () if the network has none."""
    if model.output != "rbf":
        return ()
    if not hidden:
        raise UserError("config.model.output='rbf' compares the last hidden layer: give config.model.hidden.")
    bitmaps = read_bitmaps(model.bitmaps, classes)
    height, width = len(bitmaps[0]), len(bitmaps[0][0])
    if height * width != hidden[-1]:
        raise UserError(
            f"config.model.bitmaps are {width}x{height}, {width * height} pixels, but the last hidden layer "
            f"has {hidden[-1]} units: set the last width in config.model.hidden to {width * height}, or use "
            "other bitmaps."
        )
    return tuple(sum(rows, ()) for rows in bitmaps)


def _width_of_budget(model: ml_collections.ConfigDict, inputs: int, classes: int) -> int:
    if model.hidden:
        raise UserError(
            "config.model.parameter_budget solves the width of the only hidden layer: "
            'pass --config.model.hidden="()" with it, or leave the budget at 0.'
        )
    if model.output == "rbf":
        raise UserError(
            "config.model.output=rbf fixes the width of the last hidden layer, which "
            "config.model.parameter_budget would solve: set the budget to 0."
        )
    return solve_width(inputs, model.parameter_budget, classes)


def _within_budget(network: CNN, image_size: int, channels: int, budget: int) -> CNN:
    """The network with the numbers of feature maps that its budget allows."""
    if any(stage.table for stage in network.stages):
        raise UserError(
            "config.model.parameter_budget sets the numbers of feature maps, which a map_table fixes: set "
            "config.model.map_table=all, or the budget to 0."
        )
    maps = solve_maps(network, image_size, channels, budget)  # ty: ignore[invalid-argument-type] hashable
    stages = zip(network.stages, maps, strict=True)
    return network.clone(stages=tuple(dataclasses.replace(stage, maps=count) for stage, count in stages))


def _read_stages(model: ml_collections.ConfigDict, channels: int) -> tuple[Stage, ...]:
    """The stages that `config.model` describes. Raises UserError, in a sentence that names the field."""
    stages = len(model.maps)

    def values(field: str) -> tuple:
        """One value per stage."""
        value = model[field]
        given = per_stage(value) if isinstance(value, str) else tuple(value)
        if len(given) not in (1, stages):
            raise UserError(
                f"config.model.{field}={','.join(map(str, given))!r} names {len(given)} stages but "
                f"config.model.maps has {stages}: give one value for all stages, or one per stage."
            )
        return given * stages if len(given) == 1 else given

    columns = {
        "maps": model.maps,
        "kernel_size": values("kernel_size"),
        "connectivity": values("connectivity"),
        "sharing": values("sharing"),
        "block": values("block"),
        "rank": values("rank"),
        "stride": values("stride"),
        "padding": zip(values("pad_before"), values("pad_after"), strict=True),
        "table": map(read_table, values("map_table"), (channels, *model.maps[:-1]), model.maps),
        "edges": values("edges"),
        "radius": values("radius"),
        "pooling": values("pooling"),
    }
    read = tuple(
        Stage(
            **dict(zip(columns, row, strict=True)),
            pad_value=model.pad_value,
            unit_bias=model.bias == "unit",
            start=model.start,
            shared_gradient=model.shared_gradient,
            initial_coefficient=model.pooling_coefficient,
        )
        for row in zip(*columns.values(), strict=True)
    )
    for number, stage in enumerate(read, 1):
        _require_radius(number, stage)
        _require_partial_sharing(number, stage)
        is_spatial = wiring.CONNECTIVITY[stage.connectivity].is_spatial
        if not is_spatial and (any(stage.padding) or stage.table):
            spatial = " or ".join(name for name, entry in wiring.CONNECTIVITY.items() if entry.is_spatial)
            raise UserError(
                f"config.model.connectivity={model.connectivity!r}: only {spatial} stages have padding or a "
                "map_table; set config.model.pad_before and pad_after to 0 and config.model.map_table=all."
            )
    return read


def _require_radius(number: int, stage: Stage) -> None:
    """Raises UserError if a stage has a radius that does not fit its other fields."""
    if not stage.radius:
        return
    field = f"config.model.radius={stage.radius}"
    entry = wiring.CONNECTIVITY[stage.connectivity]
    if entry.nearby_reads is None:
        having = " or ".join(name for name, other in wiring.CONNECTIVITY.items() if other.nearby_reads)
        raise UserError(
            f"{field}: convolutional stage {number} is {stage.connectivity}, and only {having} stages have "
            "a radius; set it to 0 in that stage."
        )
    if entry.has_padded_edges(stage.sharing, stage.edges):
        raise UserError(
            f"{field} does not go with config.model.edges=pad: the taps of convolutional stage {number} "
            "wrap round at the edges; use config.model.edges=wrap or a radius of 0 in that stage."
        )
    side = 2 * stage.radius + 1
    if side < stage.kernel_size:
        raise UserError(
            f"{field} is too small: units of convolutional stage {number} read {stage.kernel_size**2} "
            f"positions, and a window of {side}x{side} has {side**2}; use at least {stage.kernel_size // 2}, "
            "or 0 for positions anywhere."
        )


def _require_partial_sharing(number: int, stage: Stage) -> None:
    """Raises UserError if `block`, `rank` or other fields of a stage do not fit its sharing."""
    for field, sharing in (("block", "blocks"), ("rank", "low_rank")):
        value, is_used = getattr(stage, field), stage.sharing == sharing
        if bool(value) != is_used:
            raise UserError(
                f"config.model.{field}={value} does not fit the sharing of convolutional stage {number}, "
                f"{stage.sharing}: it is at least 1 with config.model.sharing={sharing} and 0 with any other."
            )
    if stage.sharing not in PARTIAL_SHARING:
        return
    if wiring.CONNECTIVITY[stage.connectivity].has_padded_edges(stage.sharing, stage.edges):
        raise UserError(
            f"config.model.sharing={stage.sharing} does not go with config.model.edges=pad in convolutional "
            f"stage {number}, which is {stage.connectivity}: use config.model.edges=wrap."
        )
    if stage.shared_gradient == "mean":
        raise UserError(
            f"config.model.shared_gradient=mean is for one kernel per map: convolutional stage {number} has "
            f"config.model.sharing={stage.sharing}; use config.model.shared_gradient=sum."
        )


def _require_start(stages: tuple[Stage, ...]) -> None:
    """Raises UserError if weights of a stage cannot start as `config.model.start` says."""
    for number, stage in enumerate(stages, 1):
        if stage.start == "free":
            continue
        reads_padding = wiring.CONNECTIVITY[stage.connectivity].has_padded_edges("shared", stage.edges)
        obstacles = {
            "shares weights: set config.model.sharing=unshared": stage.sharing != "unshared",
            f"is {stage.connectivity}: set config.model.connectivity to local or full": not is_possible(
                stage.start, stage.connectivity
            ),
            "has a connection table: set config.model.map_table=all": stage.table is not None,
            "would read padding if it were shared: set config.model.edges=wrap": stage.start == "tied"
            and reads_padding,
        }
        for obstacle, is_there in obstacles.items():
            if is_there:
                raise UserError(
                    f"config.model.start={stage.start} is not possible, as convolutional stage {number} "
                    f"{obstacle} there, or config.model.start=free."
                )


def _require_fit(image_size: int, stages: tuple[Stage, ...]) -> None:
    size = image_size
    for number, stage in enumerate(stages, 1):
        size += sum(stage.padding)
        if size > SIDE_LIMIT:
            raise UserError(
                f"config.model.pad_before and pad_after are too large: convolutional stage {number} reads "
                f"{size}x{size} inputs, and at most {SIDE_LIMIT}x{SIDE_LIMIT} are possible."
            )
        out = wiring.output_size(size, stage.kernel_size, stage.stride)
        entry = wiring.CONNECTIVITY[stage.connectivity]
        side = size + wiring.reach(size, stage.kernel_size, stage.stride)
        if entry.has_padded_edges(stage.sharing, stage.edges) and side > SIDE_LIMIT:
            raise UserError(
                f"config.model.edges=pad: convolutional stage {number} would read {side}x{side} inputs, and "
                f"at most {SIDE_LIMIT}x{SIDE_LIMIT} are possible; use config.model.edges=wrap or smaller "
                "images."
            )
        least = 1 if stage.pooling == "none" else 2
        if out < least:
            field = "kernel_size" if wiring.output_size(size, stage.kernel_size) < least else "stride"
            raise UserError(
                f"config.model.{field}={getattr(stage, field)} is too large: convolutional stage {number} "
                f"reads {size}x{size} inputs and must leave at least {least}x{least} units"
                f"{'' if stage.pooling == 'none' else ' for the pooling'}; use a smaller {field}, fewer "
                "stages in config.model.maps, or config.model.pooling=none in that stage."
            )
        if not entry.fits(size, stage.kernel_size):
            raise UserError(
                f"config.model.kernel_size={stage.kernel_size} is too large: units of convolutional stage "
                f"{number}, {stage.connectivity}, would read positions of its {size}x{size} inputs twice; "
                "use a smaller kernel_size."
            )
        if stage.block > out or stage.rank > out**2:
            field, most = ("block", out) if stage.block else ("rank", out**2)
            raise UserError(
                f"config.model.{field}={getattr(stage, field)} is too large: the maps of convolutional stage "
                f"{number} have {out}x{out} units; use at most {most}."
            )
        positions = out**2 * stage.kernel_size**2
        if stage.connectivity == "local" and stage.sharing != "shared" and positions > POSITIONS_LIMIT:
            raise UserError(
                f"config.model.kernel_size={stage.kernel_size} is too large: the {stage.sharing} units of "
                f"convolutional stage {number} read {positions:,} positions, and at most {POSITIONS_LIMIT:,} "
                "are possible; use a smaller kernel_size or smaller images."
            )
        size = out if stage.pooling == "none" else out // 2
