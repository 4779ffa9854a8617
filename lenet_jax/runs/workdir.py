"""A folder of results: whose config it has, and which runs are recorded in it."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

from absl import logging

from lenet_jax.config.fields import differences
from lenet_jax.errors import UserError
from lenet_jax.runs import records

CONFIG = "config.json"
RUNS = "runs"


@contextlib.contextmanager
def claim_directory(directory: pathlib.Path) -> Iterator[None]:
    """Makes `directory` and holds it for this process alone; a killed process holds nothing.

    Raises UserError where it cannot be written or another process holds it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = open(directory / ".lock", "a+", encoding="utf-8")  # noqa: SIM115, closed below
    except OSError as error:
        raise UserError(
            f"--workdir={directory} cannot be written ({error.strerror}): choose a folder you may write to."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"--workdir={directory} is in use by process {lock.read().strip() or 'unknown'}: wait "
                "until it ends, or choose another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_config(directory: pathlib.Path, config: dict, sweep: bool) -> None:
    """Raises UserError where `directory` was made with another config (flattened), naming the fields.

    So it does where it holds one run and a sweep is asked for, or the other way round. A damaged
    config.json is set aside; the records of runs still hold their own configs.
    """
    if recorded := read_or_set_aside(directory / CONFIG):
        if ("arms" in recorded) != sweep:
            holds = "a single run" if sweep else "a sweep"
            raise UserError(f"{directory} holds {holds}: choose another --workdir.")
        refuse_differences(directory, recorded["config"], config)


def refuse_differences(directory: pathlib.Path, recorded: dict, wanted: dict) -> None:
    """Raises UserError where two flattened configs differ in an identifying field."""
    if lines := differences(recorded, wanted):
        raise UserError(
            f"{directory} holds results of another config: choose another --workdir, or ask for the "
            f"recorded values. Differing fields: {'; '.join(lines)}."
        )


def read_or_set_aside(path: pathlib.Path) -> dict | None:
    """The record at `path`; None where there is none, or a damaged one, which is renamed."""
    try:
        return records.read_record(path)
    except records.DamagedRecord as damage:
        aside = records.set_aside(path)
        logging.warning("%s is damaged: %s. It was set aside as %s.", path, damage, aside.name)
        return None


def record_paths(directory: pathlib.Path) -> list[pathlib.Path]:
    """Where the records of a sweep's runs lie, ordered by name."""
    return sorted(directory.glob(f"{RUNS}/*/{records.RECORD}"))


def read_runs(directory: pathlib.Path) -> dict[str, dict]:
    """All records of runs in `directory`, by the name of their folder; damaged ones are set aside."""
    found = {path.parent.name: read_or_set_aside(path) for path in record_paths(directory)}
    return {folder: record for folder, record in found.items() if record}
