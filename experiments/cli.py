"""What the commands share: flags, and bad input that is reported in one sentence."""

import argparse
import difflib
import functools
import importlib.util
import logging
import pathlib
import re
import sys
import textwrap
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ml_collections
from absl import app, flags
from absl import logging as absl_logging
from ml_collections import config_flags

from lenet_jax.config import default
from lenet_jax.config.arms import Arm, check_arms
from lenet_jax.config.fields import ALL_FIELDS, FIELDS, SWEEP_FIELDS
from lenet_jax.config.identity import flatten, identifies
from lenet_jax.config.listing import as_argument, as_arguments, list_fields
from lenet_jax.errors import UserError
from lenet_jax.training.jax_settings import keep_compilations, make_gpus_deterministic

_HELP = ("--help", "-help", "-h", "--helpshort", "--helpfull")


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
        """The file's own config, before any field is changed."""
        return self.module.get_config(*self.arguments)


_config_has_default = False  # of the command that is running


def define_config(has_default: bool = False) -> None:
    """Defines --config=FILE:ARG and --config.FIELD=VALUE; with a default, --config may be omitted."""
    global _config_has_default
    _config_has_default = has_default
    config_flags.DEFINE_config_file(
        "config",
        None,
        "File that defines get_config(), such as configs/lenet5.py; FILE:ARG calls get_config(ARG)."
        + (" Without it, LeNet-5 with the fields below." if has_default else ""),
    )


def define_workdir() -> None:
    """Defines --workdir=DIR."""
    flags.DEFINE_string("workdir", None, "Folder for the records, tables and figures.")


def define_rerun() -> None:
    """Defines --rerun."""
    flags.DEFINE_bool(
        "rerun",
        False,
        "Compute again the recorded runs that other or unknown code computed, or whose files are lost.",
    )


def run(main: Callable[[], None]) -> None:
    """Parses the flags and calls `main`; exits with status 1 and one sentence on bad input."""

    def call(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise UserError(f"{arguments[1]!r} is not a flag: fields are set as --config.FIELD=VALUE.")
        absl_logging.set_verbosity(absl_logging.INFO)
        absl_logging.get_absl_handler().setFormatter(None)  # only the message
        logging.getLogger("jax").setLevel(logging.WARNING)  # hides which backends are missing
        main()

    make_gpus_deterministic()
    keep_compilations()
    try:
        app.run(call, flags_parser=_parse_flags)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Finished runs are recorded: the same command runs the others, then the tables.",
            file=sys.stderr,
        )
        sys.exit(130)


def config() -> ml_collections.ConfigDict:
    """The config that the flags specify. Raises UserError if there is none."""
    if flags.FLAGS.config is None:
        raise UserError(
            "--config=FILE is missing: name a config file, such as configs/lenet5.py or, for a sweep, "
            "configs/ablation.py."
        )
    return flags.FLAGS.config


def workdir() -> pathlib.Path:
    """The folder that --workdir names. Raises UserError if there is none."""
    if not flags.FLAGS.workdir:
        raise UserError("--workdir=DIR is missing: name the folder of the results, such as runs/lenet5.")
    return pathlib.Path(flags.FLAGS.workdir)


def config_file() -> ConfigFile:
    """The config file, for what it defines besides get_config()."""
    named = config_flags.get_config_filename(flags.FLAGS["config"])
    return _load("" if named == default.__file__ else named)


def arms() -> list[Arm]:
    """The arms that the config file lists. Raises UserError if it is not a sweep's."""
    file, sweep = config_file(), config()
    if not hasattr(file.module, "get_arms") or not set(SWEEP_FIELDS) <= set(sweep):
        raise UserError(
            "This --config is not a sweep: it needs get_arms(config) and the fields seeds and arms, as "
            "configs/ablation.py has them."
        )
    try:
        listed = file.module.get_arms(sweep, *file.arguments)
    except UserError:
        raise
    except Exception as error:  # whatever a user's file raises
        raise UserError(f"get_arms(config) of this --config raised {_one_line(error)}.") from error
    return check_arms(listed)


def changed_fields() -> dict[str, Any]:
    """The fields that identify results and differ from the config file's own, with their values."""
    own = flatten(config_file().get_config())
    return {
        field: value
        for field, value in flatten(config()).items()
        if value != own[field] and identifies(field)
    }


def command(module: str) -> list[str]:
    """The words of the command that reproduces results of the current config, without --workdir."""
    named = config_file().named
    return [
        "python",
        "-m",
        module,
        *([f"--config={named}"] if named else []),
        *as_arguments(changed_fields()),
    ]


def _one_line(error: BaseException) -> str:
    """An exception that a user's file raised, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


@functools.cache
def _load(named: str) -> ConfigFile:
    """FILE or FILE:ARG; "" is the default config. Raises UserError if it cannot be loaded."""
    if not named:
        return ConfigFile("", default, ())
    path, *arguments = named.split(":", 1)
    if not path.endswith(".py") or not pathlib.Path(path).is_file():
        raise UserError(
            f"--config={named} is not a Python file: name a config file, such as configs/lenet5.py."
        )
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, path)
    assert spec and spec.loader  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config(*arguments)
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        raise UserError(f"--config={named} cannot be loaded: {_one_line(error)}.") from error
    if not isinstance(config, ml_collections.ConfigDict):
        raise UserError(f"--config={named} must define get_config() that returns a ConfigDict.")
    if unknown := [field for field in flatten(config) if field not in ALL_FIELDS]:
        raise UserError(f"--config={named}: {_not_a_field(unknown[0], 'this project')}")
    if missing := [field for field in FIELDS if field not in flatten(config)]:
        raise UserError(
            f"--config={named} lacks {', '.join(missing)}: start from lenet_jax.default_config()."
        )
    return ConfigFile(named, module, tuple(arguments))


def _parse_flags(arguments: list[str]) -> list[str]:
    """Parses the flags; checks fields first, as config_flags raises a traceback for unknown ones."""
    fields: Mapping[str, Any] = {}
    named = ""
    if "config" in flags.FLAGS:
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        parser.add_argument("--config", "-config")
        try:
            known, others = parser.parse_known_args(arguments[1:])
        except argparse.ArgumentError:
            raise UserError("--config names no file: pass --config=configs/lenet5.py, for example.") from None
        named = known.config or ""
        if known.config == "":
            raise UserError("--config= names no file: name a config file, such as configs/lenet5.py.")
        if named or _config_has_default:
            fields = flatten(_load(named).get_config())
            # First, as it defines the flags of its fields.
            arguments = [arguments[0], f"--config={named or default.__file__}", *others]
    if set(_HELP) & set(arguments):
        print(_help(fields))
        sys.exit(0)
    if fields:
        _check_fields(named or "the default config", fields, others)
    try:
        return flags.FLAGS(arguments)
    except (flags.Error, OSError, TypeError, ValueError) as error:
        message = " ".join(f"{error}".split()).rstrip(".")
        flag = re.match(r"flag --config\.([\w.]+)=(.*?): ", message)
        if flag and flag[1] in fields:
            message = (
                f"config.{flag[1]} cannot be {flag[2]!r}: give a value like the config's own, "
                f"--config.{flag[1]}={as_argument(fields[flag[1]])}"
            )
        raise UserError(f"{message}.") from error


def _help(fields: Mapping[str, Any]) -> str:
    """What the command does, its flags, and the fields of its config."""
    lines = [(sys.modules["__main__"].__doc__ or "").strip(), "", "Flags:", ""]
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        for flag in defined if not module.startswith("absl.") else ():
            help_text = textwrap.fill(flag.help, 74)
            lines += [f"  --{flag.name}", textwrap.indent(help_text, " " * 6)]
    if "config" in flags.FLAGS:
        values = fields or {name: field.default for name, field in ALL_FIELDS.items()}
        lines += ["", "Fields of the config, with their values:", "", list_fields(values)]
    return "\n".join(lines)


def _check_fields(named: str, fields: Mapping[str, Any], arguments: list[str]) -> None:
    """Raises UserError if an argument sets a field that the config file does not have."""
    for argument in arguments:
        flag = argument.lstrip("-").partition("=")[0]
        field = flag.removeprefix("config.")
        if argument.startswith("-") and field != flag and field not in fields:
            raise UserError(_not_a_field(field, named, fields))


def _not_a_field(field: str, named: str, fields: Mapping[str, Any] = ALL_FIELDS) -> str:
    """A sentence that gives the nearest names, the nearest first."""
    near = difflib.get_close_matches(field, fields, n=3, cutoff=0)
    return f"config.{field} is not a field of {named}: perhaps {', '.join(near)}? --help lists all fields."
