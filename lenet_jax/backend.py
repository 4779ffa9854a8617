"""For which kind of device programs are traced; no other module asks.

Code distinguishes a CPU, whose compiler needs other forms and which trains one run after the other, from
everything else.
"""

import contextlib
import contextvars
from collections.abc import Generator

import jax

_compiled_for: contextvars.ContextVar[str | None] = contextvars.ContextVar("compiled_for", default=None)


def is_cpu() -> bool:
    """Whether programs are traced for CPUs: for this process's devices, unless `compiling_for` says else."""
    return (_compiled_for.get() or jax.default_backend()) == "cpu"


@contextlib.contextmanager
def compiling_for(platform: str) -> Generator[None, None, None]:
    """Within it, programs are traced for `platform` ("cpu", "cuda", "rocm" or "tpu"), present or not.

    A function that has been compiled before is not traced again: make an engine inside.
    """
    token = _compiled_for.set(platform)
    try:
        yield
    finally:
        _compiled_for.reset(token)
