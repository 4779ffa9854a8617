"""Kills processes for tests: forked children, at a chosen system call or after a while."""

import os
import pathlib
import signal
import sys
import time
import traceback
from collections.abc import Callable


def ended_before(call: int, function: Callable[[], None]) -> bool:
    """Runs `function` in a child that is killed just before its `call`-th system call, counted from 1.

    Calls that only read the status of a file don't count. Returns whether the child finished first.
    """

    def watched() -> None:
        calls = 0

        def count(event: str) -> None:
            nonlocal calls
            if event in ("open", "fcntl.flock", "os.write", "os.fsync") or event.startswith("os."):
                calls += 1
                if calls == call:
                    os.kill(os.getpid(), signal.SIGKILL)

        write = os.write
        os.write = lambda descriptor, data: count("os.write") or write(descriptor, data)
        os.fsync = lambda descriptor: count("os.fsync")  # a kill doesn't need the disk
        sys.addaudithook(lambda event, _: count(event))
        function()

    return _wait(_fork(watched))


def ended_within(seconds: float, function: Callable[[], None]) -> bool:
    """Runs `function` in a child that is killed after `seconds`. Returns whether it finished first."""
    child = _fork(function)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return _wait(child)


def start(function: Callable[[], None]) -> Callable[[], bool]:
    """Runs `function` in a child; the returned function waits for it, and returns False if it was killed."""
    child = _fork(function)
    return lambda: _wait(child)


def note(path: pathlib.Path, text: str) -> None:
    """Appends a line that several processes may add to at once."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


def _fork(function: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        function()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _wait(child: int) -> bool:
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "a child failed, see above"
    return not os.WIFSIGNALED(status)
