"""The type of each field's value, which is that of its default."""

import reprlib
from collections.abc import Mapping
from typing import Any

WHOLE_LIMIT = 2**63  # whole numbers are recorded and counted as int64
WORDS: Mapping[type, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "a list of numbers, such as (5,)",
}


def type_fault(field: str, value: Any, default: Any) -> str:
    """A sentence that says what is wrong with the type of `config.{field}`; "" if it is that of `default`.

    A whole number may stand for a number, and a list for a tuple. The bounds of numbers are left to
    `lenet_jax.config.allowed`.
    """
    kind = type(default)
    if not _fits(value, kind):
        return f"config.{field}={shown(value)} must be {WORDS[kind]}."
    numbers = value if kind is tuple else (value,)
    if too_large := [number for number in numbers if isinstance(number, int) and abs(number) >= WHOLE_LIMIT]:
        return f"config.{field}={shown(too_large[0])} is too large: whole numbers must fit into 64 bits."
    return ""


def _fits(value: Any, kind: type) -> bool:
    if kind is tuple:
        return isinstance(value, (tuple, list)) and all(isinstance(item, (int, float, str)) for item in value)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def shown(value: Any) -> str:
    """A value of any type on one line, shortened, for a message."""
    try:
        text = " ".join(reprlib.repr(value).split())
    except Exception:  # whatever its own code raises; also for whole numbers of thousands of digits
        return f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:77]}..."
