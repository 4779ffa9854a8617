"""The files that one process appends its lines to."""

import errno
import os
import pathlib
import secrets
from collections.abc import Mapping
from typing import Any

from lenet_jax import files
from lenet_jax.runs import claims
from lenet_jax.runs.lines import to_line
from lenet_jax.runs.recorded import EPOCHS, RUNS, worker_path


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
        try:
            for kind, path in self._paths.items():
                self._descriptors[kind] = os.open(path, flags, 0o666)
        except OSError as error:
            raise files.cannot_write(f"--workdir={directory}", error) from error
        claims.lock_at_once(self._descriptors[RUNS])

    def append(self, kind: str, content: Mapping[str, Any]) -> None:
        """Appends one line, as a whole or not at all; a run's line reaches the disk before this returns.

        Raises UserError if it cannot be written.
        """
        descriptor, line = self._descriptors[kind], to_line(content)
        try:
            size = os.fstat(descriptor).st_size
            if os.write(descriptor, line) < len(line):
                os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if kind == RUNS:
                os.fsync(descriptor)
        except OSError as error:
            raise files.cannot_write(self._paths[kind], error) from error

    def close(self) -> None:
        """Closes and unlocks the files, which remain until a merge."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
