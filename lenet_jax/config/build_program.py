"""From a resolved config to the program that is compiled for it, refusing what cannot be run."""

import math

import ml_collections

from lenet_jax.config import fields as config_lib
from lenet_jax.config.build_model import build_model
from lenet_jax.data import check_data_fields
from lenet_jax.errors import UserError, require_one_of
from lenet_jax.training.curvature import CURVATURES
from lenet_jax.training.distortion import Distortion
from lenet_jax.training.objective import DISTANCES, LOSSES, Objective
from lenet_jax.training.optimizer import LEVENBERG_MARQUARDT, OPTIMIZERS, SCHEDULES, OptimizerSpec
from lenet_jax.training.program import Draw, Program

SEED_LIMIT = 2**31  # seeds are int32 in compiled programs
ORDERS = ("shuffled", "constant")
SELECT_EPOCH = ("last", "best_validation")


def check_fields(config: ml_collections.ConfigDict) -> None:
    """Refuses, before any data is read, a config that no dataset could make a program of.

    Raises UserError, in a sentence that names the field.
    """
    train = config.train
    check_data_fields(config.dataset, config.data)
    build_model(config.model, config.data.image_size)
    require_one_of("train.optimizer", train.optimizer, OPTIMIZERS)
    require_one_of("train.schedule", train.schedule, SCHEDULES)
    require_one_of("train.loss", train.loss, LOSSES)
    require_one_of("train.order", train.order, ORDERS)
    require_one_of("train.select_epoch", train.select_epoch, SELECT_EPOCH)
    require_one_of("train.curvature", train.curvature, CURVATURES)
    _check_objective(config)
    _check_one_pattern_protocol(config)
    _check_draw(config)
    distortion = config.distortion
    factors = train.epoch_factors
    for field, holds, bounds in (
        ("seed", 0 <= config.seed < SEED_LIMIT, f"from 0 to {SEED_LIMIT - 1}"),
        ("train.epochs", train.epochs >= 1, "at least 1"),
        ("train.batch_size", train.batch_size >= 1, "at least 1"),
        ("train.learning_rate", 0 < train.learning_rate < math.inf, "a number greater than 0"),
        ("train.momentum", 0 <= train.momentum < 1, "in [0, 1)"),
        ("train.weight_decay", 0 <= train.weight_decay < math.inf, "a number of at least 0"),
        (
            "train.warmup_epochs",
            0 <= train.warmup_epochs < train.epochs,
            f"from 0 to less than the {train.epochs} epochs",
        ),
        (
            "train.epoch_factors",
            bool(factors) and all(isinstance(it, int | float) and 0 < it < math.inf for it in factors),
            "numbers greater than 0, at least one",
        ),
        (
            "train.warmup_epochs",
            train.schedule != "epochs" or not train.warmup_epochs,
            "0 with config.train.schedule=epochs",
        ),
        ("model.pad_value", math.isfinite(config.model.pad_value), "a finite number"),
        ("train.curvature_images", train.curvature_images >= 1, "at least 1"),
        ("train.damping", 0 < train.damping < math.inf, "a number greater than 0"),
        ("train.rbf_j", 0 < train.rbf_j < math.inf, "a number greater than 0"),
        ("train.target_low", -math.inf < train.target_low < train.target_high, "less than target_high"),
        ("train.target_high", train.target_high < math.inf, "a finite number"),
        ("distortion.probability", 0 <= distortion.probability <= 1, "in [0, 1]"),
        (
            "distortion.shift",
            0 <= distortion.shift <= config.data.image_size,
            f"from 0 to the {config.data.image_size} pixels of config.data.image_size",
        ),
        *(
            (f"distortion.{kind}", 0 <= distortion[kind] <= 1, "in [0, 1]")
            for kind in ("scale", "squeeze", "shear")
        ),
    ):
        _require(config, field, holds, bounds)


def _check_objective(config: ml_collections.ConfigDict) -> None:
    loss, output = config.train.loss, config.model.output
    if (loss in DISTANCES) != (output == "rbf"):
        raise UserError(
            f"config.train.loss={loss} doesn't fit config.model.output={output}: the losses "
            f"{' and '.join(DISTANCES)} are for config.model.output=rbf, the others for other outputs."
        )
    if loss == "cross_entropy" and output != "logits":
        raise UserError(f"config.train.loss={loss} is for config.model.output=logits: set that.")


def _check_one_pattern_protocol(config: ml_collections.ConfigDict) -> None:
    """Raises UserError where one image a step is meant, as in the papers, and another number is asked for."""
    train = config.train
    for field, value in (("optimizer", LEVENBERG_MARQUARDT), ("order", "constant")):
        if train[field] == value and train.batch_size != 1:
            raise UserError(
                f"config.train.{field}={value} shows one pattern at a time: set config.train.batch_size=1, "
                f"not {train.batch_size}."
            )


def _check_draw(config: ml_collections.ConfigDict) -> None:
    draw = config.data.draw
    if draw and not (len(draw) == 3 and all(type(count) is int and count >= 1 for count in draw)):
        raise UserError(
            f"config.data.draw={tuple(draw)} must be three numbers of images of at least 1, for training, "
            "validation and test, or ()."
        )
    if draw and config.data.validation_fraction:
        raise UserError(
            "config.data.draw draws its own validation images: set config.data.validation_fraction=0."
        )
    positions = config.data.positions
    if positions > 1 and (not draw or sum(draw) % positions):
        raise UserError(
            f"config.data.positions={positions} is for images that config.data.draw draws, "
            f"{positions} of each digit: set their numbers, whose sum is a multiple of {positions}."
        )
    if config.train.select_epoch == "best_validation" and not draw and not config.data.validation_fraction:
        raise UserError(
            "config.train.select_epoch=best_validation needs a validation split: set "
            "config.data.validation_fraction, or take the last epoch."
        )


def make_draw(config: ml_collections.ConfigDict, train_pool: int, test_pool: int) -> Draw | None:
    """The draw that `config.data.draw` asks for. Raises UserError where there are too few images."""
    if not config.data.draw:
        return None
    draw = Draw(*config.data.draw, train_pool, test_pool, config.data.positions)
    from_train = draw.train + draw.validation + (draw.test if draw.positions > 1 else 0)
    if from_train > train_pool or draw.test > test_pool:
        raise UserError(
            f"config.data.draw={tuple(config.data.draw)} is more than the {train_pool:,} training and "
            f"{test_pool:,} test images of {config.dataset}: ask for fewer."
        )
    return draw


def make_program(
    config: ml_collections.ConfigDict, train_images: int, devices: int, draw: Draw | None = None
) -> Program:
    """The program of a config that passes `check_fields`, each batch split over `devices`.

    Raises UserError, in a sentence that names the field, for whatever cannot be run.
    """
    train = config.train
    _require(
        config,
        "train.batch_size",
        train.batch_size <= train_images,
        f"at most the {train_images:,} training images of {config.dataset}",
    )
    _require(
        config,
        "train.batch_size",
        train.batch_size % devices == 0,
        f"a multiple of the {devices} devices that share a batch under config.parallel=pmap",
    )
    steps_per_epoch = train_images // train.batch_size
    total_steps = train.epochs * steps_per_epoch
    warmup_steps = round(train.warmup_epochs * steps_per_epoch)
    _require(
        config,
        "train.warmup_epochs",
        warmup_steps < total_steps,
        f"so short that at least one of the {total_steps} steps is left",
    )
    return Program(
        model=build_model(config.model, config.data.image_size),
        optimizer=OptimizerSpec(
            name=train.optimizer,
            schedule=train.schedule,
            total_steps=total_steps,
            warmup_steps=warmup_steps,
            epoch_factors=tuple(train.epoch_factors),
            steps_per_epoch=steps_per_epoch,
            curvature=train.curvature,
            curvature_images=min(train.curvature_images, train_images),
        ),
        train_images=train_images,
        batch_size=train.batch_size,
        image_size=config.data.image_size,
        objective=Objective(train.loss),
        order=train.order,
        distortion=Distortion(config.data.background) if config.distortion.probability else None,
        draw=draw,
    )


def _require(config: ml_collections.ConfigDict, field: str, holds: bool, bounds: str) -> None:
    if not holds:
        value = config_lib.flatten(config)[field]
        raise UserError(f"config.{field}={value} must be {bounds}.")
