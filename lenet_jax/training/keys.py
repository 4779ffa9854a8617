"""Random keys: each purpose within a run has a stream of its own, derived from the run's seed."""

import enum
import functools

import jax


class Purpose(enum.IntEnum):
    """What a key derived from a run's seed is for; each purpose has its own stream."""

    INITIALISATION = 0
    WIRING = 1
    DATA_ORDER = 2
    IMAGES = 3
    DISTORTION = 4
    DROPOUT = 5
    CURVATURE = 6


def purpose_key(seed: int, purpose: Purpose, *numbers: int) -> jax.Array:
    """The key that a run's seed gives for one purpose, and there for an epoch, a step and so on."""
    return functools.reduce(jax.random.fold_in, (purpose, *numbers), jax.random.key(seed))
