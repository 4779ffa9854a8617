"""Ctrl-C, SIGTERM, a closed terminal: the first signal finishes the epoch and saves, a second stops at once.

A signal only sets a flag. Between epochs, when no device is computing, `check` raises `Interrupted`. A thread
listens, so that the second signal ends a command at once even while a long computation runs.

SIGUSR2 announces to a task of submitit that its job is about to end, at its time limit or to make room for
another. Only tasks listen to it. It may come together with SIGTERM, so it never counts as the second signal.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from multiprocessing.process import BaseProcess
from types import FrameType

ANNOUNCEMENT = signal.SIGUSR2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The user or the system asked this process to end.

    Attributes:
      signals: the numbers of the signals that asked for it, in their order.
      status: the exit status that shells expect, 130 for Ctrl-C; that of the first signal, but of an
        announcement only if nothing else asked.
    """

    def __init__(self, *signals: int):
        number = next((one for one in signals if one != ANNOUNCEMENT), ANNOUNCEMENT)
        super().__init__(signal.Signals(number).name)
        self.signals = signals
        self.status = 128 + number


_received: list[int] = []  # signal numbers, since `deferred` began
_children: set[BaseProcess] = set()  # that are killed if the second signal ends this one
_is_deferring = False


@contextlib.contextmanager
def deferred(quiet: bool = False, announced: bool = False) -> Generator[None, None, None]:
    """Within it, the first signal is left to `check`, and the second stops at once.

    That ends a command. Where Ctrl-C raises KeyboardInterrupt, as in a notebook or a script of a user, the
    second signal does so. Within another `deferred`, and in another than the main thread, which gets no
    signals, it does nothing.

    Args:
      quiet: for processes whose parent says what happens.
      announced: whether SIGUSR2 announces the end of this process; otherwise it is left alone.
    """
    global _is_deferring
    if _is_deferring or threading.current_thread() is not threading.main_thread():
        yield
        return
    is_library = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    has_raised = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal has_raised
        if is_library and _count_requests() > 1 and not has_raised:
            has_raised = True
            raise Interrupted(number)

    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)  # as `set_wakeup_fd` asks for
    signals = (*SIGNALS, ANNOUNCEMENT) if announced else SIGNALS
    heard = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
    listener = threading.Thread(target=_listen, args=(read_end, heard, quiet, is_library), daemon=True)
    listener.start()
    earlier = {number: signal.signal(number, note) for number in heard}
    earlier_wakeup = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    _is_deferring = True
    try:
        yield
    finally:
        _is_deferring = False
        signal.set_wakeup_fd(earlier_wakeup)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(write_end)  # ends the listener
        listener.join()
        os.close(read_end)
        _received.clear()


def _listen(read_end: int, signals: Sequence[int], quiet: bool, is_library: bool) -> None:
    """Notes the signals whose numbers Python writes to the pipe, also while the main thread computes."""
    while numbers := os.read(read_end, 1):
        if numbers[0] not in signals:
            continue
        _received.append(numbers[0])
        if numbers[0] == ANNOUNCEMENT:
            if not quiet:
                say("Stopping after this epoch, as the scheduler asks.")
            continue
        heard = _count_requests()
        if heard > 1 and not is_library:
            for child in list(_children):
                child.kill()
            os._exit(128 + numbers[0])
        if heard == 2:  # Python may have taken both for one
            os.kill(os.getpid(), numbers[0])
        if heard == 1 and not quiet:
            say("\nStopping after this epoch; press Ctrl-C again to stop at once.")


def _count_requests() -> int:
    """The number of signals since `deferred` began, announcements aside."""
    return sum(number != ANNOUNCEMENT for number in _received)


def say(text: str) -> None:
    """Prints a line on standard error, if that can be written to."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def is_requested() -> bool:
    """Whether a signal has arrived within `deferred`."""
    return bool(_received)


def check() -> None:
    """Raises Interrupted if a signal has arrived within `deferred`. Call it while no device computes."""
    if _received:
        raise Interrupted(*_received)


def request(number: int = signal.SIGTERM) -> None:
    """Acts as if the signal had arrived."""
    _received.append(number)


def kill_on_exit(process: BaseProcess) -> None:
    """Has a child of this process killed if the second signal ends this one."""
    _children.add(process)


def forget_child(process: BaseProcess) -> None:
    """Takes back `kill_on_exit` for a child that has ended."""
    _children.discard(process)
