"""A sweep: every arm with every seed, recorded in one folder; it can be stopped, continued and shared."""

import contextlib
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import ml_collections

from lenet_jax.config.arms import Arm, select_arms
from lenet_jax.config.fields import SEED_LIMIT, override
from lenet_jax.config.resolve import Resolved, resolve
from lenet_jax.errors import UserError
from lenet_jax.runs.code_digest import code_digest, describe_code
from lenet_jax.runs.network_files import pack_files
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.provenance import provenance
from lenet_jax.runs.run import Metrics, Prepared, Run, describe, prepare, train_runs
from lenet_jax.runs.store import Store, check_folder, is_outdated
from lenet_jax.runs.tensorboard import Boards

Callback = Callable[[Metrics], None]

POLL_SECONDS = 0.5  # while other processes have claimed all remaining runs


def list_runs(config: ml_collections.ConfigDict, arms: Sequence[Arm]) -> list[Run]:
    """Every arm that `config.arms` selects with every seed; all arms of a seed before the next seed.

    `config.seeds` is the number of seeds, from `config.seed` on. `config` itself is resolved as well, so that
    a field which every arm overrides isn't ignored.

    Raises UserError for unknown arms, overrides that don't fit, and what `resolve` refuses.
    """
    selected = select_arms(config.arms, arms)
    resolve(config)
    resolved = {arm.name: resolve(_with_overrides(config, arm)) for arm in selected}
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


def _with_overrides(config: ml_collections.ConfigDict, arm: Arm) -> ml_collections.ConfigDict:
    """The sweep's config with the arm's overrides. Raises UserError for overrides that don't fit."""
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
    after_runs: Callable[[pathlib.Path], None] | None = None,
    rerun: bool = False,
    callback: Callback | None = None,
) -> bool:
    """Trains the runs that `directory` does not hold yet, and returns whether there were any.

    Runs of one program are trained together, up to the `capacity` of their engine at once; a kill
    loses those in flight. Other processes may fill the same folder: each run is claimed by one of them, and
    this call returns when all runs are recorded.

    Every arm is resolved, and prepared if it has runs to train, before the first run is trained, so that a
    config that cannot be run is refused at once.

    Args:
      arms: all arms of the sweep; `config.arms` selects some.
      command: the words of the command that gives these runs, without the folder.
      kind: "sweep"; "tuning", which does not score the test images; "run", a single run.
      after_runs: called with `directory` each time that runs have been recorded.
      rerun: whether to compute again the runs that other code computed, or whose files are lost.
      callback: called after each epoch of each run with its metrics, see `lenet_jax.train`.

    Raises UserError for what cannot be run, for a folder of another config, and for a single run that
    another process computes.
    """
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
    header = {
        "kind": kind,
        "command": list(command),
        "config": resolve(config).fields,
        "arms": [arm.to_record() for arm in arms],
        "datasets": dict(filter(None, map(_own_dataset, resolved.values()))),
    }
    configs = {name: of_arm.fields for name, of_arm in resolved.items()}
    _, recorded = check_folder(directory, header, configs)
    if rerun:
        recorded = {key: run for key, run in recorded.items() if not is_outdated(directory, run)}
    elif notice := describe_code(recorded.values()):
        print(notice, file=sys.stderr)
    missing = [run for run in runs if run.key not in recorded]
    for first in {run.arm: run for run in reversed(missing)}.values():
        prepare(first.resolved)
    with (
        Store.open(directory, header, configs, rerun) as store,
        Progress(sum(run.epochs for run in missing)) as progress,
        Boards(directory) as boards,
    ):
        _fill(Log(store, progress, boards, callback), missing, kind, after_runs)
    return bool(missing)


def _own_dataset(resolved: Resolved) -> tuple[str, dict[str, Any]] | None:
    """A user's own images by their identity, as config.json lists them; None for a known dataset."""
    if not resolved.dataset.is_own:
        return None
    return resolved.dataset.identity, {**resolved.dataset._asdict(), "path": resolved.config.dataset}


class Log(NamedTuple):
    """Where a sweep writes what happens."""

    store: Store
    progress: Progress
    boards: Boards
    callback: Callback | None

    def epoch(self, run: Run, epoch: int, metrics: Metrics) -> None:
        """Reports the metrics after an epoch of a run."""
        self.store.write_epoch(run.arm, run.seed, epoch, metrics)
        self.boards.write(run, epoch, metrics)
        self.progress.epoch(run.name, epoch, run.epochs, metrics)
        if self.callback:
            self.callback({"epoch": epoch, **metrics})


def _fill(
    log: Log, runs: Sequence[Run], kind: str, after_runs: Callable[[pathlib.Path], None] | None
) -> None:
    """Trains and records `runs`, unless other processes do; returns when all are recorded."""
    store = log.store
    waiting = {run.key: run for run in runs}
    while waiting:
        for key in waiting.keys() & store.recorded().keys():  # recorded by other processes
            log.progress.skip(waiting.pop(key).epochs)
        first = next((run for run in waiting.values() if store.claim(*run.key)), None)
        if first is not None:
            claimed, prepared = _claim_alike(store, first, waiting.values())
            _train_and_record(log, claimed, prepared, score_test=kind != "tuning")
            for run in claimed:
                del waiting[run.key]
            if after_runs:
                after_runs(store.directory)
        elif waiting and kind == "run":
            [key] = waiting
            raise UserError(
                f"--workdir={store.directory} is in use by process {store.holder(*key)}: wait until it "
                "ends, or choose another folder."
            )
        elif waiting:
            time.sleep(POLL_SECONDS)


def _claim_alike(store: Store, first: Run, waiting: Iterable[Run]) -> tuple[list[Run], Prepared]:
    """The claimed run `first` with others of its program: those that fit and that this process can claim."""
    fields = first.resolved.compiled_fields
    alike = [run for run in waiting if run.resolved.compiled_fields == fields and run is not first]
    prepared = prepare(first.resolved, 1 + len(alike))
    claimed = [first]
    for run in alike:
        if len(claimed) < prepared.capacity and store.claim(*run.key):
            claimed.append(run)
    return claimed, prepared


def _train_and_record(log: Log, runs: Sequence[Run], prepared: Prepared, score_test: bool) -> None:
    trained = train_runs(runs, prepared, log.epoch, score_test)
    ran_on = {**provenance(), "devices": prepared.engine.batch_devices, "trained_together": len(runs)}
    for run, (result, network, answers) in zip(runs, trained, strict=True):
        log.store.write_run(
            result=result,
            images=prepared.images.count,
            config=run.resolved.fields,
            provenance=ran_on,
            code=code_digest(),
            contents=pack_files(network, answers),
        )
        log.progress.run_done(run.name, describe(result), run.epochs - result["epochs"])
