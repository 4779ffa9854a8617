"""What is recorded on disk, written so that a kill at any moment loses nothing already there."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator

from lenet_jax.errors import UserError

RECORD = "record.json"
LOCK = ".lock"


class DamagedRecord(Exception):
    """A record that is not what was written. Its text says what is wrong with it."""


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a draft to write that takes the place of `path` at the end.

    A reader, or a kill, sees the old file or the new one. The draft has the process in its name, so
    that two writers don't meet. Raises UserError where the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): choose a folder you may write to, or make room."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def write_atomically(path: pathlib.Path, text: str) -> None:
    """Replaces `path` with `text`. Raises UserError where it cannot be written."""
    with replacing(path) as draft, open(draft, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_record(path: pathlib.Path, content: dict) -> None:
    """Writes `content` (JSON types) with a digest over it."""
    document = {"sha256": _digest(content), **content}
    write_atomically(path, json.dumps(document, indent=1) + "\n")


def read_record(path: pathlib.Path) -> dict | None:
    """What `write_record` wrote, or None where there is no file.

    Raises DamagedRecord where the file is truncated or was altered.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise DamagedRecord(f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or "sha256" not in document:
        raise DamagedRecord("it has no digest")
    digest = document.pop("sha256")
    if digest != _digest(document):
        raise DamagedRecord("its digest does not match its content")
    return document


def set_aside(path: pathlib.Path) -> pathlib.Path:
    """Renames a damaged file to a free name beside it, and returns that name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    return aside


@contextlib.contextmanager
def claim_directory(directory: pathlib.Path) -> Iterator[None]:
    """Makes `directory` and holds it for this process alone; a killed process holds nothing.

    Raises UserError where it cannot be written or another process holds it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = open(directory / LOCK, "a+", encoding="utf-8")  # noqa: SIM115, closed below
    except OSError as error:
        raise UserError(
            f"--workdir={directory} cannot be written ({error.strerror}): choose a folder you may write to."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"--workdir={directory} is in use by process {lock.read().strip() or 'unknown'}: wait "
                "until it ends, or choose another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            if [path.name for path in directory.iterdir()] == [LOCK]:  # refused: nothing was recorded
                (directory / LOCK).unlink()
                directory.rmdir()


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
