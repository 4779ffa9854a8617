"""Which of two forms computes networks: the native kernel, where it is faster, or matrix products alone.

The last digits of results depend on it, so all runs of a folder are computed by one. Commands take the native
kernel where there is one, and for a folder that was begun with products, products.
"""

import contextlib
import contextvars
from collections.abc import Generator

from lenet_jax.native import library
from lenet_jax.native.library import SWITCH as SWITCH

NATIVE, PRODUCTS = "native", "products"
_chosen: contextvars.ContextVar[str | None] = contextvars.ContextVar("form", default=None)


def current() -> str:
    """The form in use: what `using` says, else the native kernel if there is one."""
    return _chosen.get() or available()


def available() -> str:
    """The native kernel if there is one, built now if necessary; otherwise products."""
    return NATIVE if isinstance(library.load(), library.Library) else PRODUCTS


def why_products() -> str:
    """Why products are in use, as a clause; "" if the native kernel is."""
    found = library.load()
    if isinstance(found, library.Unavailable):
        return found.reason
    return "the folder was begun with them" if current() == PRODUCTS else ""


def describe(form: str) -> str:
    """A form in words."""
    return "the native kernel" if form == NATIVE else "matrix products"


def expected() -> str:
    """What will compute the runs of a new folder, in words; nothing is built."""
    why_not = library.outlook()
    return describe(NATIVE) if why_not is None else f"{describe(PRODUCTS)} ({why_not.reason})"


@contextlib.contextmanager
def using(form: str) -> Generator[None, None, None]:
    """Within it, `form` is in use, as far as it is available."""
    token = _chosen.set(form if form == PRODUCTS else available())
    try:
        yield
    finally:
        _chosen.reset(token)
