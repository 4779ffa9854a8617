"""Files and folders: atomic replacement, locks, and one sentence for what cannot be read or written.

A reader sees the old file or the new one, even after a kill or a power cut. Every access to a folder's
records is inside `reading` or `writing`, which turn any `OSError` into a `UserError`.
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import re
import secrets
import time
from collections.abc import Generator, Iterator

from lenet_jax.errors import UserError

_DRAFT = re.compile(
    r"\..+\.(?:json|jsonl|npz|msgpack|csv|md|tex|html|png|pdf|svg)(?:\.damaged-\d+)?\.[0-9a-f]{8}\.(\d+)"
)
_ABANDONED = 3600  # seconds; no write takes that long

_ADVICE = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "to go on, free space and run the same command again")
_ADVICE |= dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit of open files (ulimit -n)")
_ADVICE[errno.ENAMETOOLONG] = "choose a shorter path"
_ADVICE[errno.EIO] = "check the disk"
_ADVICE[errno.ENOLCK] = "its file system has no file locks, so choose a folder on another one"


@contextlib.contextmanager
def reading(path: pathlib.Path) -> Generator[None, None, None]:
    """Raises UserError, which names `path`, for any OSError inside."""
    try:
        yield
    except OSError as error:
        raise cannot_read(path, error) from error


@contextlib.contextmanager
def writing(path: pathlib.Path, flag: str = "") -> Generator[None, None, None]:
    """Raises UserError, which names `path`, for any OSError inside.

    Args:
      flag: the flag that named `path`, as "--workdir=".
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error, flag) from error


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Generator[pathlib.Path, None, None]:
    """Yields a temporary path to write; it replaces `path` at the end, or is removed on an exception.

    Its name has a random part, so that no two share one, and ends in the process ID, see
    `remove_abandoned_drafts`.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Replaces `path`, for good once this returns; text is written as UTF-8.

    Raises UserError if it cannot be written.
    """
    with writing(path):
        with replacing(path) as draft, open(draft, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)


def sync_folder(directory: pathlib.Path) -> None:
    """Makes the names of a folder's files last through a power cut, on file systems that can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_directory(directory: pathlib.Path, flag: str = "--workdir=") -> None:
    """Creates `directory`, which `flag` names, unless it exists. Raises UserError if that fails."""
    with writing(directory, flag):
        directory.mkdir(parents=True, exist_ok=True)


def lock(descriptor: int, wait: bool = True) -> bool:
    """Locks an open file, unless `wait` is false and another process has; returns whether it succeeded.

    Closing unlocks it. Raises OSError with ENOLCK if the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # network file systems without locks differ in what they answer
        raise OSError(errno.ENOLCK, error.strerror) from error
    return True


@contextlib.contextmanager
def locked_folder(directory: pathlib.Path) -> Generator[None, None, None]:
    """Holds a lock on the folder itself, without a file in it, on file systems that have such locks.

    Waits for a process that holds it.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            lock(descriptor)
        yield


def is_open_at(descriptor: int, path: pathlib.Path) -> bool:
    """Whether the open file is the one at `path` now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def cache_folder() -> pathlib.Path | None:
    """The folder of what is kept for this user, made if necessary; None if it cannot be written to."""
    try:
        caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        folder = pathlib.Path(caches).absolute() / "lenet_jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return None
    return folder if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else None


def names_in(directory: pathlib.Path) -> list[str]:
    """The names of all files in a folder, sorted; [] if there is no such folder.

    Raises UserError if it cannot be read.
    """
    with reading(directory):
        try:
            return sorted(os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            return []


def drafts_in(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """The temporary files in a folder: of writes that go on, or that a kill has stopped."""
    return (directory / name for name in names_in(directory) if _DRAFT.fullmatch(name))


def remove_abandoned_drafts(directory: pathlib.Path) -> None:
    """Removes the temporary files of killed writes.

    They are an hour old, as processes on other machines may write to the folder, and no process of this
    machine has their ID. What cannot be removed stays.
    """
    with contextlib.suppress(UserError):
        for draft in drafts_in(directory):
            with contextlib.suppress(OSError):
                is_old = time.time() - draft.stat().st_mtime > _ABANDONED
                if is_old and not _is_running(int(draft.suffix[1:])):
                    draft.unlink()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def cannot_read(path: pathlib.Path, error: OSError) -> UserError:
    """The error of a command that cannot read a file or a folder."""
    default = "make it a readable file, or move it away"
    return _cannot("read", path, "", error, _ADVICE.get(error.errno or 0) or default)


def cannot_write(path: pathlib.Path, error: OSError, flag: str = "") -> UserError:
    """The error of a command that cannot write a file, or to a folder that `flag` names, as "--workdir="."""
    return _cannot("written", path, flag, error, advice(error))


def advice(error: OSError) -> str:
    """What to do so that a file can be written: the end of a sentence."""
    return _ADVICE.get(error.errno or 0) or "choose a folder you may write to, or free space"


def _cannot(done: str, path: pathlib.Path, flag: str, error: OSError, remedy: str) -> UserError:
    if culprit := explain(path, error):
        remedy = f"choose a folder elsewhere, as {culprit}"
    return UserError(f"{flag}{path} cannot be {done} ({error.strerror or error}): {remedy}.")


def explain(path: pathlib.Path, error: OSError) -> str:
    """Which part of `path` is to blame, as a clause such as "DIR is a file"; "" if it is `path` itself."""
    parts = [*reversed(path.absolute().parents), path]
    with contextlib.suppress(OSError):
        if isinstance(error, PermissionError):
            closed = (part for part in parts[:-1] if not os.access(part, os.X_OK, effective_ids=True))
            return next((f"{part} is a folder that you may not open" for part in closed), "")
        if isinstance(error, FileExistsError | NotADirectoryError | FileNotFoundError):
            for part in parts:
                if part.is_symlink() and not part.exists():
                    return f"{part} is a symbolic link to {os.readlink(part)}, which does not exist"
                if part.is_file():
                    return f"{part} is a file"
    return ""
