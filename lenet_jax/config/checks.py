"""Constraints between the fields of a config, checked before any data is read."""

import itertools
from collections.abc import Sequence

import ml_collections
from ml_collections.config_dict import RequiredValueError

from lenet_jax.config.allowed import per_stage
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import ALL_FIELDS, FIELDS
from lenet_jax.config.identity import flatten
from lenet_jax.config.value_types import shown, type_fault
from lenet_jax.errors import UserError
from lenet_jax.models.layers import POOLINGS
from lenet_jax.models.partial_sharing import PARTIAL_SHARING
from lenet_jax.training.distortion import DISTORTIONS
from lenet_jax.training.objective import DISTANCES
from lenet_jax.training.optimizer import LEVENBERG_MARQUARDT


def check_types(config: ml_collections.ConfigDict) -> None:
    """Checks that a config has the fields of a run, of their types. Raises UserError, naming the field."""
    if not isinstance(config, ml_collections.ConfigDict):
        raise UserError(f"{shown(config)} is not a ConfigDict: start from lenet_jax.default_config().")
    try:
        fields = flatten(config)
    except (TypeError, ValueError, RequiredValueError) as error:
        raise UserError(
            f"The config cannot be read ({type(error).__name__}: {error}): start from "
            "lenet_jax.default_config()."
        ) from error
    if unknown := [field for field in fields if field not in ALL_FIELDS]:
        raise UserError(f"config.{unknown[0]} is not a field: experiments.train --help lists all fields.")
    if missing := [field for field in FIELDS if field not in fields]:
        raise UserError(f"config.{missing[0]} is missing: start from lenet_jax.default_config().")
    for field, value in fields.items():
        if fault := type_fault(field, value, ALL_FIELDS[field].default):
            raise UserError(fault)


def check_fields(config: ml_collections.ConfigDict) -> None:
    """Checks each field by itself, once `check_types` has. Raises UserError, naming the field."""
    for field, value in flatten(config).items():
        allowed = ALL_FIELDS[field].allowed
        if allowed and (fault := allowed.fault(field, value)):
            raise UserError(fault)


def check_constraints(config: ml_collections.ConfigDict) -> None:
    """Checks fields against each other, once each of them has been checked by itself.

    Constraints on the model's shapes are checked in `lenet_jax.config.build_model`, those on the number of
    images in `lenet_jax.config.build_program`.

    Raises UserError, in a sentence that names the field.
    """
    _check_data(config)
    _check_permutation(config)
    _check_objective(config)
    _check_one_pattern_protocol(config)
    _check_draw(config)
    _check_constraint(config)
    _check_pooling(config)
    train = config.train
    require("train.warmup_epochs", train.warmup_epochs, train.warmup_epochs < train.epochs,
            f"from 0 to less than the {train.epochs} epochs")  # fmt: skip
    require("train.warmup_epochs", train.warmup_epochs, train.schedule != "epochs" or not train.warmup_epochs,
            "0 with config.train.schedule=epochs")  # fmt: skip
    require(
        "train.target_low", train.target_low, train.target_low < train.target_high, "less than target_high"
    )


def require(field: str, value: object, holds: bool, bounds: str) -> None:
    """Raises UserError "config.FIELD=VALUE must be BOUNDS." unless `holds`."""
    if not holds:
        raise UserError(f"config.{field}={value} must be {bounds}.")


def _check_data(config: ml_collections.ConfigDict) -> None:
    size = config.data.image_size
    for name in ("move", "positions"):
        pixels = f"less than the {size} pixels of config.data.image_size"
        require(f"data.{name}", config.data[name], config.data[name] < size, pixels)
    shift = config.distortion.shift
    require(
        "distortion.shift", shift, shift <= size, f"from 0 to the {size} pixels of config.data.image_size"
    )
    distortion = config.distortion
    if not distortion.probability:
        return
    is_whole = shift >= 1 and shift == int(shift)
    require("distortion.shift", shift, is_whole or not distortion.whole_pixels,
            "a whole number, at least 1, with config.distortion.whole_pixels")  # fmt: skip
    require("distortion.probability", distortion.probability, any(distortion[kind] for kind in DISTORTIONS),
            f"0 if config.distortion.{', '.join(DISTORTIONS[:-1])} and {DISTORTIONS[-1]} are 0")  # fmt: skip


def _check_permutation(config: ml_collections.ConfigDict) -> None:
    """Raises UserError if permuted pixels would also be moved."""
    seed, data = config.data.permutation_seed, config.data
    for field, value, off in (
        ("data.move", data.move, 0),
        ("data.positions", data.positions, 1),
        ("distortion.probability", config.distortion.probability, 0),
    ):
        if seed >= 0 and value > off:
            raise UserError(
                f"config.data.permutation_seed={seed} permutes the pixels that config.{field}={value} would "
                f"move: set config.data.permutation_seed=-1 or config.{field}={off}."
            )


def _check_objective(config: ml_collections.ConfigDict) -> None:
    loss, output = config.train.loss, config.model.output
    if (loss in DISTANCES) != (output == "rbf"):
        raise UserError(
            f"config.train.loss={loss} doesn't fit config.model.output={output}: the losses "
            f"{' and '.join(DISTANCES)} are for config.model.output=rbf, the others for other outputs."
        )
    bias = config.model.output_bias
    require("model.output_bias", bias, output != "rbf" or not bias,
            "0 with config.model.output=rbf, whose units have no biases")  # fmt: skip
    if loss == "cross_entropy" and output != "logits":
        raise UserError(f"config.train.loss={loss} is for config.model.output=logits, not {output}.")


def _check_one_pattern_protocol(config: ml_collections.ConfigDict) -> None:
    """Raises UserError if a method that shows one image per step is combined with another batch size."""
    train = config.train
    for field, value in (("optimizer", LEVENBERG_MARQUARDT), ("order", "constant")):
        if train[field] == value and train.batch_size != 1:
            raise UserError(
                f"config.train.{field}={value} shows one pattern at a time: set config.train.batch_size=1, "
                f"not {train.batch_size}."
            )


def _check_constraint(config: ml_collections.ConfigDict) -> None:
    model, train = config.model, config.train
    epochs = train.constrained_epochs
    require("train.constrained_epochs", epochs, epochs <= train.epochs, f"at most the {train.epochs} epochs")
    if model.name != "mlp" and not model.maps:
        require("model.start", model.start, model.start == "free", "free without convolutional stages")
    if epochs and model.start == "free" and model.name != "mlp":
        raise UserError(
            f"config.train.constrained_epochs={epochs} keeps the constraint of config.model.start=tied or "
            "convolution: set one of the two, or config.train.constrained_epochs=0."
        )
    require("train.l1_threshold", train.l1_threshold, train.l1_penalty > 0 or not train.l1_threshold,
            "0 with config.train.l1_penalty=0")  # fmt: skip
    is_partial = model.name != "mlp" and set(per_stage(model.sharing)) & set(PARTIAL_SHARING)
    require("model.sharing", model.sharing, train.optimizer != LEVENBERG_MARQUARDT or not is_partial,
            f"shared or unshared with config.train.optimizer={LEVENBERG_MARQUARDT}")  # fmt: skip
    by_stage = (itertools.cycle(per_stage(model[field])) for field in ("connectivity", "sharing"))
    wirings = list(itertools.islice(zip(*by_stage, strict=False), len(model.maps)))
    if train.average_every and model.name != "mlp" and ("local", "unshared") not in wirings:
        raise UserError(
            f"config.train.average_every={train.average_every} is for stages with "
            "config.model.connectivity=local and config.model.sharing=unshared, and the network has none: "
            "set it to 0."
        )
    sharings = {sharing for _, sharing in wirings}
    if model.shared_gradient == "mean" and model.name != "mlp" and "shared" not in sharings:
        raise UserError(
            "config.model.shared_gradient=mean is for stages with config.model.sharing=shared, and the "
            "network has none: set it to sum."
        )
    kept = train.optimizer == LEVENBERG_MARQUARDT and train.curvature_estimate != "each_epoch"
    require("train.constrained_epochs", epochs, not kept or epochs in (0, train.epochs),
            f"0 or {train.epochs} with config.train.curvature_estimate={train.curvature_estimate}, which "
            "keeps curvatures of tied weights")  # fmt: skip
    fits = train.optimizer != LEVENBERG_MARQUARDT or model.name == "mlp" or model.shared_gradient == "sum"
    require("model.shared_gradient", model.shared_gradient, fits,
            f"sum with config.train.optimizer={LEVENBERG_MARQUARDT}")  # fmt: skip


def _check_pooling(config: ml_collections.ConfigDict) -> None:
    """Raises UserError for an initial value of coefficients that no stage has."""
    model, start = config.model, config.model.pooling_coefficient
    poolings = itertools.islice(itertools.cycle(per_stage(model.pooling)), len(model.maps))
    is_trained = any(pooling and pooling.is_trainable for pooling in map(POOLINGS.get, poolings))
    require("model.pooling_coefficient", start, model.name == "mlp" or is_trained or not start,
            "0 without trainable_sum or trainable_average in config.model.pooling")  # fmt: skip


def _check_draw(config: ml_collections.ConfigDict) -> None:
    draw, positions = config.data.draw, config.data.positions
    if draw and not (len(draw) == 3 and all(type(count) is int and count >= 1 for count in draw)):
        raise UserError(
            f"config.data.draw={tuple(draw)} must be three numbers of images, each at least 1, for training, "
            "validation and test, or ()."
        )
    if draw and config.data.validation_fraction:
        raise UserError(
            "config.data.draw draws its own validation images: set config.data.validation_fraction=0."
        )
    if draw and config.data.train_images:
        raise UserError("config.data.draw draws its own training images: set config.data.train_images=0.")
    if positions > 1 and (not draw or sum(draw) % positions):
        raise UserError(
            f"config.data.positions={positions} is for images that config.data.draw draws, "
            f"{positions} per digit: set config.data.draw to numbers whose sum is a multiple of {positions}."
        )
    if config.train.select_epoch == "best_validation" and not has_validation(config):
        raise UserError(
            "config.train.select_epoch=best_validation needs a validation split: set "
            "config.data.validation_fraction, or select the last epoch."
        )
    if config.keep == "best" and not has_validation(config):
        raise UserError(
            "config.keep=best needs a validation split: set config.data.validation_fraction, or use "
            "config.keep=last."
        )


def has_validation(config: ml_collections.ConfigDict) -> bool:
    """Whether runs hold out images for validation."""
    return bool(config.data.draw or config.data.validation_fraction)


def require_effect(
    changed: Sequence[str], selected: Sequence[Arm], config: ml_collections.ConfigDict
) -> None:
    """Raises UserError if a field that a command line changes reaches none of the selected arms.

    An arm's own value takes precedence, and an MLP has no convolutional stages.
    """

    def is_mlp(arm: Arm) -> bool:
        return arm.overrides.get("model.name", config.model.name) == "mlp"

    for field in changed:
        of_stages = field in ALL_FIELDS and ALL_FIELDS[field].of_stages
        if all(field in arm.overrides or (of_stages and is_mlp(arm)) for arm in selected):
            mlps = " or is an MLP, which ignores it" if of_stages and any(map(is_mlp, selected)) else ""
            raise UserError(
                f"--config.{field} has no effect: each of the arms sets {field} itself{mlps}. Change it in "
                "the config file's arms."
            )
