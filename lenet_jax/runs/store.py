"""A folder of recorded runs, which any number of commands can fill together, and continue after a kill.

Files in the folder:

====================  ==================================================================
config.json           the command, the config that arms start from, the arms, provenances
runs.jsonl            one line per run
epochs.jsonl          one line per run and epoch
runs.WORKER.jsonl,    the same of a command that is running or was killed; it appends to
epochs.WORKER.jsonl   its own files only, which are merged into the two above at its end
.claims/              one file per run in progress
checkpoints/          one folder per run in progress, from which it is continued; see `checkpoints.py`
weights/              one file per run, its trained network; see `kept.py`
predictions/          one file per run, its answers image by image
replaced/             lines and files of runs that were computed again
====================  ==================================================================

A run's line holds its result, the fields that differ from config.json's, the digest of its provenance,
the digest of the code that computed it, and a checksum.
"""

import contextlib
import math
import pathlib
from collections.abc import Callable, Generator, Mapping, Sequence, Set
from typing import Any

from absl import logging

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.runs import claims, kept
from lenet_jax.runs.agreement import check_repetitions
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.header import (
    Configs,
    Header,
    Record,
    add_provenance,
    check_header,
    check_planned,
    check_runs,
    join_headers,
    pack,
    read_header,
    require_header,
    salvage_datasets,
    salvage_provenances,
    write_header,
)
from lenet_jax.runs.lines import Damaged, to_line
from lenet_jax.runs.merge import copy_run_aside, merge, merge_files, refuse_if_in_use, replace_run
from lenet_jax.runs.recorded import (
    EPOCHS,
    RUNS,
    Key,
    RecordedRuns,
    digest_epochs,
    recorded_epochs,
    run_order,
)
from lenet_jax.runs.worker import WorkerFiles


def check_folder(
    directory: pathlib.Path, header: Header, configs: Configs
) -> tuple[Header, dict[Key, Record]]:
    """What config.json would become, and what is recorded in `directory`; nothing is written.

    Raises UserError if `Store.open` would refuse the folder.
    """
    provenances, datasets = {}, {}
    try:
        recorded = read_header(directory)
    except Damaged:  # set aside later, once all checks have passed
        recorded = None
        provenances, datasets = salvage_provenances(directory), salvage_datasets(directory)
    joined = join_headers(recorded, header)
    joined["provenances"].update(provenances)
    joined["datasets"] = {**datasets, **joined["datasets"]}
    runs = RecordedRuns(directory)
    runs.read_on()
    check_header(directory, recorded, header, has_runs=bool(runs.lines or runs.damage))
    records = runs.records(joined)
    check_runs(directory, records, header["kind"], configs)
    check_planned(directory, recorded, joined, records)
    check_repetitions(directory, records.values())
    return joined, records


class Store:
    """What one command records in a folder, and what it sees of the runs that others record there."""

    def __init__(self, directory: pathlib.Path, configs: Configs, rerun: bool):
        """Use `Store.open`, which checks and locks the folder."""
        self.directory = directory
        self._configs = configs
        self._files = WorkerFiles(directory)
        self._claims = claims.Claims(directory)
        self._runs = RecordedRuns(directory)
        self._records: dict[Key, Record] = {}
        self._header = require_header(directory)
        self._warned_of: set[str] = set()
        self._outdated: dict[Key, Record] = {}
        if rerun:
            recorded = self.recorded()
            self._outdated = {key: run for key, run in recorded.items() if is_outdated(directory, run)}

    @classmethod
    @contextlib.contextmanager
    def open(
        cls, directory: pathlib.Path, header: Header, configs: Configs, rerun: bool = False
    ) -> Generator["Store", None, None]:
        """Creates or continues `directory` for one command, and merges its files at the command's end.

        Nothing is written before all checks have passed. Then damaged lines and a damaged config.json are
        set aside, each with a warning, and the files of commands that were killed are merged.

        Args:
          header: `kind` ("run", "sweep" or "tuning"), `command` (its arguments), `config` (flattened, what
            all arms start from) and `arms` (dicts with a `name`, in the sweep's order).
          configs: arm -> its resolved config, flattened as its runs record it. Recorded runs of these arms
            must have that config, in a sweep with any seed.
          rerun: whether runs that are outdated now count as not recorded; a run that is recorded again
            takes the place of the earlier one, whose lines and files go to replaced/.

        Raises UserError if the folder cannot be written, holds another kind of results or those of
        another config, or two different results of one run; or if a run that is to be computed again was
        recorded by a command that is still running.
        """
        files.make_directory(directory)
        with claims.locked(directory):
            merge_files(directory, check_folder(directory, header, configs)[0])
            store = cls(directory, configs, rerun)
            for run in store._outdated:  # rather than fail once it is trained
                refuse_if_in_use(directory, store._runs, run)
        try:
            yield store
        finally:  # the same as after a kill: a later merge finds the files
            store._claims.release_all()
            store._files.close()
        merge(directory)

    def recorded(self) -> Mapping[Key, Record]:
        """The record of each run, {(arm, seed): record}, that any command has recorded so far.

        Reads only what was appended since the last call. A run on a damaged line counts as not recorded.
        """
        if self._runs.read_on():
            if not self._runs.provenances <= self._header["provenances"].keys():  # others have added some
                self._header = require_header(self.directory)
            records = self._runs.records(self._header)
            new = {run: record for run, record in records.items() if run not in self._records}
            check_runs(self.directory, new, self._header["kind"], self._configs)
            self._records = records
            for line in map(str, self._runs.damage):
                if line not in self._warned_of:
                    self._warned_of.add(line)
                    logging.warning("%s. Its run counts as not recorded.", line)
        if not self._outdated:
            return self._records
        return {run: record for run, record in self._records.items() if record != self._outdated.get(run)}

    def check_settings(self, ours: Mapping[str, Any]) -> None:
        """Raises UserError if runs that are recorded by now were made with other settings than `ours`.

        See `lenet_jax.runs.provenance.check_settings`; devices are not compared, as they may differ by arm.
        """
        from lenet_jax.runs.provenance import (
            check_settings,  # late: it loads JAX, which recording doesn't need
        )

        of_process = {name: value for name, value in ours.items() if name != "devices"}
        for run in self.recorded().values():
            check_settings(self.directory, run["provenance"], of_process)

    def claim(self, arm: str, seed: int) -> bool:
        """Claims a run for this process; False if it is recorded or claimed already. Never waits."""
        if not self._claims.take(arm, seed):
            return False
        if (arm, seed) in self.recorded():  # by another process, since the caller looked
            self.release(arm, seed)
            return False
        return True

    def claim_first(self, runs: Callable[[Set[Key]], Sequence[Key]]) -> Key | None:
        """Claims one run while no other process does so; None if none can be claimed.

        Args:
          runs: those that processes have claimed -> runs, of which the first is claimed that can be.
        """
        if not runs(claims.claimed(self.directory)):  # without waiting for the lock
            return None
        with claims.locked(self.directory):
            return next((key for key in runs(claims.claimed(self.directory)) if self.claim(*key)), None)

    def release(self, arm: str, seed: int) -> None:
        """Releases a claimed run that was not recorded. Raises KeyError if it is not claimed."""
        self._claims.release(arm, seed)

    def holder(self, arm: str, seed: int) -> int | None:
        """The ID of the process that has claimed a run, for messages; None if it is not known."""
        return self._claims.holder(arm, seed)

    def write_epoch(self, arm: str, seed: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Records the metrics after `epoch` epochs, counted from 1. Numbers that are not finite become null.

        Raises UserError if the file cannot be written.
        """
        self._files.append(EPOCHS, {"arm": arm, "seed": seed, "epoch": epoch, **_finite(metrics)})

    def write_run(
        self,
        *,
        result: Mapping[str, Any],
        images: Mapping[str, int],
        config: Mapping[str, Any],
        provenance: Mapping[str, Any],
        code: str,
        contents: Mapping[str, bytes] | None = None,
    ) -> None:
        """Records a claimed run and releases it. From then on a kill or a power cut does not lose it.

        Args:
          result: a row of results.csv, with `arm` and `seed`.
          images: number of images in each split.
          config: resolved and flattened.
          provenance: the libraries, device and revision that computed it.
          code: `code_digest` of the code that computed it.
          contents: of the files that the run keeps, by kind; see `kept.py`.

        Raises KeyError if the run is not claimed, UserError if the file cannot be written.
        """
        arm, seed = result["arm"], result["seed"]
        if not self._claims.holds(arm, seed):
            raise KeyError((arm, seed))
        record = {
            "arm": arm,
            "seed": seed,
            "result": _finite(result),
            "images": images,
            "config": config,
            "provenance": provenance,
            "code": code,
        }
        replaces = (arm, seed) in self._records  # only with `rerun`
        is_damaged = self._runs.is_merged_file_damaged
        changes_header = provenance not in self._header["provenances"].values()
        with contextlib.ExitStack() as stack:
            if replaces or is_damaged or changes_header:
                stack.enter_context(claims.locked(self.directory))
                with contextlib.suppress(Damaged):  # it is set aside as it is written anew
                    self._header = read_header(self.directory) or self._header  # in case it was deleted
                if "threads" in provenance:
                    self.check_settings(provenance)  # another command may have recorded its first run
                add_provenance(self._header, provenance)
                write_header(self.directory, self._header)
            if is_damaged:  # readers refuse it
                merge_files(self.directory, self._header)
            if replaces:
                copy_run_aside(self.directory, self._header, (arm, seed))
            # A run's files first, so that a recorded run has them.
            record["kept"] = kept.write(self.directory, arm, seed, contents or {})
            if replaces:
                epochs = self._files.epochs_of(arm, seed)
                record["epochs"] = digest_epochs(epochs)
                line = to_line(pack(self._header, record)).rstrip(b"\n")
                replace_run(self.directory, (arm, seed), line, epochs)
            else:
                self._files.append(RUNS, pack(self._header, record))
        self._outdated.pop((arm, seed), None)
        self.release(arm, seed)


def is_outdated(directory: pathlib.Path, run: Record) -> bool:
    """Whether `--rerun` computes a run again: other code computed it, or a file that it kept is lost."""
    return run["code"] != code_digest() or not kept.is_intact(directory, run)


def _finite(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """`metrics` with None for floats that are not finite, as JSON has no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in metrics.items()
    }


def read_sweep(directory: pathlib.Path) -> tuple[Header, list[Record]]:
    """The content of config.json, and the recorded runs by arm (as in config.json) and seed.

    Includes the records of commands that are running or were killed, and writes nothing. Fields that were
    added to the project after a run was recorded have their default.

    Raises UserError if nothing is recorded, a file is damaged, two results of one run differ, or runs of an
    arm are no repetitions of one config.
    """
    from lenet_jax.config.identity import complete  # late: it loads JAX, which recording doesn't need

    require_header(directory)
    runs = _read_runs(directory)
    header = require_header(
        directory
    )  # after the runs, whose provenances are listed before they are recorded
    if not runs.lines:
        raise UserError(
            f"{directory} holds no recorded runs: run experiments.ablate with this --workdir first."
        )
    records = runs.records(header)
    completed = [
        {**records[run], "config": complete(records[run]["config"])}
        for run in sorted(records, key=run_order(header))
    ]
    check_repetitions(directory, completed)
    return {**header, "config": complete(header["config"])}, completed


def read_epochs(directory: pathlib.Path) -> list[dict[str, Any]]:
    """The epochs of the recorded runs, in the order of `read_sweep`: `arm`, `seed`, `epoch` and metrics.

    Raises UserError as `read_sweep` does; without recorded epochs the list is empty.
    """
    order = run_order(require_header(directory))
    runs = _read_runs(directory)
    epochs, damage = recorded_epochs(directory, runs)
    while runs.read_on():  # some were recorded in between, or replaced along with their epochs
        epochs, damage = recorded_epochs(directory, runs)
    if damage:
        raise UserError(f"{damage[0]}. Run the sweep's command again: it sets the line aside.")
    return [line.content for run in sorted(epochs, key=order) for line in epochs[run]]


def _read_runs(directory: pathlib.Path) -> RecordedRuns:
    """The recorded runs. Raises UserError if a line is damaged whose run was not recorded again."""
    runs = RecordedRuns(directory)
    runs.read_on()
    if lost := [line for line in runs.damage if not runs.is_recorded_again(line)]:
        raise UserError(
            f"{lost[0]}. Run the sweep's command again: it sets the line aside and computes what is missing."
        )
    return runs
