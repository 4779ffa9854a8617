"""What the entry points share: flags, and bad input that ends in one sentence."""

import difflib
import importlib.util
import logging
import pathlib
import sys
import types
from collections.abc import Callable

import ml_collections
from absl import app, flags
from absl import logging as absl_logging
from ml_collections import config_flags

from lenet_jax import config as config_lib
from lenet_jax.errors import UserError


def define_config() -> None:
    """Defines --config=FILE and --config.FIELD=VALUE."""
    config_flags.DEFINE_config_file(
        "config", None, "File that defines get_config(), such as configs/lenet5.py."
    )
    flags.mark_flag_as_required("config")


def define_workdir() -> None:
    """Defines --workdir=DIR."""
    flags.DEFINE_string("workdir", None, "Folder for the records and what is made from them.")
    flags.mark_flag_as_required("workdir")


def run(main: Callable[[], None]) -> None:
    """Parses the flags and calls `main`; exits with status 1 and one sentence on bad input."""

    def call(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise UserError(f"{arguments[1]!r} is no flag: fields are set as --config.FIELD=VALUE.")
        absl_logging.set_verbosity(absl_logging.INFO)
        absl_logging.get_absl_handler().setFormatter(None)  # the message alone
        logging.getLogger("jax").setLevel(logging.WARNING)  # not which backends it did without
        main()

    try:
        app.run(call, flags_parser=_parse_flags)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print(
            "\nInterrupted. What was recorded is kept: the same command goes on from there.", file=sys.stderr
        )
        sys.exit(130)


def config() -> ml_collections.ConfigDict:
    """The resolved config."""
    return flags.FLAGS.config


def workdir() -> pathlib.Path:
    return pathlib.Path(flags.FLAGS.workdir)


def config_module() -> types.ModuleType:
    """The config file as a module, for what it defines beside get_config()."""
    return _load_module(_config_file())


def command_line(module: str) -> str:
    """The command that gives the current config again, with DIR for the folder.

    Fields that say where data lies are left out: they differ from one machine to the next.
    """
    default = config_lib.flatten(config_module().get_config())
    resolved = config_lib.flatten(config())
    changed = [
        f"--config.{field}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for field, value in resolved.items()
        if value != default[field] and field not in config_lib.PLACES
    ]
    return " ".join(["python -m", module, f"--config={_config_file()}", *changed, "--workdir=DIR"])


def _config_file() -> str:
    return config_flags.get_config_filename(flags.FLAGS["config"])


def _load_module(path: str) -> types.ModuleType:
    """Raises UserError where `path` is no config file."""
    if not pathlib.Path(path).is_file():
        raise UserError(f"--config={path} does not exist: name a config file, such as configs/lenet5.py.")
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec) if spec else None
    try:
        spec.loader.exec_module(module)
        fields = module.get_config()
    except Exception as error:  # whatever a user's file raises
        raise UserError(f"--config={path} cannot be loaded: {type(error).__name__}: {error}.") from error
    if not isinstance(fields, ml_collections.ConfigDict):
        raise UserError(f"--config={path} must define get_config() that returns a ConfigDict.")
    return module


def _parse_flags(arguments: list[str]) -> list[str]:
    """Parses the flags; checks fields first, as config_flags answers unknown ones with a traceback."""
    names = [argument.lstrip("-").partition("=") for argument in arguments[1:] if argument.startswith("-")]
    for path in [value for name, _, value in names if name == "config" and value]:
        known = config_lib.flatten(_load_module(path).get_config())
        for field in [name.removeprefix("config.") for name, _, _ in names if name.startswith("config.")]:
            if field not in known:
                near = difflib.get_close_matches(field, known, n=3) or known
                raise UserError(f"config.{field} is no field of {path}: perhaps {', '.join(near)}?")
    try:
        return flags.FLAGS(arguments)
    except (flags.Error, OSError, TypeError, ValueError) as error:
        raise UserError(" ".join(f"{error}".split())) from error
