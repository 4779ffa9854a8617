"""Config files: executed once, and refused in one sentence if they cannot be used."""

import contextlib
import copy
import difflib
import functools
import importlib.util
import os
import sys
import types
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

import ml_collections

from lenet_jax.config import default
from lenet_jax.config.fields import ALL_FIELDS, FIELDS
from lenet_jax.config.identity import flatten
from lenet_jax.config.value_types import type_fault
from lenet_jax.errors import UserError


class ConfigFile(NamedTuple):
    """What --config=FILE:ARG names.

    Attributes:
      named: FILE:ARG, or "" for the default config.
      module: the file as a module.
      arguments: (ARG,), or () without one.
    """

    named: str
    module: types.ModuleType
    arguments: tuple[str, ...]

    def get_config(self) -> ml_collections.ConfigDict:
        """The file's own config, before any field is changed. Raises UserError if it cannot be used."""
        with user_code(f"--config={self.named} cannot be loaded:"):
            config = self.module.get_config(*self.arguments)
            frozen = isinstance(config, ml_collections.FrozenConfigDict)
            if frozen or not isinstance(config, ml_collections.ConfigDict):
                raise UserError(f"--config={self.named} must define get_config() that returns a ConfigDict.")
            fields = flatten(config)
        if unknown := [field for field in fields if field not in ALL_FIELDS]:
            raise UserError(f"--config={self.named}: {not_a_field(unknown[0], 'this project')}")
        if missing := [field for field in FIELDS if field not in fields]:
            raise UserError(
                f"--config={self.named} lacks {', '.join(missing)}: start from lenet_jax.default_config()."
            )
        config = copy.deepcopy(config)  # the file may return the same one again
        _cast(config, fields)
        return config


@functools.cache
def load(named: str) -> ConfigFile:
    """FILE or FILE:ARG; "" is the default config. Raises UserError if it cannot be loaded."""
    if not named:
        return ConfigFile("", default, ())
    path, *arguments = named.split(":", 1)
    if not path.endswith(".py") or not os.path.isfile(path):
        fault = "is not a Python file" if os.path.exists(path) else "does not exist"
        raise UserError(f"--config={named} {fault}: name a config file, such as configs/lenet5.py.")
    # Among the modules, as dataclasses look theirs up, by a name that no other module has.
    name = f"config file {os.path.abspath(path)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader  # it ends in .py
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    if (folder := os.path.dirname(os.path.abspath(path))) not in sys.path:
        sys.path.append(folder)  # last, so that its neighbours hide no other module
    with user_code(f"--config={named} cannot be loaded:"):
        spec.loader.exec_module(module)
    file = ConfigFile(named, module, tuple(arguments))
    file.get_config()
    return file


@contextlib.contextmanager
def user_code(what: str) -> Generator[None, None, None]:
    """Raises UserError, with `what` first, for whatever a user's file raises, except Ctrl-C."""
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise UserError(f"{what} {one_line(error)}.") from error


def one_line(error: BaseException) -> str:
    """An exception on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".:")


def _cast(config: ml_collections.ConfigDict, fields: Mapping[str, Any]) -> None:
    """Gives values the types of their defaults, which flags need to replace them."""
    for field, value in fields.items():
        kind = type(ALL_FIELDS[field].default)
        group, _, key = field.rpartition(".")
        if (config[group] if group else config).get_type(key) is kind:
            continue
        if fault := type_fault(field, value, ALL_FIELDS[field].default):
            raise UserError(fault)
        with config.unlocked(), config.ignore_type():
            config.update_from_flattened_dict({field: kind(value)})


def not_a_field(field: str, named: str, fields: Mapping[str, Any] = ALL_FIELDS) -> str:
    """A sentence that gives the nearest names, the nearest first."""
    near = difflib.get_close_matches(field, fields, n=3, cutoff=0)
    return f"config.{field} is not a field of {named}: perhaps {', '.join(near)}? --help lists all fields."
