"""From a resolved config to the program that is compiled for it, refusing what cannot be run."""

import dataclasses
import math

import ml_collections
from flax import linen as nn

from lenet_jax import config as config_lib
from lenet_jax.data import check_data_fields
from lenet_jax.errors import UserError, require_one_of
from lenet_jax.models import build_model
from lenet_jax.optimizer import OPTIMIZERS, SCHEDULES, OptimizerSpec

SEED_LIMIT = 2**31  # seeds are int32 in compiled programs


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled: hashable, and equal for runs that may share one compilation.

    Attributes:
      model: the Flax module.
      optimizer: the update rule and the shape of the schedule.
      train_images: number of training images.
      batch_size: images a step, over all devices.
      image_size: side of the square images in pixels.
    """

    model: nn.Module
    optimizer: OptimizerSpec
    train_images: int
    batch_size: int
    image_size: int


def check_fields(config: ml_collections.ConfigDict) -> None:
    """Refuses, before any data is read, a config that no dataset could make a program of.

    Raises UserError, in a sentence that names the field.
    """
    train = config.train
    check_data_fields(config.dataset, config.data)
    build_model(config.model, config.data.image_size)
    require_one_of("train.optimizer", train.optimizer, OPTIMIZERS)
    require_one_of("train.schedule", train.schedule, SCHEDULES)
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
    ):
        _require(config, field, holds, bounds)


def make_program(config: ml_collections.ConfigDict, train_images: int, devices: int) -> Program:
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
        ),
        train_images=train_images,
        batch_size=train.batch_size,
        image_size=config.data.image_size,
    )


def _require(config: ml_collections.ConfigDict, field: str, holds: bool, bounds: str) -> None:
    if not holds:
        value = config_lib.flatten(config)[field]
        raise UserError(f"config.{field}={value} must be {bounds}.")
