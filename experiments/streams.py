"""What becomes of a command whose output cannot be written."""

import contextlib
import io
import os
import sys
from collections.abc import Generator

BROKEN_PIPE = 141  # 128 + SIGPIPE: how shells see a command whose reader has gone


@contextlib.contextmanager
def checked_output() -> Generator[None, None, None]:
    """Within it, a command that cannot write its output fails, without a traceback.

    A broken pipe, as of `| head`, ends it quietly with status 141; a full device or a closed output with
    status 1 and one sentence on standard error. Characters that the terminal's encoding lacks are written as
    escapes. Output that a caller has replaced is left alone.
    """
    _open_closed_streams()
    given = sys.stdout
    if not isinstance(given, io.TextIOWrapper):
        yield
        return
    sys.stdout = output = _Output(
        given.buffer,
        given.encoding,
        "backslashreplace",
        line_buffering=given.line_buffering,
        write_through=given.write_through,
    )
    try:
        try:
            yield
        finally:
            output.finish()
            sys.stdout = given
    except SystemExit as end:
        if end.code or not output.fault:
            raise
    except OSError:
        if not output.fault:
            raise
    if isinstance(output.fault, BrokenPipeError):
        sys.exit(BROKEN_PIPE)
    if output.fault:
        reason = output.fault.strerror
        sys.exit(f"error: The output cannot be written ({reason}): free space, or send it elsewhere.")


class _Output(io.TextIOWrapper):
    """Standard output that remembers why it could not be written."""

    fault: OSError | None = None

    def write(self, text: str) -> int:
        with self._remembered():
            return super().write(text)

    def flush(self) -> None:
        with self._remembered():
            super().flush()

    def finish(self) -> None:
        """Writes what is left, or discards it if that fails."""
        with contextlib.suppress(OSError):
            self.flush()
        if self.fault:
            with open(os.devnull, "wb") as nothing:
                os.dup2(nothing.fileno(), self.fileno())
        self.detach()

    @contextlib.contextmanager
    def _remembered(self) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            self.fault = self.fault or error
            raise


def _open_closed_streams() -> None:
    """Opens the standard streams that the caller closed, so that no file of ours takes their numbers.

    What is written to standard output then fails, what is written to standard error is discarded.
    """
    for name, mode, access in (
        ("stdin", "r", os.O_RDONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:  # the lowest free number is its own
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode))
