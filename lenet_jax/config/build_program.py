"""From a checked config to the program that is compiled for it, refusing what needs more images."""

from collections.abc import Mapping

import ml_collections

from lenet_jax.config.checks import require
from lenet_jax.errors import UserError
from lenet_jax.models.networks import CNN, MLP
from lenet_jax.training.distortion import Distortion
from lenet_jax.training.objective import Objective
from lenet_jax.training.optimizer import OptimizerSpec
from lenet_jax.training.program import Draw, Program

STEPS_LIMIT = 2**31  # optimizers count steps as int32


def make_program(
    config: ml_collections.ConfigDict,
    model: CNN | MLP,
    images: Mapping[str, int],
    batch_devices: int,
    channels: int,
    native: bool,
) -> Program:
    """The program of a config that has passed `check_constraints`.

    Args:
      model: the module that `config.model` describes.
      images: number of images that the dataset has in `train`, `validation` and `test`.
      batch_devices: devices that share a batch.
      channels: of the images.
      native: whether the native kernel takes the optimizer's steps, if it can.

    Raises UserError, in a sentence that names the field, for what cannot be run on these numbers of images.
    """
    train = config.train
    draw = _make_draw(config, images)
    train_images = draw.train if draw else images["train"]
    size = train.batch_size
    require(
        "train.batch_size",
        size,
        size <= train_images,
        f"at most the {train_images:,} training images of {config.dataset}",
    )
    require(
        "train.batch_size",
        size,
        size % batch_devices == 0,
        f"a multiple of the {batch_devices} devices that share a batch under config.parallel=pmap",
    )
    steps_per_epoch = train_images // size
    total_steps = train.epochs * steps_per_epoch
    require(
        "train.epochs",
        train.epochs,
        total_steps < STEPS_LIMIT,
        f"at most {(STEPS_LIMIT - 1) // steps_per_epoch:,}, as steps are counted up to {STEPS_LIMIT:,}",
    )
    warmup_steps = round(train.warmup_epochs * steps_per_epoch)
    require(
        "train.warmup_epochs",
        train.warmup_epochs,
        warmup_steps < total_steps,
        f"short enough to leave at least one of the {total_steps} steps",
    )
    return Program(
        model=model,
        optimizer=OptimizerSpec(
            name=train.optimizer,
            schedule=train.schedule,
            total_steps=total_steps,
            warmup_steps=warmup_steps,
            epoch_factors=tuple(train.epoch_factors),
            steps_per_epoch=steps_per_epoch,
            curvature=train.curvature,
            curvature_images=min(train.curvature_images, train_images),
            curvature_estimate=train.curvature_estimate,
            curvature_distorted=train.curvature_distorted,
            native=native,
            penalises_l1=train.l1_penalty > 0,
        ),
        train_images=train_images,
        batch_size=size,
        image_size=config.data.image_size,
        objective=Objective(train.loss),
        order=train.order,
        distortion=_distortion(config),
        draw=draw,
        channels=channels,
        constrained_epochs=train.constrained_epochs if isinstance(model, CNN) else 0,
        average_every=train.average_every if isinstance(model, CNN) else 0,
    )


def _distortion(config: ml_collections.ConfigDict) -> Distortion | None:
    """How `config.distortion` distorts training images; None if none are."""
    if not config.distortion.probability:
        return None
    return Distortion(config.data.background, config.distortion.whole_pixels)


def _make_draw(config: ml_collections.ConfigDict, images: Mapping[str, int]) -> Draw | None:
    """The draw that `config.data.draw` asks for. Raises UserError if there are too few images."""
    if not config.data.draw:
        return None
    draw = Draw(*config.data.draw, images["train"], images["test"], config.data.positions)
    from_train = draw.train + draw.validation + (draw.test if draw.positions > 1 else 0)
    if from_train > draw.train_pool or (draw.positions == 1 and draw.test > draw.test_pool):
        raise UserError(
            f"config.data.draw={tuple(config.data.draw)} is more than the {draw.train_pool:,} training and "
            f"{draw.test_pool:,} test images of {config.dataset}: draw fewer."
        )
    return draw
