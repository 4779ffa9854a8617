"""Which runs are recorded in a folder: in its merged files, and in those of running or killed processes."""

import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.runs.agreement import check_line
from lenet_jax.runs.header import DIGITS, Header, Record, unpack
from lenet_jax.runs.lines import DamagedLine, Line, LineFile

RUNS, EPOCHS = "runs", "epochs"
FIELDS = {  # of their lines
    RUNS: ("arm", "seed", "result", "images", "code", "departs", "departs_from", "provenance"),
    EPOCHS: ("arm", "seed", "epoch"),
}
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
    matches = map(WORKER_FILE.fullmatch, files.names_in(directory))
    return [match[1] for match in matches if match]


def merged_lines(directory: pathlib.Path, kind: str) -> LineFile:
    """runs.jsonl or epochs.jsonl, read."""
    file = LineFile(merged_path(directory, kind), appended=False, fields=FIELDS[kind])
    file.read_on()
    return file


def worker_lines(directory: pathlib.Path, kind: str, worker: str) -> LineFile:
    """The file of one worker, not read yet."""
    return LineFile(worker_path(directory, kind, worker), appended=True, fields=FIELDS[kind])


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
        self._merged = LineFile(merged_path(directory, RUNS), appended=False)  # not read yet
        self._version: tuple[int, ...] | None = None
        self.lines: dict[Key, tuple[Line, pathlib.Path]] = {}

    def read_on(self) -> bool:
        """Reads new lines; returns whether anything changed. Raises UserError if results of a run differ."""
        known = self._workers
        self._workers = {
            name: known.get(name) or worker_lines(self._directory, RUNS, name)
            for name in worker_names(self._directory)
        }
        changed = self._workers.keys() != known.keys()
        for file in self._workers.values():
            changed |= file.read_on()
        version = _version(self._merged.path)
        if version != self._version:
            self._version = version
            self._merged = merged_lines(self._directory, RUNS)
            changed = True
        if changed:
            self.lines = _join([self._merged, *self._workers.values()])
        return changed

    def records(self, header: Header) -> dict[Key, Record]:
        """Each run's record.

        Raises UserError if one refers to another config than the header's, or is not the run's.
        """
        records = {}
        for run, (line, _) in self.lines.items():
            records[run] = unpack(self._directory, header, line.content)
            check_line(self._directory, records[run])
        return records

    @property
    def provenances(self) -> set[str]:
        """The digests of the runs' provenances."""
        return {line.content["provenance"] for line, _ in self.lines.values()}

    @property
    def damage(self) -> list[DamagedLine]:
        """The damaged lines of all files."""
        return [line for file in (self._merged, *self._workers.values()) for line in file.damage]

    @property
    def is_merged_file_damaged(self) -> bool:
        """Whether runs.jsonl has damaged lines, which a merge sets aside even while commands run."""
        return bool(self._merged.damage)

    def is_recorded_again(self, line: DamagedLine) -> bool:
        """Whether all runs that a damaged line may have held, by what can be read of it, are recorded."""
        named = re.finditer(rb'"arm": "([^"]*)".{,200}?"seed": (\d+)', line.text)
        runs = {(match[1].decode(errors="replace"), int(match[2][:18])) for match in named}
        return bool(runs) and runs <= self.lines.keys()

    @property
    def workers(self) -> list[str]:
        """The workers whose files the last `read_on` found."""
        return list(self._workers)

    def of_worker(self, name: str) -> set[Key]:
        """The runs that are in the file of one of `workers`."""
        return {key_of(line) for line in self._workers[name].lines}


def _version(path: pathlib.Path) -> tuple[int, ...] | None:
    """A value that changes whenever the file is replaced; None if there is no file."""
    with files.reading(path):
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
                    f"{places} two different results of arm {arm} with seed {seed}"
                    f"{_differing_fields(other.content, line.content)}: remove one of the two lines."
                )
    return found


def _differing_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In which fields the configs of two lines differ, as far as the lines tell; "" if in none."""
    values = [{**line["departs"], "dataset": line["result"].get("dataset")} for line in (one, other)]
    fields = [field for field in {**values[0], **values[1]} if values[0].get(field) != values[1].get(field)]
    if not fields and one["departs_from"] != other["departs_from"]:
        return ", of two configs"
    return f", which differ in {' and '.join(fields)}" if fields else ""


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
        file = worker_lines(directory, EPOCHS, name)
        file.read_on()
        damage += file.damage
        found |= last_attempts(file.lines, runs.of_worker(name))
    merged = merged_lines(directory, EPOCHS)
    of_runs = attempts(merged.lines, set(runs.lines))
    of_merged = {run: _counting(its, runs.lines[run][0]) for run, its in of_runs.items()}
    return of_merged | found, damage + merged.damage


def last_attempts(lines: Iterable[Line], runs: set[Key]) -> dict[Key, list[Line]]:
    """The lines of each run since its epochs last restarted."""
    return {run: of_run[-1] for run, of_run in attempts(lines, runs).items()}


def attempts(lines: Iterable[Line], runs: set[Key]) -> dict[Key, list[list[Line]]]:
    """The lines of each run, apart for each time that its epochs restarted."""
    found: dict[Key, list[list[Line]]] = {}
    for line in lines:
        if (run := key_of(line)) in runs:
            of_run = found.setdefault(run, [[]])
            if of_run[-1] and line.content["epoch"] <= of_run[-1][-1].content["epoch"]:
                of_run.append([])
            of_run[-1].append(line)
    return found


def digest_epochs(texts: Iterable[bytes]) -> str:
    """A digest of the lines of a run's epochs, which the line of a run that replaced another has."""
    return hashlib.sha256(b"\n".join(texts)).hexdigest()[:DIGITS]


def _counting(of_run: Sequence[list[Line]], run: Line) -> list[Line]:
    """The attempt whose digest the run's line has; the last, if the line has none."""
    wanted = run.content.get("epochs")
    if wanted is None:
        return of_run[-1]
    return next((its for its in of_run if digest_epochs(line.text for line in its) == wanted), [])
