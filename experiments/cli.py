"""What the commands share: flags, and bad input that is reported in one sentence."""

import copy
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import ml_collections
from absl import app, flags
from ml_collections import config_flags

from experiments import parsing
from experiments.config_files import ConfigFile, load, one_line, user_code
from experiments.streams import checked_output
from lenet_jax.config import default
from lenet_jax.config.arms import Arm, PlannedContrast, check_arms, check_planned
from lenet_jax.config.checks import check_types
from lenet_jax.config.fields import SWEEP_FIELDS
from lenet_jax.config.identity import flatten, identifies
from lenet_jax.config.listing import as_arguments
from lenet_jax.errors import UserError
from lenet_jax.runs.interruption import Interrupted, say
from lenet_jax.runs.progress import show_plain_messages
from lenet_jax.training.compilation_cache import keep_compilations
from lenet_jax.training.jax_settings import make_gpus_deterministic, use_threads


class _PathParser(flags.ArgumentParser):
    """A path, in which ~ stands for the home folder as in a shell."""

    def parse(self, argument: str) -> str:
        return os.path.expanduser(argument)


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
        sys_argv=parsing.WORDS,
    )
    flags.FLAGS["config"].parser = parsing.ConfigParser()


def define_path(name: str, meaning: str, default: str | None = None) -> None:
    """Defines a flag that takes the path of a file or folder, in which ~ is the home folder."""
    flags.DEFINE(_PathParser(), name, default, meaning)


def define_workdir() -> None:
    """Defines --workdir=DIR."""
    define_path("workdir", "Folder for the records, tables and figures.")


def define_rerun() -> None:
    """Defines --rerun."""
    flags.DEFINE_bool(
        "rerun",
        False,
        "Recompute recorded runs of other or unknown code, or whose files are missing or damaged.",
    )


def define_threads(default: int) -> None:
    """Defines --threads=N."""
    flags.DEFINE_integer(
        "threads",
        default,
        "Threads per matrix product on a CPU; 0: one per core. Last digits depend on it, so all runs in a "
        "folder must use the same number.",
        lower_bound=0,
        upper_bound=1024,
    )


def run(main: Callable[[], None], prepare: Callable[[], None] | None = None) -> None:
    """Parses the flags and calls `main`; exits with status 1 and one sentence on bad input.

    Args:
      prepare: called before, as long as JAX has not started; by default, checks the platform.
    """

    def call(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise UserError(f"{arguments[1]!r} is not a flag: fields are set as --config.FIELD=VALUE.")
        show_plain_messages()
        if "threads" in flags.FLAGS:
            use_threads(flags.FLAGS.threads)
        (prepare or check_platform)()
        main()

    make_gpus_deterministic()
    keep_compilations()
    with checked_output():
        try:
            app.run(call, flags_parser=_parse_flags)
        except UserError as error:
            sys.exit(f"error: {error}")
        except KeyboardInterrupt as interrupt:
            say("\nInterrupted: what is finished is saved; run the same command to continue.")
            sys.exit(interrupt.status if isinstance(interrupt, Interrupted) else 130)


def config() -> ml_collections.ConfigDict:
    """The config that the flags specify. Raises UserError if there is none, or if its fields lack values."""
    config = flags.FLAGS.config
    if config is None:
        raise UserError(parsing.NO_CONFIG)
    check_types(config)
    for field in ("data_dir", "manual_dir"):
        config.data[field] = os.path.expanduser(config.data[field])
    return config


def workdir() -> pathlib.Path:
    """The folder that --workdir names. Raises UserError if there is none."""
    if not flags.FLAGS.workdir:
        raise UserError("--workdir=DIR is missing: name the folder of the results, such as runs/lenet5.")
    return pathlib.Path(flags.FLAGS.workdir)


def config_file() -> ConfigFile:
    """The config file, for what it defines besides get_config()."""
    named = config_flags.get_config_filename(flags.FLAGS["config"])
    return load("" if named == default.__file__ else named)


def arms() -> list[Arm]:
    """The arms that the config file lists. Raises UserError if it is not a sweep's."""
    file, sweep = config_file(), config()
    if not hasattr(file.module, "get_arms") or not set(SWEEP_FIELDS) <= set(flatten(sweep)):
        raise UserError(
            "This --config is not a sweep: it needs get_arms(config) and the fields of "
            "lenet_jax.default_sweep(), such as seeds and arms, as configs/ablation.py has them."
        )
    with user_code("get_arms(config) of this --config raised"):
        listed = file.module.get_arms(copy.deepcopy(sweep), *file.arguments)
    return check_arms(listed)


def planned_contrasts(arms: Sequence[Arm]) -> list[PlannedContrast]:
    """The contrasts that the config file plans for these arms; [] if it plans none."""
    file = config_file()
    if not hasattr(file.module, "get_planned_contrasts"):
        return []
    with user_code("get_planned_contrasts(config) of this --config raised"):
        planned = file.module.get_planned_contrasts(copy.deepcopy(config()), *file.arguments)
    return check_planned(planned, arms)


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


def check_platform() -> None:
    """Starts the devices that the environment variable JAX_PLATFORMS names, if it is set.

    Raises UserError if there are none.
    """
    if not (named := os.environ.get("JAX_PLATFORMS")):
        return
    try:
        jax.devices()
    except (AssertionError, RuntimeError) as error:  # AssertionError without a message: it has no such plugin
        reason = f" ({one_line(error)})" if str(error) else ""
        raise UserError(
            f"JAX_PLATFORMS={named} names devices that JAX cannot use here{reason}: unset this environment "
            "variable, or set it to cpu."
        ) from error


def _parse_flags(arguments: list[str]) -> list[str]:
    return parsing.parse_flags(arguments, _config_has_default)
