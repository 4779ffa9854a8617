"""What is compiled for a run: the model, how it is trained, and on how many images."""

import dataclasses

from lenet_jax.models.networks import CNN, MLP
from lenet_jax.training.distortion import Distortion
from lenet_jax.training.objective import CROSS_ENTROPY, Objective
from lenet_jax.training.optimizer import OptimizerSpec


@dataclasses.dataclass(frozen=True)
class Draw:
    """How many images each run draws by its seed, without replacement.

    Attributes:
      train: training images, drawn from the first `train_pool` images.
      validation: validation images, drawn from the same.
      test: test images, drawn from the `test_pool` images that follow.
      train_pool: images of the first pool.
      test_pool: images of the second pool.
      positions: copies of each digit, at different positions, that are neighbors in the first pool. With more
        than 1, digits are drawn from the first pool with all their copies, and these images are then split
        at random into training, validation and test images, which therefore share digits.
    """

    train: int
    validation: int
    test: int
    train_pool: int
    test_pool: int
    positions: int = 1


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled: hashable, and equal for runs that share one compilation.

    Numbers are not in here but among the `Hyperparameters`; only whether a term is present is.

    Attributes:
      model: the Flax module; in training it drops units if its field `dropout` is True.
      optimizer: the update rule and the shape of the schedule.
      train_images: number of training images.
      batch_size: images per step, over all devices.
      image_size: side of the square images in pixels.
      objective: the loss, and how outputs predict a class.
      order: of the training images: "shuffled", differently in each epoch, or "constant".
      distortion: how training images are distorted; None if they are not.
      draw: which of the images each run has; None if all.
      channels: of the images.
      constrained_epochs: the number of first epochs that train unshared weights under the constraint with
        which they start; 0 for an MLP.
      average_every: number of steps after which the units of each local, unshared map get the mean of their
        weights; 0 for never.
    """

    model: CNN | MLP
    optimizer: OptimizerSpec
    train_images: int
    batch_size: int
    image_size: int
    objective: Objective = CROSS_ENTROPY
    order: str = "shuffled"
    distortion: Distortion | None = None
    draw: Draw | None = None
    channels: int = 1
    constrained_epochs: int = 0
    average_every: int = 0

    def in_epoch(self, epoch: int) -> "Program":
        """What `lenet_jax.training.epoch.train_epoch` takes for this epoch, counted from 1."""
        is_constrained = epoch <= self.constrained_epochs
        model = self.model.clone(constrained=True) if is_constrained else self.model
        return dataclasses.replace(self, model=model, constrained_epochs=0)
