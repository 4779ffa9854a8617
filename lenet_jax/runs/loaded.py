"""Recorded sweeps, opened from their folders."""

import functools
import os
import pathlib
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from lenet_jax.config.fields import FIELDS, default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.data import DatasetInfo, dataset_info
from lenet_jax.errors import UserError
from lenet_jax.runs import kept, network_files
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.mistakes import Mistakes, read_mistakes
from lenet_jax.runs.provenance import recorded_form
from lenet_jax.runs.store import read_epochs, read_sweep
from lenet_jax.runs.trained import TrainedRun

if TYPE_CHECKING:
    import pandas


def load_run(folder: str | os.PathLike[str], arm: str, seed: int) -> TrainedRun:
    """One recorded run. Needs the folder alone; its files are read when they are first needed.

    Raises UserError if nothing is recorded there, or not this run.
    """
    of_arm = load_sweep(folder).select(arm=[arm])
    found = list(of_arm.select(seed=[seed]))
    if not found:
        raise UserError(
            f"{folder} has no run of arm {arm} with seed {seed}: its seeds are "
            f"{', '.join(map(str, of_arm.seeds))}."
        )
    return found[0]


def load_sweep(folder: str | os.PathLike[str]) -> "Sweep":
    """All recorded runs of a folder, also of a single run or of a sweep that is still running.

    Raises UserError if nothing is recorded there, or a record is damaged.
    """
    directory = pathlib.Path(folder)
    header, records = read_sweep(directory)
    return Sweep(directory, header, records)


def dataset_of(header: Header, run: Record) -> tuple[DatasetInfo, str]:
    """What the images of a recorded run are, and the name or path of its dataset.

    Raises UserError for a dataset that is not known.
    """
    name = run["config"]["dataset"]
    own = header.get("datasets", {}).get(name)
    if own is None:
        return dataset_info(name), name
    info = DatasetInfo(**{field: own[field] for field in DatasetInfo._fields})
    return info._replace(name=run["result"]["dataset"], classes=tuple(info.classes)), own["path"]


class Sweep:
    """Recorded runs, by arm (as in config.json) and seed; iterating gives a `TrainedRun` for each.

    Attributes:
      directory: the folder.
      header: the content of its config.json.
      records: of the runs, as `lenet_jax.runs.store.read_sweep` returns them.
    """

    def __init__(self, directory: pathlib.Path, header: Header, records: list[Record]):
        self.directory, self.header, self.records = directory, header, records

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[TrainedRun]:
        return map(self._open, self.records)

    def __repr__(self) -> str:
        return f"<Sweep {self.directory}: {len(self)} runs of {', '.join(self.arms)}>"

    @property
    def arms(self) -> list[str]:
        """The names of the arms that have runs."""
        return list(dict.fromkeys(run["arm"] for run in self.records))

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs, ascending."""
        return sorted({run["seed"] for run in self.records})

    def select(
        self,
        arm: str | Collection[str] | None = None,
        seed: int | Collection[int] | None = None,
        where: Callable[[TrainedRun], bool] | None = None,
    ) -> "Sweep":
        """The runs of these arms and seeds for which `where` is true; each argument is optional.

        Raises UserError for an arm that has no runs.
        """
        arms = self.arms if arm is None else [arm] if isinstance(arm, str) else list(arm)
        self.require_arms(arms)
        seeds = self.seeds if seed is None else list(seed) if isinstance(seed, Collection) else [seed]
        chosen = [
            run
            for run in self.records
            if run["arm"] in arms and run["seed"] in seeds and (where is None or where(self._open(run)))
        ]
        return Sweep(self.directory, self.header, chosen)

    def require_arms(self, names: Collection[str]) -> None:
        """Raises UserError if a name is not that of an arm with runs."""
        if unknown := [name for name in names if name not in self.arms]:
            raise UserError(
                f"{self.directory} has no runs of arm {unknown[0]!r}: choose from {', '.join(self.arms)}."
            )

    def to_pandas(self, per: str = "run") -> "pandas.DataFrame":
        """One row per run, or with per="epoch" one per run and epoch.

        Per run: the columns of results.csv; every other field of the config by its dotted name, such as
        `train.learning_rate`, with lists as tuples; `revision` and `code`, which computed the run. Per epoch:
        `arm`, `seed`, `epoch` and its metrics.

        Raises UserError if a recorded epoch is damaged.
        """
        import pandas  # imported late: commands do not need it

        if per == "epoch":
            return pandas.DataFrame(self.epochs)
        if per != "run":
            raise UserError(f'per={per!r} is unknown: choose "run" or "epoch".')
        return pandas.DataFrame([
            {
                **run["result"],
                **{
                    field: _as_field(value)
                    for field, value in run["config"].items()
                    if field not in run["result"]
                },
                "revision": run["provenance"]["revision"],
                "code": run["code"],
            }
            for run in self.records
        ])  # fmt: skip

    def describe_networks(self) -> str:
        """One line: how many of the runs' networks the folder holds, and their size."""
        return kept.describe(self.directory, self.records)

    def mistakes(self) -> dict[tuple[str, int], Mistakes]:
        """The test images that each run answers wrongly, by arm and seed; validation images after tuning.

        They are there even where the predictions are not, as in a fresh clone. Runs of which nothing is known
        are left out. Raises UserError if the file is damaged.
        """
        runs = [(run["arm"], run["seed"]) for run in self.records]
        found = read_mistakes(self.directory)
        return {run: found[run] for run in runs if run in found}

    @functools.cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """One row per run and epoch: `arm`, `seed`, `epoch`, metrics. Raises UserError if one is damaged."""
        runs = {(run["arm"], run["seed"]) for run in self.records}
        return [row for row in read_epochs(self.directory) if (row["arm"], row["seed"]) in runs]

    def _open(self, run: Record) -> TrainedRun:
        fields: dict[str, Any] = {
            field: _as_field(value) for field, value in run["config"].items() if field in FIELDS
        }
        info, fields["dataset"] = dataset_of(self.header, run)
        return TrainedRun(
            run["arm"],
            resolve(override(default_config(), fields), info),
            run["result"],
            functools.partial(network_files.read_network, self.directory, run),
            functools.partial(network_files.read_answers, self.directory, run),
            lambda: [
                {name: value for name, value in row.items() if name not in ("arm", "seed")}
                for row in self.epochs
                if (row["arm"], row["seed"]) == (run["arm"], run["seed"])
            ],
            recorded_form(run["provenance"]),
        )


def _as_field(recorded: Any) -> Any:
    """A recorded value as a config has it, with tuples for lists."""
    return tuple(recorded) if isinstance(recorded, list) else recorded
