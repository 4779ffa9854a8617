"""A sweep: every arm with every seed, in one folder that can be stopped, continued and shared."""

import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_collections

from lenet_jax.config import arms as arms_lib
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import SEED_LIMIT, SWEEP_FIELDS, override
from lenet_jax.config.identity import differences, flatten, to_record
from lenet_jax.config.resolve import Resolved, resolve
from lenet_jax.errors import UserError
from lenet_jax.runs.epoch_log import EpochLog
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.provenance import provenance
from lenet_jax.runs.run import Prepared, Run, prepare, train_runs
from lenet_jax.runs.store import Store

SECONDS_BETWEEN_LOOKS = 0.5  # at a folder whose open runs are all claimed by other processes


def list_runs(config: ml_collections.ConfigDict, arms: Sequence[Arm]) -> list[Run]:
    """Every arm that `config.arms` selects with every seed; all arms of a seed before the next seed.

    `config.seeds` is the number of seeds, from `config.seed` on. Each arm is resolved once, and so is
    `config` itself, so that a field which every arm overrides isn't ignored.

    Raises UserError for unknown arms, overrides that don't fit, and whatever `resolve` refuses.
    """
    selected = arms_lib.select_arms(config.arms, arms)
    _resolve_once(config, cache := {})
    resolved = {arm.name: _resolve_once(_with_overrides(config, arm), cache) for arm in selected}
    if config.seeds > SEED_LIMIT - config.seed:
        raise UserError(
            f"config.seeds={config.seeds} must be so few that the last seed, counted from "
            f"config.seed={config.seed}, is below {SEED_LIMIT}."
        )
    return [
        Run(name, its.with_seed(seed))
        for seed in range(config.seed, config.seed + config.seeds)
        for name, its in resolved.items()
    ]


def _resolve_once(config: ml_collections.ConfigDict, cache: dict[str, Resolved]) -> Resolved:
    key = repr(flatten(config))
    if key not in cache:
        cache[key] = resolve(config)
    return cache[key]


def _with_overrides(config: ml_collections.ConfigDict, arm: Arm) -> ml_collections.ConfigDict:
    """The sweep's config as the arm has it. Raises UserError for overrides that don't fit."""
    try:
        return override(config, arm.overrides)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"Arm {arm.name} overrides a field that doesn't fit: {error}.") from error


def run_sweep(
    config: ml_collections.ConfigDict,
    arms: Sequence[Arm],
    command: Sequence[str],
    directory: pathlib.Path,
    *,
    kind: str = "sweep",
    after_runs: Callable[[pathlib.Path], None] = lambda directory: None,
    rerun: bool = False,
) -> None:
    """Runs what `directory` does not hold yet, and calls `after_runs` whenever it holds more.

    Runs of one program are trained together, as many at once as their engine's `capacity` says; a kill
    loses those in flight. Other processes may fill the same folder: each run is claimed by one of them, and
    this call returns when all runs are recorded, by whomever.

    Every arm is resolved, and prepared where it has open runs, before the first run is trained, so that a
    config which cannot be run is refused at once.

    Args:
      arms: all arms of the sweep; `config.arms` selects some.
      command: the words of the command that gives these runs, without the folder.
      kind: "sweep"; "tuning", which does not score the test images; "run".
      rerun: whether to compute again the runs that other code computed.

    Raises UserError for what cannot be run, and for a folder of another config.
    """
    runs = list_runs(config, arms)
    header = {
        "kind": kind,
        "command": list(command),
        "config": to_record(config),
        "arms": [arms_lib.to_record(arm) for arm in arms],
    }
    wanted = {arm.name: to_record(_with_overrides(config, arm)) for arm in arms}
    with Store.open(directory, header) as store:
        for (arm, seed), record in store.recorded().items():
            if arm in wanted:
                store.refuse_differences(record["config"], wanted[arm] | {"seed": seed})
        if rerun:
            store.set_aside_other_code()
        elif notice := store.code_notice():
            print(notice)
        open_runs = [run for run in runs if (run.arm, run.seed) not in store.recorded()]
        if len(open_runs) < len(runs):
            print(f"Already recorded in {directory}: {len(runs) - len(open_runs)} of {len(runs)} runs.")
        for first in {run.arm: run for run in reversed(open_runs)}.values():
            prepare(first.resolved)
        store.begin()
        _fill(store, open_runs, kind != "tuning", after_runs, directory)
