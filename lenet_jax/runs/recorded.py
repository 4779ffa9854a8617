"""Which runs are recorded in a folder: in its merged files, and in those of running or killed processes."""

import os
import pathlib
import re
from collections.abc import Callable, Iterable

from lenet_jax.errors import UserError
from lenet_jax.runs.header import Header, Record, unpack
from lenet_jax.runs.lines import DamagedLine, Line, LineFile

RUNS, EPOCHS = "runs", "epochs"
WORKER_FILE = re.compile(rf"{RUNS}\.(\d+-[0-9a-f]{{8}})\.jsonl")  # process ID, and a random part
Key = tuple[str, int]  # arm and seed


def merged_path(directory: pathlib.Path, kind: str) -> pathlib.Path:
    """runs.jsonl or epochs.jsonl: replaced as a whole, never appended to."""
    return directory / f"{kind}.jsonl"


def worker_path(directory: pathlib.Path, kind: str, worker: str) -> pathlib.Path:
    """The file that one worker appends to; its "runs" file is locked while it is running."""
    return directory / f"{kind}.{worker}.jsonl"


def worker_names(directory: pathlib.Path) -> list[str]:
    """The workers whose files have not been merged and removed."""
    names = (WORKER_FILE.fullmatch(path.name) for path in directory.glob(f"{RUNS}.*.jsonl"))
    return sorted(match[1] for match in names if match)


def key_of(line: Line) -> Key:
    """The run that a line belongs to."""
    return line.content["arm"], line.content["seed"]


def run_order(header: Header) -> Callable[[Key], tuple[int, str, int]]:
    """A sort key for runs: arms in the order of config.json, then others by name; seeds within an arm."""
    position = {arm["name"]: number for number, arm in enumerate(header["arms"])}
    return lambda run: (position.get(run[0], len(position)), *run)


class RecordedRuns:
    """The recorded runs of a folder; `read_on` adds what was recorded since the last call.

    Workers' files are read before the merged one: a merge removes them only after it has their lines, so
    that every line is found in one of the two.

    Attributes:
      lines: each run's line, and the file that it was found in first.
    """

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._workers: dict[str, LineFile] = {}
        self._merged = LineFile(merged_path(directory, RUNS), appended=False)
        self._version: tuple[int, ...] | None = None
        self.lines: dict[Key, tuple[Line, pathlib.Path]] = {}

    def read_on(self) -> bool:
        """Reads new lines; returns whether anything changed. Raises UserError if results of a run differ."""
        known = self._workers
        self._workers = {
            name: known.get(name) or LineFile(worker_path(self._directory, RUNS, name), appended=True)
            for name in worker_names(self._directory)
        }
        changed = self._workers.keys() != known.keys()
        for file in self._workers.values():
            changed |= file.read_on()
        version = _version(self._merged.path)
        if version != self._version:
            self._version = version
            self._merged = LineFile(self._merged.path, appended=False)
            self._merged.read_on()
            changed = True
        if changed:
            self.lines = _join([self._merged, *self._workers.values()])
        return changed

    def records(self, header: Header) -> dict[Key, Record]:
        """Each run's record. Raises UserError if one refers to another config than the header's."""
        return {run: unpack(self._directory, header, line.content) for run, (line, _) in self.lines.items()}

    @property
    def provenances(self) -> set[str]:
        """The digests of the runs' provenances."""
        return {line.content["provenance"] for line, _ in self.lines.values()}

    @property
    def damage(self) -> list[DamagedLine]:
        """The damaged lines of all files."""
        return [line for file in (self._merged, *self._workers.values()) for line in file.damage]

    @property
    def workers(self) -> list[str]:
        """The workers whose files the last `read_on` found."""
        return list(self._workers)

    def of_worker(self, name: str) -> set[Key]:
        """The runs that are in the file of one of `workers`."""
        return {key_of(line) for line in self._workers[name].lines}


def _version(path: pathlib.Path) -> tuple[int, ...] | None:
    """A value that changes whenever the file is replaced; None if there is no file."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _join(run_files: Iterable[LineFile]) -> dict[Key, tuple[Line, pathlib.Path]]:
    """One line for each run. Raises UserError if two of its lines differ."""
    found: dict[Key, tuple[Line, pathlib.Path]] = {}
    for file in run_files:
        for line in file.lines:
            (arm, seed) = run = key_of(line)
            other, path = found.setdefault(run, (line, file.path))
            if other.content != line.content:
                places = f"{path} holds" if path == file.path else f"{path} and {file.path} hold"
                raise UserError(
                    f"{places} two different results of arm {arm} with seed {seed}: remove one of the two "
                    "lines."
                )
    return found


def recorded_epochs(
    directory: pathlib.Path, runs: RecordedRuns
) -> tuple[dict[Key, list[Line]], list[DamagedLine]]:
    """The epochs of recorded runs, each once, and the damaged lines. `runs` has been read just before.

    A run's epochs come from the worker that recorded it, as of its last attempt; once its file is merged
    and removed, from the merged one, which is therefore read last.
    """
    found: dict[Key, list[Line]] = {}
    damage: list[DamagedLine] = []
    for name in runs.workers:
        file = LineFile(worker_path(directory, EPOCHS, name), appended=True)
        file.read_on()
        damage += file.damage
        found |= _last_attempts(file.lines, runs.of_worker(name))
    merged = LineFile(merged_path(directory, EPOCHS), appended=False)
    merged.read_on()
    return _last_attempts(merged.lines, set(runs.lines)) | found, damage + merged.damage


def _last_attempts(lines: Iterable[Line], runs: set[Key]) -> dict[Key, list[Line]]:
    """The lines of each run since its epochs last restarted."""
    found: dict[Key, list[Line]] = {}
    for line in lines:
        if (run := key_of(line)) in runs:
            attempt = found.setdefault(run, [])
            if attempt and line.content["epoch"] <= attempt[-1].content["epoch"]:
                attempt.clear()
            attempt.append(line)
    return found
