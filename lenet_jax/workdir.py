"""A folder of results: whose config it has, and which runs are recorded in it."""

import logging
import pathlib

from lenet_jax import records
from lenet_jax.config import differences
from lenet_jax.errors import UserError

CONFIG = "config.json"
RUNS = "runs"


def check_config(directory: pathlib.Path, config: dict) -> dict:
    """The content of `directory`'s config.json, {} where there is none yet.

    Raises UserError where it was made with another config (flattened), naming the fields. A damaged
    file is set aside; the records of runs still hold their own configs.
    """
    recorded = read_or_set_aside(directory / CONFIG) or {}
    if recorded:
        refuse_differences(directory, recorded["config"], config)
    return recorded


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


def recorded_run(directory: pathlib.Path, config: dict) -> dict | None:
    """The record of the run in `directory`, None where it is still to be run.

    Raises UserError where it was run with another config (flattened).
    """
    record = read_or_set_aside(directory / records.RECORD)
    if record:
        refuse_differences(directory, record["config"], config)
    return record
