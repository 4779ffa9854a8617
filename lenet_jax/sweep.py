"""A sweep: every arm with every seed, in one folder that can be stopped and continued."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import ml_collections

from lenet_jax import config as config_lib
from lenet_jax import records, workdir
from lenet_jax.errors import UserError
from lenet_jax.progress import Progress
from lenet_jax.run import prepare, train_and_record

Arms = dict[str, dict]  # name -> {"dotted.field": value}
Contrasts = dict[str, tuple[str, str]]  # what it is worth -> (arm, baseline)


class Run(NamedTuple):
    """One repetition of one arm, with its resolved config."""

    arm: str
    config: ml_collections.ConfigDict

    @property
    def folder(self) -> str:
        return f"{self.arm}-seed{self.config.seed}"


def list_runs(config: ml_collections.ConfigDict, arms: Arms) -> list[Run]:
    """Every selected arm with every seed; all arms of a seed before the next seed.

    `config.arms` selects arms by name, comma-separated, all by default; `config.seeds` says how many
    seeds, from `config.seed` on. Raises UserError for unknown arms and for overrides that don't fit.
    """
    selected = [name.strip() for name in config.arms.split(",") if name.strip()] or list(arms)
    if unknown := [name for name in selected if name not in arms]:
        raise UserError(f"config.arms names {', '.join(unknown)}: choose from {', '.join(arms)}.")
    if config.seeds < 1:
        raise UserError(f"config.seeds={config.seeds} must be at least 1.")
    base = ml_collections.ConfigDict(config)
    with base.unlocked():
        del base.seeds, base.arms
    base.lock()
    runs = []
    for seed in range(config.seed, config.seed + config.seeds):
        for name in [name for name in arms if name in selected]:
            try:
                runs.append(Run(name, config_lib.override(base, {**arms[name], "seed": seed})))
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"Arm {name} overrides a field that doesn't fit: {error}.") from error
    return runs


def run_sweep(
    config: ml_collections.ConfigDict,
    arms: Arms,
    contrasts: Contrasts,
    command: str,
    directory: pathlib.Path,
    after_run: Callable[[pathlib.Path], None],
) -> None:
    """Runs what `directory` does not hold yet, one record a run, and calls `after_run` after each.

    Every run is prepared before the first is trained, so that a config which cannot be run is
    refused at once. Raises UserError for that, and for a folder of another config or in use.
    """
    runs = list_runs(config, arms)
    for run in runs:
        if run.config.seed == config.seed:  # another seed changes no program
            prepare(run.config)
    identity = config_lib.flatten(config)
    with records.claim_directory(directory):
        workdir.check_config(directory, identity)
        folders = [directory / workdir.RUNS / run.folder for run in runs]
        todo = [
            (run, folder)
            for run, folder in zip(runs, folders, strict=True)
            if not workdir.recorded_run(folder, config_lib.flatten(run.config))
        ]
        records.write_record(
            directory / workdir.CONFIG,
            {"command": command, "config": identity, "arms": list(arms), "contrasts": contrasts},
        )
        with Progress(total_epochs=len(todo) * config.train.epochs) as progress:
            for run, folder in todo:
                folder.mkdir(parents=True, exist_ok=True)
                train_and_record(run.config, folder, progress, run.arm)
                after_run(directory)
