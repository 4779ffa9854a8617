"""Recorded runs as pandas data frames, for notebooks."""

import os
import pathlib
from typing import TYPE_CHECKING

from lenet_jax.runs.store import read_epochs, read_sweep

if TYPE_CHECKING:
    import pandas


def sweep_dataframe(directory: str | os.PathLike[str]) -> "pandas.DataFrame":
    """One row per recorded run, by arm (as in config.json) and seed.

    Columns: those of results.csv; every other field of the run's config by its dotted name, such as
    `train.learning_rate`, with lists as tuples; `revision` and `code`, which computed the run.

    Raises UserError as `read_sweep` does.
    """
    import pandas  # imported late: commands do not need it

    _, runs = read_sweep(pathlib.Path(directory))
    return pandas.DataFrame([
        {
            **run["result"],
            **{
                field: tuple(value) if isinstance(value, list) else value
                for field, value in run["config"].items()
                if field not in run["result"]
            },
            "revision": run["provenance"]["revision"],
            "code": run["code"],
        }
        for run in runs
    ])  # fmt: skip


def epochs_dataframe(directory: pathlib.Path) -> "pandas.DataFrame":
    """One row per recorded run and epoch: `arm`, `seed`, `epoch` and metrics. Raises as `sweep_dataframe`."""
    import pandas

    return pandas.DataFrame(read_epochs(directory))
