"""The files that a run keeps next to its line: its trained network, and its answers image by image.

============================  ==========================================================
weights/ARM-seedN.msgpack     parameters and wiring
predictions/ARM-seedN.msgpack class and margin for each validation and test image
============================  ==========================================================

A run's line holds the size and the SHA-256 of each of its files, so that a file that was altered is noticed.
"""

import hashlib
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from lenet_jax import files
from lenet_jax.errors import UserError

WEIGHTS, PREDICTIONS = "weights", "predictions"
DIGITS = 8  # of a SHA-256 in a file name
AGAIN = "to compute it again, run the folder's command with --rerun"

Kept = dict[str, dict[str, Any]]  # WEIGHTS or PREDICTIONS -> "bytes" and "sha256", as a run's line has them


def path_of(directory: pathlib.Path, kind: str, arm: str, seed: int) -> pathlib.Path:
    """The file of a run; `kind` is WEIGHTS or PREDICTIONS."""
    return directory / kind / f"{arm}-seed{seed}.msgpack"


def write(directory: pathlib.Path, arm: str, seed: int, contents: Mapping[str, bytes]) -> Kept:
    """Writes a run's files, {kind: content}, each atomically; returns what its line says of them.

    Files of other kinds, which an earlier computation of the run has kept, are removed.

    Raises UserError if a file cannot be written.
    """
    for kind in {WEIGHTS, PREDICTIONS} - contents.keys():
        path = path_of(directory, kind, arm, seed)
        with files.writing(path):
            path.unlink(missing_ok=True)
    for kind, content in contents.items():
        path = path_of(directory, kind, arm, seed)
        files.make_directory(path.parent, flag="")
        files.write(path, content)
    return {kind: {"bytes": len(content), "sha256": _digest(content)} for kind, content in contents.items()}


def read(directory: pathlib.Path, kind: str, run: Mapping[str, Any]) -> bytes:
    """The content of a run's file, as it was written.

    Args:
      run: its record, as `lenet_jax.runs.store.read_sweep` returns it.

    Raises UserError if the run has no such file, or it is missing or damaged.
    """
    path = path_of(directory, kind, run["arm"], run["seed"])
    if kind not in run["kept"]:
        raise UserError(
            f"{directory} has no {kind} of arm {run['arm']} with seed {run['seed']}: {_why(run)}."
        )
    entry, damaged = run["kept"][kind], f"{path} is damaged, its SHA-256 is not the recorded one: {AGAIN}."
    with files.reading(path):
        try:
            if path.stat().st_size != entry["bytes"]:  # so that no other file is loaded into memory
                raise UserError(damaged)
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(f"{path} is missing: {AGAIN}.") from None
    if _digest(content) != entry["sha256"]:
        raise UserError(damaged)
    return content


def _why(run: Mapping[str, Any]) -> str:
    """Why a run has no file."""
    if run["result"].get("status") == "diverged":
        return "the run diverged"
    if run["config"].get("keep") == "none":
        return "it ran with --config.keep=none; run it in another folder with --config.keep=last"
    return f"it was recorded before they were kept; {AGAIN}"


def exists(directory: pathlib.Path, kind: str, run: Mapping[str, Any]) -> bool:
    """Whether the run has kept such a file, and it is there."""
    path = path_of(directory, kind, run["arm"], run["seed"])
    with files.reading(path):
        return kind in run["kept"] and path.exists()


def is_intact(directory: pathlib.Path, run: Mapping[str, Any]) -> bool:
    """Whether all files that the run has kept are still as they were written."""
    return all(_current(directory, kind, run) == entry["sha256"] for kind, entry in run["kept"].items())


def set_aside(directory: pathlib.Path, replaced: pathlib.Path, run: Mapping[str, Any]) -> None:
    """Copies a run's files to the folder `replaced`; their names there hold their SHA-256's first digits.

    Raises UserError if one cannot be read or written.
    """
    for kind in run["kept"]:
        path = path_of(directory, kind, run["arm"], run["seed"])
        with files.reading(path):
            content = path.read_bytes() if path.exists() else None
        if content is not None:
            copy = replaced / kind / f"{path.stem}-{_digest(content)[:DIGITS]}{path.suffix}"
            files.make_directory(copy.parent, flag="")
            files.write(copy, content)


def describe(directory: pathlib.Path, runs: Iterable[Mapping[str, Any]]) -> str:
    """One line: how many networks the folder holds, and their size."""
    sizes = [run["kept"][WEIGHTS]["bytes"] for run in runs if exists(directory, WEIGHTS, run)]
    if not sizes:
        return f"No networks kept in {directory / WEIGHTS}"
    networks = "1 network" if len(sizes) == 1 else f"{len(sizes)} networks"
    megabytes = sum(sizes) / 1e6
    size = f"{megabytes:,.0f}" if megabytes >= 10 else f"{megabytes:.2g}"
    return f"{networks} kept in {directory / WEIGHTS}, {size} MB"


def _current(directory: pathlib.Path, kind: str, run: Mapping[str, Any]) -> str:
    """The SHA-256 of a run's file as it is now; "" if it cannot be read."""
    try:
        return _digest(path_of(directory, kind, run["arm"], run["seed"]).read_bytes())
    except OSError:
        return ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
