"""Files and folders: atomic replacement, and the errors of what cannot be read or written.

A reader sees the old file or the new one, even after a kill.
"""

import contextlib
import os
import pathlib
from collections.abc import Generator

from lenet_jax.errors import UserError


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Generator[pathlib.Path, None, None]:
    """Yields a temporary path to write; it replaces `path` at the end, or is removed on an exception.

    The process ID is part of its name, so that two processes never share one.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Replaces `path`; text is written as UTF-8. Raises UserError if it cannot be written."""
    try:
        with replacing(path) as draft, open(draft, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error


def make_directory(directory: pathlib.Path) -> None:
    """Creates `directory` unless it exists. Raises UserError if that fails."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(f"--workdir={directory}", error) from error


def cannot_read(path: pathlib.Path, error: OSError) -> UserError:
    """The error of a command that cannot read a file."""
    return UserError(f"{path} cannot be read ({error.strerror}): make it a readable file, or move it away.")


def cannot_write(place: pathlib.Path | str, error: OSError) -> UserError:
    """The error of a command that cannot write a file, or to a folder, which is named by its flag."""
    return UserError(
        f"{place} cannot be written ({error.strerror}): choose a folder you may write to, or free space."
    )
