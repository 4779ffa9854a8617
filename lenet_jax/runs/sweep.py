"""A sweep: every arm with every seed, recorded in one folder; it can be stopped, continued and shared."""

import contextlib
import functools
import math
import os
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple

import jax
import ml_collections
from absl import logging

from lenet_jax import backend
from lenet_jax.config.arms import Arm, PlannedContrast
from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.runs import claims, group, interruption
from lenet_jax.runs.checkpoints import Checkpoints
from lenet_jax.runs.code_digest import code_digest, describe_code
from lenet_jax.runs.network_files import pack_files
from lenet_jax.runs.plan import Plan, Request, make_plan
from lenet_jax.runs.population import Metrics, Saved, train_runs
from lenet_jax.runs.progress import Expected, Progress, Reports, SentReports, replay, show_plain_messages
from lenet_jax.runs.provenance import check_settings, provenance, recorded_form, settings
from lenet_jax.runs.recorded import Key
from lenet_jax.runs.result import describe, result_of
from lenet_jax.runs.run import Prepared, Run, forget_images, prepare
from lenet_jax.runs.store import Store, is_outdated
from lenet_jax.runs.tensorboard import Boards
from lenet_jax.runs.workers import run_workers
from lenet_jax.training.compilation_cache import keep_compilations
from lenet_jax.training.jax_settings import threads
from lenet_jax.training.memory import memory_limit

Callback = Callable[[Metrics], None]
AfterRuns = Callable[[pathlib.Path], None]

POLL_SECONDS = 0.5  # while other processes have claimed all remaining runs
CPU_QUOTA = pathlib.Path("/sys/fs/cgroup/cpu.max")  # microseconds of a container, in a period of as many
BYTES_OF_A_PROCESS = 600_000_000  # with the libraries and compiled programs, before any image


def run_sweep(
    config: ml_collections.ConfigDict,
    arms: Sequence[Arm],
    command: Sequence[str],
    directory: pathlib.Path,
    *,
    kind: str = "sweep",
    after_runs: AfterRuns | None = None,
    rerun: bool = False,
    callback: Callback | None = None,
    workers: int | None = 1,
    planned: Sequence[PlannedContrast] = (),
    waits: bool = True,
) -> bool:
    """Trains the runs that `directory` does not hold yet, and returns whether there were any.

    Runs of one program are trained together, as many at once as fit into memory. A kill loses what runs in
    flight did since their last checkpoint. Other processes may fill the same folder: each run is claimed by
    one of them, and this call returns when all runs are recorded, or with `waits=False` when it finds none
    left to claim.

    Every arm is resolved, and prepared if it has runs to train, before the first run is trained, so that a
    config that cannot be run is refused at once.

    Args:
      arms: all arms of the sweep; `config.arms` selects some.
      command: the words of the command that gives these runs, without the folder.
      kind: "sweep"; "tuning", which does not score the test images; "run", a single run.
      after_runs: called with `directory` each time that runs have been recorded.
      rerun: whether to compute again the runs that other code computed, or whose files are lost.
      callback: called after each epoch of each run with its metrics, see `lenet_jax.train`; with 1 worker.
      workers: the number of processes that fill the folder; 1 for this one, None to choose by cores and
        memory.
      planned: contrasts for the report, which config.json records.
      waits: whether to wait for runs that other processes have claimed, and to take over those that are lost;
        with 1 worker.

    Raises UserError for what cannot be run, for a folder of another config or with runs made with other
    settings, and for a single run that another process computes; interruption.Interrupted if this process was
    told to end, once all that is computed is saved.
    """
    request = Request(config, list(arms), command, directory, kind, rerun, list(planned))
    plan = make_plan(request)
    with form.using(form_of(plan)):
        return _run(request, plan, after_runs, callback, workers, waits)


def form_of(plan: Plan) -> str:
    """What computes the missing runs: what computed those that are recorded, or the form in use."""
    recorded = {recorded_form(run["provenance"]) for run in plan.recorded.values()} - {None}
    if plan.missing and len(recorded) > 1:
        raise UserError(
            "The folder holds runs computed by the native kernel and others by matrix products, which differ "
            "in last digits: pass --rerun, which recomputes those of older code, or choose another --workdir."
        )
    return (recorded.pop() if recorded else None) or form.current()


def _run(
    request: Request,
    plan: Plan,
    after_runs: AfterRuns | None,
    callback: Callback | None,
    workers: int | None,
    waits: bool,
) -> bool:
    say_code(request, plan)
    bytes_needed = check_all(plan, request.directory)
    workers = workers or best_workers(len(plan.missing), bytes_needed)
    with interruption.deferred(), Progress(list(map(expected, plan.missing))) as progress:
        if workers > 1 and plan.missing:
            forget_images()
            run_workers(workers, _fill_as_worker, (request, after_runs), functools.partial(replay, progress))
            if left := make_plan(request).missing:
                raise UserError(
                    f"All workers have ended, but {len(left)} runs are not recorded, such as {left[0].name}: "
                    "see the messages above, and run the same command to continue."
                )
        else:
            fill_folder(request, plan, progress, after_runs, callback, waits)
        interruption.check()  # of a signal in the last epoch
    return bool(plan.missing)


def say_code(request: Request, plan: Plan) -> None:
    """Says which recorded runs other code computed, unless `--rerun` computes them again."""
    if not request.rerun and (notice := describe_code(plan.recorded.values())):
        print(notice, file=sys.stderr)


def check_all(plan: Plan, directory: pathlib.Path) -> int:
    """Checks and prepares what is missing; returns the most bytes that a run needs. Raises UserError."""
    for run in plan.recorded.values() if plan.missing else ():
        resolved = plan.resolved.get(run["arm"], plan.base)
        check_settings(directory, run["provenance"], settings(resolved.config.parallel))
    needed = [
        prepare(first.resolved).bytes_needed
        for first in {run.arm: run for run in reversed(plan.missing)}.values()
    ]
    return max(needed, default=0)


def expected(run: Run) -> Expected:
    """A run as its progress is shown."""
    return Expected(run.name, run.arm, run.epochs, run.epoch_macs)


def best_workers(runs: int, bytes_needed: int) -> int:
    """The number of processes that train `runs` runs quickest, each needing `bytes_needed` bytes.

    On CPUs, one for each core that is not taken by another's threads, as long as they fit into memory: two
    processes of one thread each train more runs in a given time than one of two threads. A GPU or TPU trains
    many runs at once, and belongs to one process.
    """
    of_process = threads()
    if of_process is None:
        return 1
    fit = memory_limit() // (bytes_needed + BYTES_OF_A_PROCESS)
    return int(max(1, min(runs, _cores() // of_process, fit)))


def _cores() -> int:
    """The number of processor cores that this process may use; a container may have a share of them."""
    cores = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):  # there is no such file, or it says "max"
        quota, period = map(int, CPU_QUOTA.read_text().split())
        cores = min(cores, math.ceil(quota / period))
    return cores


class Log(NamedTuple):
    """Where a sweep writes what happens."""

    store: Store
    checkpoints: Checkpoints
    reports: Reports
    boards: Boards
    callback: Callback | None

    def resume(self, run: Run, metrics: Sequence[Metrics]) -> None:
        """Reports the epochs that an earlier process trained."""
        for epoch, of_epoch in enumerate(metrics, start=1):
            self._record(run, epoch, of_epoch)
        self.reports.resume(run.name, len(metrics))

    def epoch(self, run: Run, epoch: int, metrics: Metrics) -> None:
        """Reports the metrics after an epoch of a run."""
        self._record(run, epoch, metrics)
        self.reports.epoch(run.name, epoch, run.epochs, metrics)
        if self.callback:
            self.callback({"epoch": epoch, **metrics})

    def _record(self, run: Run, epoch: int, metrics: Metrics) -> None:
        self.store.write_epoch(run.arm, run.seed, epoch, metrics)
        self.boards.write(run, epoch, metrics)


def _fill_as_worker(send: Callable[[tuple], None], request: Request, after_runs: AfterRuns | None) -> None:
    """What each worker of `run_sweep` does."""
    show_plain_messages()
    keep_compilations()
    plan = make_plan(request)
    with form.using(form_of(plan)):
        fill_folder(request, plan, SentReports(send), after_runs)


def fill_folder(
    request: Request,
    plan: Plan,
    reports: Reports,
    after_runs: AfterRuns | None,
    callback: Callback | None = None,
    waits: bool = True,
) -> None:
    """Fills a folder with the missing runs; returns as `run_sweep` says.

    In a group of processes, each trains and records a part of the runs. All pass the same missing ones.
    """
    directory = request.directory
    checkpoints = Checkpoints(directory)
    # --rerun may have begun to compute an outdated run again, and will go on with it.
    checkpoints.remove_recorded(
        key for key, run in plan.recorded.items() if checkpoints.has(key) and not is_outdated(directory, run)
    )
    with (
        Store.open(directory, plan.header, plan.configs, request.rerun) as store,
        Boards(directory) as boards,
    ):
        try:
            _fill(Log(store, checkpoints, reports, boards, callback), plan, after_runs, waits)
        except jax.errors.JaxRuntimeError as error:
            if group.size() == 1 and interruption.is_requested():  # Ctrl-C also ends compilers
                logging.warning("While this process was told to end: %s", str(error).splitlines()[0])
                interruption.check()
            raise
        finally:
            checkpoints.close()


def _fill(log: Log, plan: Plan, after_runs: AfterRuns | None, waits: bool) -> None:
    """Trains and records the missing runs, unless other processes do; returns as `run_sweep` says."""
    store, kind = log.store, plan.header["kind"]
    waiting = {run.key: run for run in plan.missing}
    has_waited = False
    while group.gather(bool(waiting))[0].any():  # once the whole group has recorded its runs
        if group.is_stopping():
            interruption.check()
        for key in waiting.keys() & store.recorded().keys():  # recorded by other processes
            run = waiting.pop(key)
            log.reports.ended(run.name, run.epochs)
        claimed = _claim_alike(log, plan.missing, waiting)
        if claimed is not None:
            has_waited = False
            store.check_settings(settings(claimed.prepared.resolved.config.parallel))
            _train_and_record(log, claimed, score_test=kind != "tuning")
            for run in claimed.runs:
                del waiting[run.key]
            if after_runs and not group.number():
                after_runs(store.directory)
        elif waiting and kind == "run":
            [key] = waiting
            if key in store.recorded():
                continue  # by another process, just now
            holder = store.holder(*key)
            by = "another process" if holder is None else f"process {holder}"
            raise UserError(
                f"--workdir={store.directory} is in use by {by}: wait until it ends, or choose another "
                "folder."
            )
        elif group.gather(bool(waiting))[0].any() and (waits or not has_waited):
            has_waited = True  # twice, as a report may hold a claim for a moment
            time.sleep(POLL_SECONDS)
        else:
            return


class _Claimed(NamedTuple):
    """Runs to train together, and where they go on; `saved` is empty if they start."""

    runs: list[Run]
    prepared: Prepared
    saved: list[Saved]


def _claim_alike(log: Log, missing: Sequence[Run], waiting: Mapping[Key, Run]) -> _Claimed | None:
    """Runs of one program: those that fit and that this process can claim. None if all are claimed.

    All of them start, or all go on after the same epoch. In a group, process 0 chooses the program and the
    epoch, by the first run that it can claim, and each process claims a part of the runs.

    Args:
      missing: all runs, the same in each process of a group.
      waiting: those that are not recorded yet.
    """
    chosen, first_saved, alike = -1, None, []
    if not group.number():
        key = log.store.claim_first(functools.partial(_by_program, waiting))
        if key:
            chosen = next(number for number, run in enumerate(missing) if run.key == key)
            first_saved = log.checkpoints.read(missing[chosen])
            alike = _alike(missing[chosen], waiting, claims.claimed(log.store.directory))
    epoch = _epoch(first_saved)
    chosen, epoch, together = group.gather(chosen, epoch, len(alike))[0].tolist()
    if chosen < 0:
        return None
    first = missing[chosen]
    prepared = prepare(first.resolved, together)
    most = prepared.capacity(-(-together // group.size()))
    claimed: list[Run] = []
    saved: list[Saved | None] = []
    for run in _alike(first, waiting, set())[group.number() :: group.size()]:
        if run is first and not group.number():
            claimed, saved = [first], [first_saved]
        elif len(claimed) < most and log.store.claim(*run.key):
            of_run = log.checkpoints.read(run)
            if _epoch(of_run) == epoch:
                claimed.append(run)
                saved.append(of_run)
            else:
                log.store.release(*run.key)
    return _Claimed(claimed, prepared, list(filter(None, saved)))


def _by_program(waiting: Mapping[Key, Run], claimed: Set[Key]) -> list[Key]:
    """The runs that wait and are not claimed.

    Where runs are trained side by side, those of programs come first of which no run is claimed: processes do
    not divide a population while there is another.
    """
    free = [run for run in waiting.values() if run.key not in claimed]
    if not backend.is_cpu():
        taken = [waiting[key].resolved.compiled_fields for key in claimed & waiting.keys()]
        free.sort(key=lambda run: run.resolved.compiled_fields in taken)
    return [run.key for run in free]


def _alike(first: Run, waiting: Mapping[Key, Run], claimed: Set[Key]) -> list[Run]:
    """The run `first`, and those of its program that wait and are not claimed."""
    fields = first.resolved.compiled_fields
    others = (run for run in waiting.values() if run is not first and run.key not in claimed)
    return [first, *(run for run in others if run.resolved.compiled_fields == fields)]


def _epoch(saved: Saved | None) -> int:
    """After which epoch a run goes on; 0 if it starts."""
    return saved.epoch if saved else 0


def _train_and_record(log: Log, claimed: _Claimed, score_test: bool) -> None:
    runs, prepared, saved = claimed
    together = int(group.gather(len(runs)).sum())
    for run in runs:
        log.reports.start(run.name)
    for run, one in zip(runs, saved, strict=False):
        log.resume(run, one.attempt.metrics)

    def log_compiled() -> None:
        for run in runs:
            log.reports.compiled(run.name)

    attempts = train_runs(
        runs, prepared, log.epoch, score_test, saved, log.checkpoints.save_if_due, log_compiled
    )
    for run, attempt in zip(runs, attempts, strict=True):
        result = result_of(run, attempt, score_test)
        log.store.write_run(
            result=result,
            images=prepared.images.count,
            config=run.resolved.fields,
            provenance={
                **provenance(),
                **settings(run.resolved.config.parallel),
                "trained_together": together,
            },
            code=code_digest(),
            contents=pack_files(attempt.network, attempt.answers),
        )
        log.checkpoints.remove(run)
        log.reports.ended(run.name, run.epochs, describe(result))
