"""Random keys that are quick to compile."""

import jax


def key(seed: int) -> jax.Array:
    """A key for tests that do not depend on the numbers drawn.

    XLA's CPU backend takes about two seconds to compile Threefry, JAX's default generator, for each new
    shape, and milliseconds to compile this one.
    """
    return jax.random.key(seed, impl="unsafe_rbg")
