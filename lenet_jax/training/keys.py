"""Random keys: each purpose has its own stream, derived from the run's seed."""

import enum
import functools

import jax


class Purpose(enum.IntEnum):
    """What a key is for."""

    INITIALISATION = 0
    WIRING = 1
    DATA_ORDER = 2
    IMAGES = 3
    DISTORTION = 4
    DROPOUT = 5
    CURVATURE = 6


def purpose_key(seed: int | jax.Array, purpose: Purpose, *counters: int | jax.Array) -> jax.Array:
    """The key of a run's seed for one purpose and, within it, for counters such as epoch, step and device."""
    return functools.reduce(jax.random.fold_in, (purpose, *counters), jax.random.key(seed))
