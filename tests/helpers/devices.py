"""The simulated devices that tests/conftest.py asks for."""

import jax


def simulated(number: int) -> tuple[jax.Device, ...]:
    """The first `number` of them."""
    return tuple(jax.devices()[:number])
