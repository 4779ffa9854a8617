"""Files that are replaced in one step: a reader sees the old or the new one, also after a kill."""

import contextlib
import os
import pathlib
from collections.abc import Generator

from lenet_jax.errors import UserError


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Generator[pathlib.Path, None, None]:
    """Yields a draft to write, which replaces `path` at the end, or is removed if an exception is raised.

    The draft has the process's number in its name, so that two writers have two drafts.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Replaces `path`; text is written as UTF-8. Raises UserError where it cannot be written."""
    try:
        with replacing(path) as draft, open(draft, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): choose a folder you may write to, or make room."
        ) from error
