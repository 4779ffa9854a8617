"""Merges all that is recorded in a folder into runs.jsonl and epochs.jsonl, or moves runs out of them.

Each file is replaced atomically, and lines are removed only after they were copied. So a kill at any
moment leaves every recorded run in at least one file, and identical lines count once.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterable

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.runs import claims, kept
from lenet_jax.runs.header import Header, require_header, unpack, write_header
from lenet_jax.runs.lines import LineFile, replace_lines, set_lines_aside
from lenet_jax.runs.recorded import (
    EPOCHS,
    RUNS,
    Key,
    RecordedRuns,
    key_of,
    merged_path,
    recorded_epochs,
    run_order,
    worker_names,
    worker_path,
)

REPLACED = "replaced"


def merge(directory: pathlib.Path) -> None:
    """Rewrites runs.jsonl and epochs.jsonl from all files, ordered by arm (as in config.json) and seed.

    Files of workers that have ended are removed, those of running ones stay. Damaged lines are set aside with
    a warning. Unchanged files are left alone.

    Raises UserError if config.json is missing or damaged, if two results of one run differ, or if
    a file cannot be written.
    """
    with claims.locked(directory):
        merge_files(directory, require_header(directory))


def merge_files(directory: pathlib.Path, header: Header) -> None:
    """`merge` with a new `header` for config.json. The caller has locked the folder."""
    with contextlib.ExitStack() as stack:
        ended = [name for name in worker_names(directory) if _has_ended(directory, name, stack)]
        runs = RecordedRuns(directory)
        runs.read_on()
        epochs, damaged_epochs = recorded_epochs(directory, runs)
        order = sorted(runs.lines, key=run_order(header))

        write_header(directory, header)
        live = [
            worker_path(directory, kind, name)
            for kind in (RUNS, EPOCHS)
            for name in runs.workers
            if name not in ended
        ]
        set_lines_aside(line for line in runs.damage + damaged_epochs if line.path not in live)
        # Epochs first, so that a reader of runs.jsonl finds the epochs of its runs.
        replace_lines(
            merged_path(directory, EPOCHS), (line.text for run in order for line in epochs.get(run, []))
        )
        replace_lines(merged_path(directory, RUNS), (runs.lines[run][0].text for run in order))
        for name in ended:  # the runs file last: a later merge finds the other one by it
            for kind in (EPOCHS, RUNS):
                worker_path(directory, kind, name).unlink(missing_ok=True)


def _has_ended(directory: pathlib.Path, worker: str, stack: contextlib.ExitStack) -> bool:
    """Whether a worker no longer holds its file, which is then kept locked until `stack` unwinds."""
    descriptor = os.open(worker_path(directory, RUNS, worker), os.O_RDWR)
    stack.callback(os.close, descriptor)
    return claims.lock_at_once(descriptor)


def set_run_aside(directory: pathlib.Path, header: Header, run: Key) -> None:
    """Moves a run's line and its epochs to replaced/, after a merge, and copies its files there.

    The caller has locked the folder.

    Raises UserError if it was recorded by a process that is still running.
    """
    merge_files(directory, header)
    runs = RecordedRuns(directory)
    runs.read_on()
    if any(run in runs.of_worker(name) for name in runs.workers):
        raise UserError(
            f"{directory}: arm {run[0]} with seed {run[1]} was recorded by a command that is still running: "
            "wait until it ends, then use --rerun again."
        )
    remaining: dict[pathlib.Path, list[bytes]] = {}
    for kind in (RUNS, EPOCHS):
        merged = LineFile(merged_path(directory, kind), appended=False)
        merged.read_on()
        remaining[merged.path] = [line.text for line in merged.lines if key_of(line) != run]
        moved = [line for line in merged.lines if key_of(line) == run]
        _add_lines(directory / REPLACED / merged.path.name, [line.text for line in moved])
        if kind == RUNS:
            for line in moved:
                kept.set_aside(directory, directory / REPLACED, unpack(directory, header, line.content))
    for path, texts in remaining.items():
        replace_lines(path, texts)


def _add_lines(path: pathlib.Path, texts: Iterable[bytes]) -> None:
    """Adds the lines that the file lacks; after a kill, it may hold lines that were not yet removed."""
    known = path.read_bytes().splitlines() if path.exists() else []
    if added := [text for text in texts if text not in known]:
        files.make_directory(path.parent)
        replace_lines(path, [*known, *added])
