"""Which fields identify a run, and how resolved configs are recorded and compared."""

import functools
from collections.abc import Mapping
from typing import Any

import ml_collections
from flax import traverse_util

from lenet_jax.config.fields import ALL_FIELDS, SWEEP_FIELDS, default_config


def flatten(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """{"train.epochs": 10, ...} ordered by name, with tuples as lists, as JSON returns them."""
    return to_json(traverse_util.flatten_dict(config.to_dict(), sep="."))


def to_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted fields with tuples as lists, as JSON returns them."""
    return {field: list(value) if isinstance(value, tuple) else value for field, value in fields.items()}


def to_record(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """`flatten`, without the fields of a sweep and those that name folders on this machine."""
    return {
        field: value
        for field, value in flatten(config).items()
        if field not in SWEEP_FIELDS and not (field in ALL_FIELDS and ALL_FIELDS[field].is_place)
    }


@functools.cache
def _defaults() -> dict[str, Any]:
    return to_record(default_config())


def complete(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded config with defaults for fields added later; a default keeps the earlier behaviour."""
    return _defaults() | dict(recorded)


def differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """One line for each identifying field in which two flattened configs differ."""
    fields = [field for field in {**recorded, **wanted} if identifies(field)]
    recorded, absent = complete(recorded), object()
    return [
        f"{field}: recorded {recorded.get(field, 'nothing')!r}, asked for {wanted.get(field, 'nothing')!r}"
        for field in fields
        if recorded.get(field, absent) != wanted.get(field, absent)
    ]


def identifying(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a flattened config's fields that identify its run."""
    return {field: value for field, value in fields.items() if identifies(field)}


def identifies(field: str) -> bool:
    """Whether runs that differ in `field` are different runs."""
    return field not in ALL_FIELDS or ALL_FIELDS[field].identifies
