"""Hyperparameters of runs that tests train."""

import jax

from lenet_jax.training.hyperparameters import Hyperparameters, stack_hyperparameters

DEFAULTS = {
    "seed": 0,
    "wiring_seed": -1,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "l1_penalty": 0.0,
    "l1_threshold": 0.0,
    "damping": 0.05,
    "rbf_j": 1.0,
    "target_low": -1.0,
    "target_high": 1.0,
    "dropout": 0.5,
    "distortion_probability": 1.0,
    "distortion_shift": 2.0,
    "distortion_scale": 0.2,
    "distortion_squeeze": 0.2,
    "distortion_shear": 0.3,
}


def population(*runs: dict[str, float]) -> Hyperparameters:
    """Arrays (R,): for each run, DEFAULTS with the given numbers replaced."""
    return stack_hyperparameters([DEFAULTS | run for run in runs])


def one_run(**numbers: float) -> Hyperparameters:
    """Scalars: DEFAULTS with the given numbers replaced."""
    return jax.tree.map(lambda array: array[0], population(numbers))
