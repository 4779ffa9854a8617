"""Runs a command that kills itself with SIGKILL at a chosen moment.

    python -m tests.helpers.killed_command PHASE CALL MOMENT COMMAND ARGUMENT...

PHASE is what the kill interrupts:

==========  ==========================================================================
epoch       the computation of the CALL-th epoch, MOMENT milliseconds after it was begun
checkpoint  the writing of the CALL-th checkpoint, at step MOMENT of it
record      the recording of the CALL-th run, at step MOMENT of it
probe       the recording of the CALL-th measurement of a probe, at step MOMENT of it
tables      the writing of the tables, at step MOMENT of it
==========  ==========================================================================

A step is an opened, renamed or removed file, or data that reach the disk; at the latter, half of the data
is lost. If there are fewer steps, the process is killed at the end of the phase. The line "killed in PHASE,
..." on stderr says where it was.
"""

import contextlib
import functools
import os
import runpy
import signal
import sys
import time

PHASE, CALL, MOMENT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
EVENTS = ("open", "os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir")
calls = 0
steps = 0
is_counting = False


def end(where: str) -> None:
    os.write(2, f"killed in {PHASE}, {where}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def step(what: str) -> None:
    global steps
    if is_counting:
        steps += 1
        if steps > MOMENT:
            end(f"step {steps}: {what}")


@contextlib.contextmanager
def phase():
    """Counts the steps within the CALL-th use."""
    global calls, is_counting
    calls += 1
    is_counting = calls == CALL
    yield
    if is_counting:
        end("at its end")


def interrupted(function):
    @functools.wraps(function)
    def call(*arguments, **named):
        with phase():
            return function(*arguments, **named)

    return call


def lose_half(descriptor: int, sync=os.fsync) -> None:
    """What a kill before the data are on the disk may leave."""
    if is_counting and steps == MOMENT:
        with contextlib.suppress(OSError):  # a folder
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
    step("fsync")
    sync(descriptor)


def prepare() -> None:
    from lenet_jax.probes import records
    from lenet_jax.report import pages
    from lenet_jax.runs import run, store
    from lenet_jax.runs.checkpoints import Checkpoints

    if PHASE == "epoch":
        make_engine = run.make_engine

        @functools.cache
        def with_kill(engine):
            def train_epoch(*arguments):
                global calls
                calls += 1
                result = engine.train_epoch(*arguments)  # returns before it is computed
                if calls == CALL:
                    time.sleep(MOMENT / 1000)
                    end(f"epoch {arguments[-1]}")
                return result

            return engine._replace(train_epoch=train_epoch)

        run.make_engine = lambda *arguments: with_kill(make_engine(*arguments))
    elif PHASE == "checkpoint":
        Checkpoints.write = interrupted(Checkpoints.write)
    elif PHASE == "record":
        store.Store.write_run = interrupted(store.Store.write_run)
    elif PHASE == "probe":
        records.add = interrupted(records.add)
    else:
        pages.write_report = interrupted(pages.write_report)
    os.fsync = lose_half
    sys.addaudithook(lambda event, details: step(f"{event} {details[0]}") if event in EVENTS else None)


if __name__ == "__main__":
    prepare()
    command, *sys.argv[1:] = sys.argv[4:]
    runpy.run_module(command, run_name="__main__", alter_sys=True)
