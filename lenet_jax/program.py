"""From a resolved config to the program that is compiled for it, refusing what cannot be run."""

import dataclasses
import math

import ml_collections
from flax import linen as nn

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


def make_program(config: ml_collections.ConfigDict, train_images: int, devices: int) -> Program:
    """The program of a run on so many training images, each batch split over `devices`.

    Raises UserError, in a sentence that names the field, for whatever cannot be run.
    """
    train = config.train
    require_one_of("train.optimizer", train.optimizer, OPTIMIZERS)
    require_one_of("train.schedule", train.schedule, SCHEDULES)
    _require("seed", config.seed, 0 <= config.seed < SEED_LIMIT, f"from 0 to {SEED_LIMIT - 1}")
    _require("train.epochs", train.epochs, train.epochs >= 1, "at least 1")
    _require(
        "train.learning_rate",
        train.learning_rate,
        0 < train.learning_rate < math.inf,
        "a number greater than 0",
    )
    _require("train.momentum", train.momentum, 0 <= train.momentum < 1, "in [0, 1)")
    _require(
        "train.weight_decay", train.weight_decay, 0 <= train.weight_decay < math.inf, "a number of at least 0"
    )
    _require(
        "train.warmup_epochs",
        train.warmup_epochs,
        0 <= train.warmup_epochs < train.epochs,
        f"from 0 to less than the {train.epochs} epochs",
    )
    _require(
        "train.batch_size",
        train.batch_size,
        1 <= train.batch_size <= train_images,
        f"from 1 to the {train_images:,} training images of {config.dataset}",
    )
    _require(
        "train.batch_size",
        train.batch_size,
        train.batch_size % devices == 0,
        f"a multiple of the {devices} devices that share a batch under config.parallel=pmap",
    )
    steps_per_epoch = train_images // train.batch_size
    return Program(
        model=build_model(config.model, config.data.image_size),
        optimizer=OptimizerSpec(
            name=train.optimizer,
            schedule=train.schedule,
            total_steps=train.epochs * steps_per_epoch,
            warmup_steps=round(train.warmup_epochs * steps_per_epoch),
        ),
        train_images=train_images,
        batch_size=train.batch_size,
        image_size=config.data.image_size,
    )


def _require(field: str, value, holds: bool, bounds: str) -> None:
    if not holds:
        raise UserError(f"config.{field}={value} must be {bounds}.")
