"""Hyperparameters that are numbers: arguments of compiled functions, so that tuning them compiles once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

SEEDS = ("seed", "wiring_seed")  # whole numbers, the others are float32


class Hyperparameters(NamedTuple):
    """Numbers in which runs of one program may differ: a scalar each for one run, (R,) for a population.

    A program ignores numbers that none of its terms reads. Whether a term such as dropout is present is
    static: see `lenet_jax.training.program.Program`.

    Attributes:
      seed: int32, from which all random keys of the run derive, but for the keys that draw wirings.
      wiring_seed: int32, from which the keys that draw wirings derive; -1 for `seed`.
      learning_rate: at its peak; schedules multiply it.
      momentum: SGD's momentum, Adam's beta1.
      weight_decay: of kernels, not of biases.
      l1_penalty: coefficient of the L1 norm of kernels.
      l1_threshold: weights of kernels below this times `l1_penalty` are set to 0 after each step.
      damping: Levenberg-Marquardt's mu, added to the curvature (LeCun et al. 1998, eq. 21).
      rbf_j: j of LeCun et al. 1998, eq. 9: the larger, the further wrong classes are pushed away.
      target_low: target of the squared error for the wrong classes.
      target_high: target of the squared error for the right class.
      dropout: probability in [0, 1) that an input or a unit of a hidden layer is dropped in training.
      distortion_probability: probability that a training image is distorted when it is presented.
      distortion_shift: largest shift in pixels, vertically and horizontally.
      distortion_scale: largest logarithm of the factor by which a digit grows.
      distortion_squeeze: largest logarithm of the factor by which it grows in width and shrinks in height.
      distortion_shear: largest shift to the side in pixels per pixel up.
    """

    seed: jax.Array
    wiring_seed: jax.Array
    learning_rate: jax.Array
    momentum: jax.Array
    weight_decay: jax.Array
    l1_penalty: jax.Array
    l1_threshold: jax.Array
    damping: jax.Array
    rbf_j: jax.Array
    target_low: jax.Array
    target_high: jax.Array
    dropout: jax.Array
    distortion_probability: jax.Array
    distortion_shift: jax.Array
    distortion_scale: jax.Array
    distortion_squeeze: jax.Array
    distortion_shear: jax.Array


def hyperparameter_shapes(runs: int) -> Hyperparameters:
    """Shape (R,) and dtype of each hyperparameter of `runs` runs, to compile for."""
    return Hyperparameters._make(
        jax.ShapeDtypeStruct((runs,), np.int32 if name in SEEDS else np.float32)
        for name in Hyperparameters._fields
    )


def stack_hyperparameters(runs: Sequence[Mapping[str, float]]) -> Hyperparameters:
    """The hyperparameters of several runs, each {name: number} with all names, as numpy arrays (R,)."""
    shapes = hyperparameter_shapes(len(runs))._asdict()
    return Hyperparameters._make(
        np.array([run[name] for run in runs], shape.dtype) for name, shape in shapes.items()
    )
