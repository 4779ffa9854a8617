"""What the entry points share: flags, and bad input that ends in one sentence."""

import argparse
import difflib
import functools
import importlib.util
import logging
import pathlib
import re
import shlex
import sys
import types
from collections.abc import Callable

import ml_collections
from absl import app, flags
from absl import logging as absl_logging
from ml_collections import config_flags

from lenet_jax.config import fields as config_lib
from lenet_jax.errors import UserError
from lenet_jax.training.jax_settings import fix_numerics, keep_compilations


def define_config() -> None:
    """Defines --config=FILE and --config.FIELD=VALUE."""
    config_flags.DEFINE_config_file(
        "config", None, "File that defines get_config(), such as configs/lenet5.py."
    )


def define_workdir() -> None:
    """Defines --workdir=DIR."""
    flags.DEFINE_string("workdir", None, "Folder for the records and what is made from them.")


def run(main: Callable[[], None]) -> None:
    """Parses the flags and calls `main`; exits with status 1 and one sentence on bad input."""

    def call(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise UserError(f"{arguments[1]!r} is no flag: fields are set as --config.FIELD=VALUE.")
        absl_logging.set_verbosity(absl_logging.INFO)
        absl_logging.get_absl_handler().setFormatter(None)  # the message alone
        logging.getLogger("jax").setLevel(logging.WARNING)  # not which backends it did without
        main()

    fix_numerics()
    keep_compilations()
    try:
        app.run(call, flags_parser=_parse_flags)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Finished runs are recorded: the same command does the others, then the tables.",
            file=sys.stderr,
        )
        sys.exit(130)


def config() -> ml_collections.ConfigDict:
    """The resolved config. Raises UserError where none was named."""
    if flags.FLAGS.config is None:
        raise UserError("--config=FILE is missing: name a config file, such as configs/lenet5.py.")
    return flags.FLAGS.config


def workdir() -> pathlib.Path:
    """The folder. Raises UserError where none was named."""
    if not flags.FLAGS.workdir:
        raise UserError("--workdir=DIR is missing: name a folder for the results, such as runs/lenet5.")
    return pathlib.Path(flags.FLAGS.workdir)


def config_module() -> types.ModuleType:
    """The config file as a module, for what it defines beside get_config()."""
    return _load_module(_config_file())


def changed_fields() -> dict:
    """The fields that identify results and aren't the config file's own, with their values."""
    default = config_lib.flatten(config_module().get_config())
    return {
        field: value
        for field, value in config_lib.flatten(config()).items()
        if value != default[field] and field not in config_lib.NOT_IDENTITY
    }


def command_line(module: str) -> str:
    """The command that gives results of the current config again, with DIR for the folder."""
    changed = [
        shlex.quote(f"--config.{field}={_as_argument(value)}") for field, value in changed_fields().items()
    ]
    return " ".join(["python -m", module, f"--config={_config_file()}", *changed, "--workdir=DIR"])


def _as_argument(value) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "()"
    return str(value)


def _config_file() -> str:
    return config_flags.get_config_filename(flags.FLAGS["config"])


def one_line(error: BaseException) -> str:
    """An exception of a user's file, for a sentence."""
    return " ".join(f"{type(error).__name__}: {error}".split())


@functools.cache
def _load_module(path: str) -> types.ModuleType:
    """Raises UserError where `path` is no config file."""
    if not path.endswith(".py") or not pathlib.Path(path).is_file():
        raise UserError(f"--config={path} is no Python file: name a config file, such as configs/lenet5.py.")
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config()
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        raise UserError(f"--config={path} cannot be loaded: {one_line(error)}.") from error
    if not isinstance(config, ml_collections.ConfigDict):
        raise UserError(f"--config={path} must define get_config() that returns a ConfigDict.")
    return module


def _parse_flags(arguments: list[str]) -> list[str]:
    """Parses the flags; checks fields first, as config_flags answers unknown ones with a traceback."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", "-config")
    known, others = parser.parse_known_args(arguments[1:])
    fields = {}
    if known.config is not None:
        fields = config_lib.flatten(_load_module(known.config).get_config())
        _check_fields(known.config, fields, others)
    try:
        return flags.FLAGS(arguments)
    except (flags.Error, OSError, TypeError, ValueError) as error:
        message = " ".join(f"{error}".split()).rstrip(".")
        flag = re.match(r"flag --config\.([\w.]+)=(.*?): ", message)
        if flag and flag[1] in fields:
            message = (
                f"config.{flag[1]} cannot be {flag[2]!r}: give a value like the config's own, "
                f"--config.{flag[1]}={_as_argument(fields[flag[1]])}"
            )
        raise UserError(f"{message}.") from error


def _check_fields(path: str, fields: dict, arguments: list[str]) -> None:
    """Raises UserError where an argument sets a field that isn't among the config file's."""
    for argument in arguments:
        flag = argument.lstrip("-").partition("=")[0]
        field = flag.removeprefix("config.")
        if argument.startswith("-") and field != flag and field not in fields:
            near = difflib.get_close_matches(field, fields, n=3, cutoff=0.8)
            near = near or [name for name in fields if name.split(".")[0] == field.split(".")[0]] or fields
            raise UserError(f"config.{field} is no field of {path}: perhaps {', '.join(near)}?")
