"""Random keys: each purpose has its own stream, derived from the run's seed or, for wirings, their own."""

import enum
import functools

import jax
import jax.numpy as jnp


class Purpose(enum.IntEnum):
    """What a key is for."""

    INITIALISATION = 0
    WIRING = 1
    DATA_ORDER = 2
    IMAGES = 3
    DISTORTION = 4
    DROPOUT = 5
    CURVATURE = 6
    CURVATURE_DISTORTION = 7


def purpose_key(seed: int | jax.Array, purpose: Purpose, *counters: int | jax.Array) -> jax.Array:
    """The key of a seed for one purpose and, within it, for counters such as epoch, step and device."""
    return functools.reduce(jax.random.fold_in, (purpose, *counters), _seed_key(seed))


def _seed_key(seed: int | jax.Array) -> jax.Array:
    """`jax.random.key(seed)` for a seed from 0 to 2**31 - 1, whatever offset JAX is told to add to seeds."""
    low_bits = jnp.asarray(seed, jnp.uint32)
    return jax.random.wrap_key_data(jnp.stack([jnp.zeros_like(low_bits), low_bits]), impl="threefry2x32")
