"""Merges all that is recorded in a folder into runs.jsonl and epochs.jsonl, or replaces runs there.

Each file is replaced atomically, and lines are removed only after they were copied. So a kill at any
moment leaves every recorded run in at least one file, and identical lines count once.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterable, Sequence

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.runs import claims, kept
from lenet_jax.runs.header import Header, require_header, unpack, write_header
from lenet_jax.runs.lines import replace_lines, set_lines_aside
from lenet_jax.runs.recorded import (
    EPOCHS,
    RUNS,
    Key,
    RecordedRuns,
    key_of,
    merged_lines,
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
                path = worker_path(directory, kind, name)
                with files.writing(path):
                    path.unlink(missing_ok=True)
    replaced = directory / REPLACED
    for folder in (directory, replaced):
        for part in (folder, folder / kept.WEIGHTS, folder / kept.PREDICTIONS):
            files.remove_abandoned_drafts(part)


def _has_ended(directory: pathlib.Path, worker: str, stack: contextlib.ExitStack) -> bool:
    """Whether a worker no longer holds its file, which is then kept locked until `stack` unwinds."""
    path = worker_path(directory, RUNS, worker)
    with files.writing(path):
        descriptor = os.open(path, os.O_RDWR)
        stack.callback(os.close, descriptor)
        return claims.lock_at_once(descriptor)


def refuse_if_in_use(directory: pathlib.Path, runs: RecordedRuns, run: Key) -> None:
    """Raises UserError if a run is in the file of a command, which has not ended, as files were merged."""
    if any(run in runs.of_worker(name) for name in runs.workers):
        raise UserError(
            f"{directory}: arm {run[0]} with seed {run[1]} was recorded by a command that is still running: "
            "wait until it ends, then use --rerun again."
        )


def copy_run_aside(directory: pathlib.Path, header: Header, run: Key) -> None:
    """Copies a run's line, its epochs and its files to replaced/, after a merge; the run still counts.

    The caller has locked the folder.

    Raises UserError if it was recorded by a process that is still running, or a file cannot be written.
    """
    merge_files(directory, header)
    runs = RecordedRuns(directory)
    runs.read_on()
    refuse_if_in_use(directory, runs, run)
    for kind in (EPOCHS, RUNS):
        copied = [line for line in merged_lines(directory, kind).lines if key_of(line) == run]
        _add_lines(directory / REPLACED / f"{kind}.jsonl", [line.text for line in copied])
        if kind == RUNS:
            for line in copied:
                kept.set_aside(directory, directory / REPLACED, unpack(directory, header, line.content))


def replace_run(directory: pathlib.Path, run: Key, line: bytes, epochs: Sequence[bytes]) -> None:
    """Puts a run's new line and epochs in place of those that `copy_run_aside` has copied.

    runs.jsonl is replaced in one step, so that one of the two results counts at each moment. Until then and
    a moment longer, epochs.jsonl has the epochs of both, of which readers know by `line` which count. The
    caller has locked the folder.

    Args:
      line: with the `digest_epochs` of `epochs`.

    Raises UserError if a file cannot be written.
    """
    before = merged_lines(directory, EPOCHS).lines
    others, old = ([at for at in before if (key_of(at) == run) == is_old] for is_old in (False, True))
    path = merged_path(directory, EPOCHS)
    replace_lines(path, [*(other.text for other in others), *epochs, *(earlier.text for earlier in old)])
    runs = [other for other in merged_lines(directory, RUNS).lines if key_of(other) != run]
    replace_lines(merged_path(directory, RUNS), [*(other.text for other in runs), line])
    replace_lines(path, [*(other.text for other in others), *epochs])


def _add_lines(path: pathlib.Path, texts: Iterable[bytes]) -> None:
    """Adds the lines that the file lacks; after a kill, it may hold lines that were not yet replaced."""
    with files.reading(path):
        known = path.read_bytes().splitlines() if path.exists() else []
    if added := [text for text in texts if text not in known]:
        files.make_directory(path.parent, flag="")
        replace_lines(path, [*known, *added])
