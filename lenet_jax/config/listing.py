"""All fields of a config as text for a terminal."""

import textwrap
from collections.abc import Mapping
from typing import Any

from lenet_jax.config.fields import ALL_FIELDS

WIDTH = 80


def list_fields(values: Mapping[str, Any]) -> str:
    """One entry for each field in `values` (flattened): its value, its meaning and the allowed values."""
    return "\n".join(_entry(name, values[name]) for name in ALL_FIELDS if name in values)


def _entry(name: str, value: Any) -> str:
    field = ALL_FIELDS[name]
    text = field.meaning + (f" [{field.allowed.words()}]" if field.allowed else "")
    wrapped = textwrap.fill(text, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return f"  config.{name}={as_argument(value)}\n{wrapped}"


def as_arguments(fields: Mapping[str, Any]) -> list[str]:
    """Fields with their values as words of a command line."""
    return [f"--config.{field}={as_argument(value)}" for field, value in fields.items()]


def as_argument(value: Any) -> str:
    """A field's value as written on the command line."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "()"
    return str(value)
