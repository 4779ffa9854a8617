"""The files that one process appends its lines to."""

import contextlib
import errno
import os
import pathlib
import secrets
from collections.abc import Mapping
from typing import Any

from lenet_jax import files
from lenet_jax.runs import claims
from lenet_jax.runs.lines import LineFile, to_line
from lenet_jax.runs.recorded import EPOCHS, FIELDS, RUNS, last_attempts, worker_path


class WorkerFiles:
    """runs.WORKER.jsonl and epochs.WORKER.jsonl, for a WORKER name that is never used twice.

    The first is locked until `close`, so that a merge can see that both are still in use.
    """

    def __init__(self, directory: pathlib.Path):
        """Creates the files. The caller has locked the folder: a merge would remove unlocked files.

        Raises UserError if the folder cannot be written.
        """
        worker = f"{os.getpid()}-{secrets.token_hex(4)}"  # processes on two machines may share an ID
        self._paths = {kind: worker_path(directory, kind, worker) for kind in (RUNS, EPOCHS)}
        self._descriptors: dict[str, int] = {}
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            with files.writing(directory, "--workdir="):
                for kind, path in self._paths.items():
                    self._descriptors[kind] = os.open(path, flags, 0o666)
                claims.lock_at_once(self._descriptors[RUNS])
            files.sync_folder(directory)
            stack.pop_all()  # stay open

    def epochs_of(self, arm: str, seed: int) -> list[bytes]:
        """The lines, without line feeds, of a run's epochs that were appended in its last attempt."""
        file = LineFile(self._paths[EPOCHS], appended=True, fields=FIELDS[EPOCHS])
        file.read_on()
        return [line.text for line in last_attempts(file.lines, {(arm, seed)}).get((arm, seed), [])]

    def append(self, kind: str, content: Mapping[str, Any]) -> None:
        """Appends one line, as a whole or not at all.

        A run's line, and the epochs that were appended before it, reach the disk before this returns.

        Raises UserError if it cannot be written.
        """
        descriptor, line = self._descriptors[kind], to_line(content)
        with files.writing(self._paths[kind]):
            size = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if kind == RUNS:
                    os.fsync(self._descriptors[EPOCHS])
                    os.fsync(descriptor)
            except OSError:
                with contextlib.suppress(OSError):  # then a torn line stays at the end, which readers ignore
                    os.ftruncate(descriptor, size)
                raise

    def close(self) -> None:
        """Closes and unlocks the files, which remain until a merge."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
