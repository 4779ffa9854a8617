"""Runs in progress on disk, from which a later command goes on exactly.

`checkpoints/ARM-seedN/epoch-E.msgpack` in a sweep's folder holds one run after epoch E: parameters, the
optimizer's state, and what was measured so far. Each file is written atomically and starts with its SHA-256.
The two newest are kept, so that there is one before a damaged one; all go when the run is recorded. Only the
process that has claimed a run touches its files.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import pathlib
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging
from flax import serialization

from lenet_jax import files
from lenet_jax.config.identity import identifies
from lenet_jax.runs import claims, group, interruption
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.lines import digest
from lenet_jax.runs.population import Attempt, Network, Saved
from lenet_jax.runs.provenance import check_settings, processor, provenance, settings
from lenet_jax.runs.recorded import Key
from lenet_jax.runs.run import Run
from lenet_jax.training.epoch import Answers

FOLDER = "checkpoints"
KEPT = 2
_PLAIN = [field.name for field in dataclasses.fields(Attempt) if field.name not in ("network", "answers")]
NAME = re.compile(r"epoch-(\d+)\.msgpack")


class Checkpoints:
    """The checkpoints of a sweep's folder."""

    def __init__(self, directory: pathlib.Path):
        self._sweep = directory
        self._directory = directory / FOLDER
        self._last_saved = time.monotonic()

    def save_if_due(self, runs: Sequence[Run], take: Callable[[], list[Saved]]) -> None:
        """Saves runs in training if this process was told to end, or `config.checkpoint_minutes` have passed.

        In a group of processes, the minutes of process 0 count, so that all save after the same epoch.

        Args:
          runs: none in a process of a group that has none.
          take: returns where each run is.

        Raises UserError if a file cannot be written.
        """
        minutes = runs[0].resolved.config.checkpoint_minutes if runs else math.inf
        have_passed = time.monotonic() - self._last_saved >= 60 * minutes
        if group.gather(have_passed)[0].any() or interruption.is_requested():
            for run, saved in zip(runs, take(), strict=True):
                self.write(run, saved)
            self._last_saved = time.monotonic()

    def write(self, run: Run, saved: Saved) -> None:
        """Saves a run. Raises UserError if the file cannot be written."""
        payload = serialization.msgpack_serialize({
            "made_by": _made_by(run),
            "settings": _settings(run),
            "epoch": saved.epoch,
            "attempt": _pack(saved.attempt),
            "leaves": {f"{number}": np.asarray(leaf) for number, leaf in enumerate(saved.leaves)},
        })  # fmt: skip
        folder = self._folder(run.key)
        files.make_directory(folder, flag="")
        files.write(folder / f"epoch-{saved.epoch}.msgpack", _checksum(payload) + payload)
        for path in self._newest_first(run)[KEPT:]:
            with files.writing(path):
                path.unlink(missing_ok=True)

    def read(self, run: Run) -> Saved | None:
        """Where a run goes on: its newest intact checkpoint. None if it has none.

        A damaged one is named and removed, and the one before it is used. Those of other code or of a changed
        config are removed, as the run could not go on exactly.

        Raises UserError if a file cannot be read, or if this process has other settings than the one that
        wrote it.
        """
        for path in self._newest_first(run):
            with files.reading(path):
                content = path.read_bytes()
            checksum, payload = content[: len(_checksum(b""))], content[len(_checksum(b"")) :]
            if checksum != _checksum(payload):
                logging.warning("%s is damaged: it was removed, and the one before it is used.", path)
                with files.writing(path):
                    path.unlink()
                continue
            found = serialization.msgpack_restore(payload)
            if found["made_by"] != _made_by(run):
                message = "%s is of other code, libraries or config, or another machine: %s starts again."
                logging.warning(message, path, run.name)
                break
            check_settings(self._sweep, found["settings"], _settings(run))
            leaves = [found["leaves"][f"{number}"] for number in range(len(found["leaves"]))]
            return Saved(found["epoch"], _unpack(found["attempt"]), leaves)
        self.remove(run)
        return None

    def remove(self, run: Run) -> None:
        """Removes the checkpoints of a run, if there are any."""
        shutil.rmtree(self._folder(run.key), ignore_errors=True)

    def has(self, key: Key) -> bool:
        """Whether there may be checkpoints of a run."""
        return self._folder(key).exists()

    def remove_recorded(self, runs: Iterable[Key]) -> None:
        """Removes what a kill has left of recorded runs; not of those that a process computes again."""
        for key in runs:
            if not claims.is_claimed(self._sweep, *key):
                shutil.rmtree(self._folder(key), ignore_errors=True)

    def close(self) -> None:
        """Removes the folder if it is empty."""
        with contextlib.suppress(OSError):  # not there, or another process has checkpoints in it
            self._directory.rmdir()

    def _folder(self, key: Key) -> pathlib.Path:
        arm, seed = key
        return self._directory / f"{arm}-seed{seed}"

    def _newest_first(self, run: Run) -> list[pathlib.Path]:
        names = {path: NAME.fullmatch(path.name) for path in self._folder(run.key).glob("epoch-*")}
        epochs = {path: int(match[1]) for path, match in names.items() if match}
        return sorted(epochs, key=lambda path: epochs[path], reverse=True)


def _made_by(run: Run) -> str:
    """A digest of what a run in progress depends on: its config, `code_digest`, the libraries, the device."""
    fields = {
        field: value
        for field, value in run.resolved.fields.items()
        if identifies(field) or field == "keep"  # which network was kept so far
    }
    computed_by = {name: provenance()[name] for name in ("python", "libraries", "device")}
    return digest({"fields": fields, "code": code_digest(), "processor": processor(), **computed_by})


def _settings(run: Run) -> dict[str, Any]:
    return settings(run.resolved.config.parallel)


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()


def _pack(attempt: Attempt) -> dict[str, Any]:
    """An attempt in types that msgpack has; what isn't an array as JSON, which keeps the order of names."""
    plain = {name: getattr(attempt, name) for name in _PLAIN}
    return {
        "plain": json.dumps(plain),
        "network": attempt.network and attempt.network._asdict(),
        "answers": {split: found._asdict() for split, found in attempt.answers.items()},
    }


def _unpack(packed: Mapping[str, Any]) -> Attempt:
    """The inverse of `_pack`."""
    return Attempt(
        **json.loads(packed["plain"]),
        network=packed["network"] and Network(**packed["network"]),
        answers={split: Answers(**found) for split, found in packed["answers"].items()},
    )
