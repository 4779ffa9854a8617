"""From a command line to absl's flags, with every mistake reported in one sentence."""

import argparse
import os
import pathlib
import re
import sys
import textwrap
from collections.abc import Collection, Mapping
from typing import Any

import ml_collections
from absl import flags

from experiments.config_files import load, not_a_field
from lenet_jax.config import default
from lenet_jax.config.fields import ALL_FIELDS
from lenet_jax.config.identity import flatten
from lenet_jax.config.listing import as_argument, list_fields
from lenet_jax.errors import UserError

WORDS: list[str] = []  # of the command line, with those of flag files; ml_collections reads them
NO_CONFIG = (
    "--config=FILE is missing: name a config file, such as configs/lenet5.py or, for a sweep, "
    "configs/ablation.py."
)
_HELP = re.compile(r"--?(help|helpshort|helpfull|helpxml|h|\?)(=.*)?")
_FIELD = re.compile(r"--?(?:no)?config\.([^=]*)")
_FLAG_FILE = re.compile(r"--?flagfile(=.*)?")
_OFF = ("=false", "=f", "=0")  # for absl's flags that are on or off


class ConfigParser(flags.ArgumentParser):
    """Gives ml_collections the config of a file that is executed once."""

    def parse(self, argument: str) -> ml_collections.ConfigDict:
        return load("" if argument == default.__file__ else argument).get_config().lock()


def parse_flags(arguments: list[str], has_default: bool) -> list[str]:
    """Parses the flags; prints the help and exits with status 0 if they ask for it.

    Fields are checked first, as ml_collections raises exceptions of its own for unknown ones.

    Args:
      arguments: the name of the command and the words after it.
      has_default: whether --config may be omitted.

    Returns the words that are not flags. Raises UserError for flags and config files that cannot be used.
    """
    arguments = _read_flag_files(arguments)
    fields: Mapping[str, Any] = {}
    named = ""
    if "config" in flags.FLAGS:
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        parser.add_argument("--config", "-config")
        try:
            known, others = parser.parse_known_args(arguments[1:])
        except argparse.ArgumentError:
            raise UserError("--config names no file: pass --config=configs/lenet5.py, for example.") from None
        if known.config == "":
            raise UserError("--config= names no file: name a config file, such as configs/lenet5.py.")
        named = os.path.expanduser(known.config or "")
        if named or has_default:
            fields = flatten(load(named).get_config())
            # First, as it defines the flags of its fields.
            arguments = [arguments[0], f"--config={named or default.__file__}", *_last_ones(others)]
    WORDS[:] = arguments
    if any(match and match[2] not in _OFF for match in map(_HELP.fullmatch, arguments[1:])):
        print(_help(fields))
        sys.exit(0)
    if fields:
        _check_fields(named or "the default config", fields, arguments[1:])
    try:
        return flags.FLAGS(arguments)
    except flags.UnrecognizedFlagError as error:
        raise UserError(_unknown_flag(error, fields or ALL_FIELDS)) from error
    except (flags.Error, OSError, TypeError, ValueError) as error:
        message = " ".join(f"{error}".split()).rstrip(".")
        flag = re.match(r"flag --config\.([\w.]+)=(.*?): ", message)
        if flag and flag[1] in fields:
            message = (
                f"config.{flag[1]} cannot be {flag[2]!r}: give a value like the config's own, "
                f"--config.{flag[1]}={as_argument(fields[flag[1]])}"
            )
        raise UserError(f"{message}.") from error


def _read_flag_files(arguments: list[str], within: tuple[str, ...] = ()) -> list[str]:
    """The arguments with --flagfile=FILE replaced by the lines of FILE. Raises UserError if that fails."""
    read: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*read, word, *words]
        if not (match := _FLAG_FILE.fullmatch(word)):
            read.append(word)
            continue
        path = os.path.expanduser(match[1][1:] if match[1] else next(words, ""))
        if not path:
            raise UserError("--flagfile names no file: name a file with one flag per line.")
        if (place := os.path.realpath(path)) in within:
            raise UserError(f"--flagfile={path} includes itself: remove that line.")
        try:
            lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise UserError(
                f"--flagfile={path} cannot be read ({reason}): name a file with one flag per line."
            ) from error
        written = [line for line in map(str.strip, lines) if line and not line.startswith(("#", "//"))]
        read += _read_flag_files(written, (*within, place))
    return read


def _last_ones(words: list[str]) -> list[str]:
    """The words without --config.FIELD=VALUE where a later one sets the same field."""
    last = {match[0]: number for number, word in enumerate(words) if (match := _FIELD.match(word))}
    return [
        word
        for number, word in enumerate(words)
        if not (match := _FIELD.match(word)) or "=" not in word or last[match[0]] == number
    ]


def _unknown_flag(error: flags.UnrecognizedFlagError, known: Collection[str]) -> str:
    """A sentence that names the fields, among those known, that may have been meant."""
    name = error.flagname
    if name.startswith("config."):
        return (
            NO_CONFIG if "config" in flags.FLAGS else f"--{name} is not a flag: this command has no config."
        )
    fields = [name] if name in known else [field for field in known if field.endswith(f".{name}")]
    if fields and "config" in flags.FLAGS:
        value = error.flagvalue.partition("=")[2] or "VALUE"
        flag = " or ".join(f"--config.{field}={value}" for field in fields)
        return f"--{name} is not a flag: fields of the config are set as {flag}."
    return " ".join(f"{error}".split()).replace(" ?", "?").rstrip(".") + "."


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
        if (match := _FIELD.match(argument)) and match[1] not in fields:
            raise UserError(not_a_field(match[1], named, fields))
