"""What a command is to do in a sweep's folder: its runs, checked, without those that are recorded."""

import contextlib
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections

from lenet_jax.config.arms import Arm, PlannedContrast, select_arms
from lenet_jax.config.fields import SEED_LIMIT, SEEDS_LIMIT, override
from lenet_jax.config.resolve import Resolved, resolve
from lenet_jax.errors import UserError
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.recorded import Key
from lenet_jax.runs.run import Run
from lenet_jax.runs.store import check_folder, is_outdated


def list_runs(config: ml_collections.ConfigDict, arms: Sequence[Arm]) -> list[Run]:
    """Every arm that `config.arms` selects with every seed; all arms of a seed before the next seed.

    `config.seeds` is the number of seeds, from `config.seed` on. `config` itself is resolved as well, so that
    a field which every arm overrides isn't ignored.

    Raises UserError for unknown arms, overrides that don't fit, and what `resolve` refuses.
    """
    selected = select_arms(config.arms, arms)
    resolve(config)
    if config.seeds > SEEDS_LIMIT:
        raise UserError(
            f"config.seeds={config.seeds} is the number of seeds, {config.seeds * len(selected):,} runs: "
            f"ask for at most {SEEDS_LIMIT:,} seeds, or set config.seed to choose the first one."
        )
    resolved = {arm.name: _resolve_arm(config, arm) for arm in selected}
    for arm in selected:
        select_epoch = resolved[arm.name].config.train.select_epoch
        if arm.reading and select_epoch != "best_validation":
            raise UserError(
                f"Arm {arm.name} has reading={arm.reading!r}, which needs "
                f"config.train.select_epoch=best_validation, not {select_epoch}."
            )
    if config.seeds > SEED_LIMIT - config.seed:
        raise UserError(
            f"config.seeds={config.seeds} is too large: the last seed, counted from "
            f"config.seed={config.seed}, must be below {SEED_LIMIT}."
        )
    return [
        Run(name, of_arm.with_seed(seed))
        for seed in range(config.seed, config.seed + config.seeds)
        for name, of_arm in resolved.items()
    ]


def _resolve_arm(config: ml_collections.ConfigDict, arm: Arm) -> Resolved:
    """The sweep's config with the arm's overrides, resolved. Raises UserError, naming the arm."""
    changed = _with_overrides(config, arm)
    try:
        return resolve(changed)
    except UserError as error:
        raise UserError(f"Arm {arm.name}: {error}") from error


def _with_overrides(config: ml_collections.ConfigDict, arm: Arm) -> ml_collections.ConfigDict:
    """The sweep's config with the arm's overrides. Raises UserError for overrides that don't fit."""
    try:
        return override(config, arm.overrides)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"Arm {arm.name} overrides a field that doesn't fit: {error}.") from error


class Request(NamedTuple):
    """What a command asks of a folder; the attributes are arguments of `lenet_jax.runs.sweep.run_sweep`."""

    config: ml_collections.ConfigDict
    arms: Sequence[Arm]
    command: Sequence[str]
    directory: pathlib.Path
    kind: str = "sweep"
    rerun: bool = False
    planned: Sequence[PlannedContrast] = ()


class Plan(NamedTuple):
    """What a command is to do in a folder.

    Attributes:
      header: for config.json.
      base: what all arms start from.
      resolved: each arm that fits the data.
      configs: its config, flattened as its runs record it.
      recorded: the runs that are recorded and stay.
      missing: the runs to train.
    """

    header: Header
    base: Resolved
    resolved: dict[str, Resolved]
    configs: dict[str, dict[str, Any]]
    recorded: dict[Key, Record]
    missing: list[Run]


def make_plan(request: Request) -> Plan:
    """What to do for a request. Raises UserError for what is refused before training."""
    config, arms, command, directory, kind, rerun, planned = request
    runs = list_runs(config, arms)
    if kind == "tuning" and (without := [run.arm for run in runs if not run.resolved.has_validation]):
        raise UserError(
            f"Arm {without[0]} holds out no validation images, which tuning needs: set "
            "config.data.validation_fraction or config.data.draw."
        )
    resolved = {run.arm: run.resolved for run in runs}
    for arm in arms:
        if arm.name not in resolved:
            with contextlib.suppress(UserError):  # an arm that is not selected need not fit the data
                resolved[arm.name] = resolve(_with_overrides(config, arm))
    base = resolve(config)
    header = {
        "kind": kind,
        "command": list(command),
        "config": base.fields,
        "arms": [arm.to_record() for arm in arms],
        "planned": [contrast.to_record() for contrast in planned],
        "datasets": dict(filter(None, map(_own_dataset, resolved.values()))),
    }
    configs = {name: of_arm.fields for name, of_arm in resolved.items()}
    _, recorded = check_folder(directory, header, configs)
    if rerun:
        recorded = {key: run for key, run in recorded.items() if not is_outdated(directory, run)}
    return Plan(header, base, resolved, configs, recorded, [run for run in runs if run.key not in recorded])


def _own_dataset(resolved: Resolved) -> tuple[str, dict[str, Any]] | None:
    """A user's own images by their identity, as config.json lists them; None for a known dataset."""
    if not resolved.dataset.is_own:
        return None
    return resolved.dataset.identity, {**resolved.dataset._asdict(), "path": resolved.config.dataset}
