"""A folder of results: whose config it has, and which runs are recorded in it."""

import pathlib

from absl import logging

from lenet_jax import records
from lenet_jax.config import differences
from lenet_jax.errors import UserError

CONFIG = "config.json"
RUNS = "runs"


def check_config(directory: pathlib.Path, config: dict) -> None:
    """Raises UserError where `directory` was made with another config (flattened), naming the fields.

    A damaged config.json is set aside; the records of runs still hold their own configs.
    """
    if recorded := read_or_set_aside(directory / CONFIG):
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


def read_runs(directory: pathlib.Path) -> dict[str, dict]:
    """All records of runs in `directory`, by the name of their folder; damaged ones are set aside."""
    paths = sorted(directory.glob(f"{RUNS}/*/{records.RECORD}"))
    found = {path.parent.name: read_or_set_aside(path) for path in paths}
    return {folder: record for folder, record in found.items() if record}
