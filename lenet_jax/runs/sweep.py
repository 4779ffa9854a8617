"""A sweep: every arm with every seed, in one folder that can be stopped and continued."""

import pathlib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import ml_collections

from lenet_jax.config import fields as config_lib
from lenet_jax.config.build_program import SEED_LIMIT
from lenet_jax.errors import UserError
from lenet_jax.runs import records, workdir
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.run import Job, check, prepare, train_and_record

Arms = dict[str, dict]  # name -> {"dotted.field": value}
Contrasts = dict[str, tuple[str, str]]  # what it is worth -> (arm, baseline)
References = dict[str, dict]  # arm -> what a paper says of it, see `lenet_jax.tables.paper_rows`


class Run(NamedTuple):
    """One repetition of one arm, with its resolved config."""

    arm: str
    config: ml_collections.ConfigDict

    @property
    def folder(self) -> str:
        return f"{self.arm}-seed{self.config.seed}"


def select_arms(config: ml_collections.ConfigDict, arms: Arms) -> Arms:
    """Those that `config.arms` names, comma-separated; all by default. Raises UserError for unknown ones."""
    if not arms:
        raise UserError("This --config's get_arms(config) returns no arms: let it name at least one.")
    if odd := [name for name in arms if not re.fullmatch(r"[\w.+-]+", name)]:
        raise UserError(f"get_arms(config) names {odd}: arms name folders, so take letters, digits and _.+-")
    selected = [name.strip() for name in config.arms.split(",") if name.strip()] or list(arms)
    if unknown := [name for name in selected if name not in arms]:
        raise UserError(f"config.arms names {', '.join(unknown)}: choose from {', '.join(arms)}.")
    return {name: fields for name, fields in arms.items() if name in selected}


def require_effect(changed: Iterable[str], selected: Arms) -> None:
    """Raises UserError where a field was changed that every selected arm sets itself."""
    if lost := [field for field in changed if all(field in fields for fields in selected.values())]:
        raise UserError(
            f"--config.{lost[0]} has no effect: each of the arms sets {lost[0]} itself. Change it in the "
            "config file's arms."
        )


def list_runs(config: ml_collections.ConfigDict, arms: Arms) -> list[Run]:
    """Every selected arm with every seed; all arms of a seed before the next seed.

    `config.seeds` says how many seeds, from `config.seed` on. Raises UserError for unknown arms and for
    overrides that don't fit.
    """
    selected = select_arms(config, arms)
    if not 1 <= config.seeds <= SEED_LIMIT - config.seed:
        raise UserError(
            f"config.seeds={config.seeds} must be at least 1, and the last of them, counted from "
            f"config.seed={config.seed}, below {SEED_LIMIT}."
        )
    return [
        _resolve(config, name, fields, seed)
        for seed in range(config.seed, config.seed + config.seeds)
        for name, fields in selected.items()
    ]


def run_sweep(
    config: ml_collections.ConfigDict,
    arms: Arms,
    contrasts: Contrasts,
    command: str,
    directory: pathlib.Path,
    after_run: Callable[[pathlib.Path], None],
    references: References | None = None,
) -> None:
    """Runs what `directory` does not hold yet, one record a run, and calls `after_run` when there are more.

    Runs of one program are trained together, as many at once as their engine's `capacity` says,
    and recorded when all of them have ended: what is stopped before starts over.

    Every run is prepared before the first is trained, so that a config which cannot be run is
    refused at once. Raises UserError for that, and for a folder of another config or in use.
    """
    runs = list_runs(config, arms)
    _require_arms_of_contrasts(contrasts, arms)
    if unknown := [name for name in references or {} if name not in arms]:
        raise UserError(
            f"get_references() tells of {', '.join(unknown)}, which get_arms(config) doesn't name: mend one "
            "of the two."
        )
    first = [run.config for run in runs if run.config.seed == config.seed]  # other seeds, same programs
    for resolved in (config, *first):  # the former too: a field that every arm overrides isn't ignored
        check(resolved)
    identity = config_lib.to_record(config)
    with workdir.claim_directory(directory):
        workdir.check_config(directory, identity, sweep=True)
        recorded = workdir.read_runs(directory)
        for record in recorded.values():
            _refuse_other_config(directory, record, config, arms)
        for resolved in first:
            prepare(resolved)
        records.write_record(
            directory / workdir.CONFIG,
            {
                "command": command,
                "config": identity,
                "arms": list(arms),
                "contrasts": contrasts,
                "references": references or {},
            },
        )
        todo = [run for run in runs if run.folder not in recorded]
        with Progress(total_epochs=sum(run.config.train.epochs for run in todo)) as progress:
            while todo:
                program_fields = _program_fields(todo[0])
                together = [run for run in todo if _program_fields(run) == program_fields]
                prepared = prepare(todo[0].config, len(together))
                images = len(prepared.images.data.labels)
                together = together[: prepared.engine.capacity(prepared.program, images)]
                jobs = [Job(run.arm, run.config, directory / workdir.RUNS / run.folder) for run in together]
                for job in jobs:
                    job.directory.mkdir(parents=True, exist_ok=True)
                train_and_record(jobs, prepared, progress)
                after_run(directory)
                done = {run.folder for run in together}
                todo = [run for run in todo if run.folder not in done]


def _program_fields(run: Run) -> dict:
    """What runs must have in common to be trained together."""
    flat = config_lib.flatten(run.config)
    static = {field: value for field, value in flat.items() if field not in config_lib.ARGUMENTS.values()}
    return static | {field: flat[field] > 0 for field in ("model.dropout", "distortion.probability")}


def _require_arms_of_contrasts(contrasts: Contrasts, arms: Arms) -> None:
    for contrast, pair in contrasts.items():
        if unknown := [name for name in pair if name not in arms]:
            raise UserError(
                f"get_contrasts() compares {', '.join(unknown)} in {contrast!r}, which get_arms(config) "
                "doesn't name: mend one of the two."
            )


def _refuse_other_config(
    directory: pathlib.Path, record: dict, config: ml_collections.ConfigDict, arms: Arms
) -> None:
    """Raises UserError where a recorded run of one of `arms` was made with another config."""
    arm, seed = record["result"]["arm"], record["result"]["seed"]
    if arm in arms:
        wanted = _resolve(config, arm, arms[arm], seed).config
        workdir.refuse_differences(directory, record["config"], config_lib.to_record(wanted))


def _resolve(config: ml_collections.ConfigDict, arm: str, overrides: dict, seed: int) -> Run:
    """The run of an arm: the sweep's config less what selects runs. Raises UserError, see list_runs."""
    base = ml_collections.ConfigDict(config)
    with base.unlocked():
        del base.seeds, base.arms
    base.lock()
    try:
        return Run(arm, config_lib.override(base, {**overrides, "seed": seed}))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"Arm {arm} overrides a field that doesn't fit: {error}.") from error
