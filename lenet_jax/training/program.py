"""What is compiled for a run: the model, how it is trained, and on how many images."""

import dataclasses

from flax import linen as nn

from lenet_jax.training.distortion import Distortion
from lenet_jax.training.objective import CROSS_ENTROPY, Objective
from lenet_jax.training.optimizer import OptimizerSpec


@dataclasses.dataclass(frozen=True)
class Draw:
    """Images that each run draws by its seed, none twice.

    Attributes:
      train, validation: how many, out of the first `train_pool` images.
      test: how many, out of the `test_pool` images behind those.
      positions: where more than 1, all are drawn from the first pool, in which each digit stands so many
        times in a row: digits with all their positions, which are then shared out among the three.
    """

    train: int
    validation: int
    test: int
    train_pool: int
    test_pool: int
    positions: int = 1


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled: hashable, and equal for runs that may share one compilation.

    Attributes:
      model: the Flax module.
      optimizer: the update rule and the shape of the schedule.
      train_images: number of training images.
      batch_size: images a step, over all devices.
      image_size: side of the square images in pixels.
      objective: the loss, and which output is the answer.
      order: "shuffled", anew in each epoch, or "constant".
      distortion: of training images, if any.
      draw: which of the images a run has; None for all.
    """

    model: nn.Module
    optimizer: OptimizerSpec
    train_images: int
    batch_size: int
    image_size: int
    objective: Objective = CROSS_ENTROPY
    order: str = "shuffled"
    distortion: Distortion | None = None
    draw: Draw | None = None
