"""Which process may change what in a folder, by file locks, which end with the process that holds them."""

import contextlib
import os
import pathlib
from collections.abc import Generator

from lenet_jax import files

FOLDER = ".claims"


@contextlib.contextmanager
def locked(directory: pathlib.Path) -> Generator[None, None, None]:
    """Holds the folder's lock; files that processes share are changed under it only.

    Waits for a process that holds it. Raises UserError if the folder cannot be written or has no locks.
    """
    with contextlib.ExitStack() as stack:
        with files.writing(directory, "--workdir="):
            lock = stack.enter_context(open(directory / ".lock", "a", encoding="utf-8"))
            files.lock(lock.fileno())
        yield


def lock_at_once(descriptor: int) -> bool:
    """Locks an open file unless another process has; returns whether it succeeded. Closing unlocks it.

    Raises OSError as `files.lock` does.
    """
    return files.lock(descriptor, wait=False)


def claimed(directory: pathlib.Path) -> set[tuple[str, int]]:
    """The runs, by arm and seed, that processes compute now. Raises UserError as `is_claimed` does."""
    with files.reading(directory / FOLDER):
        try:
            names = [path.name for path in (directory / FOLDER).iterdir()]
        except FileNotFoundError:
            return set()
    runs = (
        (arm, int(seed)) for arm, _, seed in (name.rpartition("-seed") for name in names) if seed.isdigit()
    )
    return {run for run in runs if is_claimed(directory, *run)}


def path_of(directory: pathlib.Path, arm: str, seed: int) -> pathlib.Path:
    """The file that stands for a run while a process computes it."""
    return directory / FOLDER / f"{arm}-seed{seed}"


def is_claimed(directory: pathlib.Path, arm: str, seed: int) -> bool:
    """Whether a process computes a run now.

    For a moment this holds the claim of a run that no process computes. Raises UserError if the folder
    cannot be read or has no locks.
    """
    path = path_of(directory, arm, seed)
    with files.reading(path):
        # To lock a file, network file systems want it open for writing.
        flags = os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY
        try:
            claim = os.open(path, flags)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            return not lock_at_once(claim)
        finally:
            os.close(claim)


class Claims:
    """The runs that this process has claimed in a folder: one locked file in DIR/.claims for each."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._folder = directory / FOLDER
        self._held: dict[tuple[str, int], int] = {}

    def take(self, arm: str, seed: int) -> bool:
        """Claims a run unless a process, this one included, has claimed it; returns whether it succeeded.

        Raises UserError if the folder cannot be written.
        """
        path = path_of(self._directory, arm, seed)
        with files.writing(self._directory, "--workdir="):
            claim = self._open_locked(path)
            if claim is None:
                return False
            self._held[arm, seed] = claim
            with contextlib.suppress(OSError):  # it is for messages only
                os.ftruncate(claim, 0)
                os.write(claim, str(os.getpid()).encode())
        return True

    def _open_locked(self, path: pathlib.Path) -> int | None:
        """Opens and locks the file at `path`; None if another has locked it."""
        while True:
            self._folder.mkdir(exist_ok=True)
            try:
                claim = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                continue  # another process has just removed the empty folder
            with contextlib.ExitStack() as stack:
                stack.callback(os.close, claim)
                if not lock_at_once(claim):
                    return None
                if files.is_open_at(claim, path):
                    stack.pop_all()  # stays open
                    return claim
            # Another process has just removed the file as it released the run.

    def release(self, arm: str, seed: int) -> None:
        """Releases a claimed run. Raises KeyError if this process has not claimed it."""
        claim = self._held.pop((arm, seed))
        with contextlib.suppress(OSError):  # a file that stays claims nothing
            path_of(self._directory, arm, seed).unlink()  # while locked, so as not to remove another's
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
            return int(path_of(self._directory, arm, seed).read_text())
        except (OSError, ValueError):
            return None
