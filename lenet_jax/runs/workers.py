"""Several processes for one task, watched by the one that started them.

A worker sends messages, and ends when its parent asks it to or is gone. Signals are for the parent: it asks
all workers to end, which save what they compute. A worker that dies takes none of the others with it.
"""

import contextlib
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from lenet_jax.errors import UserError
from lenet_jax.runs import interruption

STOP = "stop"
REFUSED = "refused"  # with the sentence of a UserError


def run_workers(
    number: int,
    target: Callable[..., None],
    arguments: tuple,
    receive: Callable[[Any], None],
    report_end: Callable[[BaseProcess], None] | None = None,
) -> None:
    """Calls `target(send, *arguments)` in `number` new processes; returns once all have ended.

    Args:
      target, arguments: of types that pickle takes.
      receive: called with each message that a worker sends.
      report_end: called with each worker that ends without being asked to; by default, prints how if it was
        killed.

    Raises UserError if a worker does, after the others have ended, and Interrupted if this process was told
    to end.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process that runs JAX may hang
    resource_tracker.ensure_running()  # as its start unblocks signals
    workers: dict[Connection, BaseProcess] = {}
    for _ in range(number):
        ours, its = context.Pipe()
        workers[ours] = context.Process(target=_work, args=(its, target, arguments), daemon=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, interruption.SIGNALS)  # until it is ready for them
        try:
            workers[ours].start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, interruption.SIGNALS)
        its.close()
        interruption.kill_on_exit(workers[ours])
    refused = ""
    is_stopping = False
    while workers:
        if not is_stopping and (refused or interruption.is_requested()):
            is_stopping = True
            for connection in workers:
                _send(connection, STOP)
        wait(list(workers), timeout=0.5)
        for connection in [one for one in workers if one.poll()]:
            try:
                message = connection.recv()
            except (EOFError, OSError):
                worker = workers.pop(connection)
                connection.close()
                worker.join()
                interruption.forget_child(worker)
                if not is_stopping:
                    (report_end or _report_end)(worker)
                continue
            if message[0] == REFUSED:
                refused = refused or message[1]
            else:
                receive(message)
    interruption.check()
    if refused:
        raise UserError(refused)


def _report_end(worker: BaseProcess) -> None:
    """Says if a worker did not end by itself."""
    if worker.exitcode:
        how = how_it_ended(worker)
        interruption.say(f"Worker {worker.pid} {how}: the others take its run, from its last checkpoint.")


def how_it_ended(worker: BaseProcess) -> str:
    """How a process ended, as a predicate."""
    code = worker.exitcode or 0
    return f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with status {code}"


def _work(connection: Connection, target: Callable[..., None], arguments: tuple) -> None:
    """What a worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent as well, which tells us
    with interruption.deferred(quiet=True):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, interruption.SIGNALS)
        threading.Thread(target=_stop_with_parent, args=(connection,), daemon=True).start()
        try:
            target(lambda message: _send(connection, message), *arguments)
        except UserError as error:
            _send(connection, (REFUSED, str(error)))
        except interruption.Interrupted as interrupted:
            sys.exit(interrupted.status)


def _stop_with_parent(connection: Connection) -> None:
    """Ends this worker once its parent says so, or is gone."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    interruption.request()


def _send(connection: Connection, message: Any) -> None:
    """Sends a message, unless the other side is gone."""
    with contextlib.suppress(OSError):
        connection.send(message)
