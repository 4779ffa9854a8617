"""Files that are replaced in one step: a reader, or a kill at any moment, sees the old or the new."""

import contextlib
import os
import pathlib
from collections.abc import Generator

from lenet_jax.errors import UserError


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Generator[pathlib.Path, None, None]:
    """Yields a draft to write, which takes the place of `path` at the end, or goes where that fails.

    The draft has the process in its name, so that two writers don't meet.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Replaces `path`, text as UTF-8. Raises UserError where it cannot be written."""
    try:
        with replacing(path) as draft, open(draft, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): choose a folder you may write to, or make room."
        ) from error
