"""Which process may change what in a folder, by file locks, which end with the process that holds them."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Generator

from lenet_jax import files


@contextlib.contextmanager
def locked(directory: pathlib.Path) -> Generator[None, None, None]:
    """Holds the folder's lock; files that processes share are changed under it only.

    Waits for a process that holds it. Raises UserError if the folder cannot be written.
    """
    try:
        lock = open(directory / ".lock", "a", encoding="utf-8")  # noqa: SIM115, closed below
    except OSError as error:
        raise files.cannot_write(f"--workdir={directory}", error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def lock_at_once(descriptor: int) -> bool:
    """Locks an open file unless another process has; returns whether it succeeded. Closing unlocks it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Claims:
    """The runs that this process has claimed in a folder: one locked file in DIR/.claims for each."""

    def __init__(self, directory: pathlib.Path):
        self._folder = directory / ".claims"
        self._held: dict[tuple[str, int], int] = {}

    def take(self, arm: str, seed: int) -> bool:
        """Claims a run unless a process, this one included, has claimed it; returns whether it succeeded."""
        path = self._path(arm, seed)
        while True:
            self._folder.mkdir(exist_ok=True)
            try:
                claim = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                continue  # another process has just removed the empty folder
            if not lock_at_once(claim):
                os.close(claim)
                return False
            if _is_open_at(claim, path):
                break
            os.close(claim)  # another process has just removed the file as it released the run
        os.ftruncate(claim, 0)
        os.write(claim, str(os.getpid()).encode())
        self._held[arm, seed] = claim
        return True

    def release(self, arm: str, seed: int) -> None:
        """Releases a claimed run. Raises KeyError if this process has not claimed it."""
        claim = self._held.pop((arm, seed))
        self._path(arm, seed).unlink(missing_ok=True)  # while locked, so as not to remove another's
        os.close(claim)

    def release_all(self) -> None:
        """Releases all claimed runs."""
        for arm, seed in list(self._held):
            self.release(arm, seed)
        with contextlib.suppress(OSError):  # not there, or another process has claims in it
            self._folder.rmdir()

    def holds(self, arm: str, seed: int) -> bool:
        """Whether this process has claimed a run."""
        return (arm, seed) in self._held

    def holder(self, arm: str, seed: int) -> int | None:
        """The ID of the process that last claimed a run, for messages; None if it has released the run."""
        try:
            return int(self._path(arm, seed).read_text())
        except (OSError, ValueError):
            return None

    def _path(self, arm: str, seed: int) -> pathlib.Path:
        return self._folder / f"{arm}-seed{seed}"


def _is_open_at(descriptor: int, path: pathlib.Path) -> bool:
    """Whether the open file is the one at `path` now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
