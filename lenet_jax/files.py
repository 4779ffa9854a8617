"""Atomic file replacement: a reader sees the old file or the new one, even after a kill."""

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
        raise UserError(
            f"{path} cannot be written ({error.strerror}): choose a folder you may write to, or free space."
        ) from error
