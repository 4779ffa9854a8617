"""Ctrl-C and SIGTERM: the first is left to the program, the second ends it at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lenet_jax.runs import interruption
from lenet_jax.runs.interruption import Interrupted
from tests.helpers.commands import PROJECT

# A program of up to 100 steps, which prints a line after each, and at its end the signals that ended it.
STEPS = """
import signal, sys, time
from lenet_jax.runs import interruption
if {is_command}:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # not Python's own handler
with interruption.deferred(announced={announced}):
    print("started", flush=True)
    for step in range(100):
        {work}
        print(step, flush=True)
        try:
            interruption.check()
        except KeyboardInterrupt as interrupted:
            print(*map(int, interrupted.signals), file=sys.stderr)
            sys.exit(interrupted.status)
"""
# A computation that Python's own handlers wait for: it releases the lock, and returns to Python at its end.
LONG_CALL = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 100_000_000)"


def started(program, **options):
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout.readline() == "started\n"
    return process


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_program_between_two_steps(number, status):
    process = started(STEPS.format(work="time.sleep(0.3)", is_command=True, announced=False))
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert out == "0\n"  # the step was finished
    said = "\nStopping after this epoch; press Ctrl-C again to stop at once.\n"
    assert err == f"{said}{int(number)}\n"


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once_even_in_a_long_call(second):
    process = started(STEPS.format(work=LONG_CALL, is_command=True, announced=False))
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "\n" and "again" in process.stderr.readline()
    began = time.monotonic()
    process.send_signal(second)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 128 + second and out == ""
    assert time.monotonic() - began < 10  # the call takes a minute


def test_in_a_script_of_a_user_the_second_signal_is_an_exception():
    """As in a notebook, whose process must live on."""
    process = started(STEPS.format(work="time.sleep(30)", is_command=False, announced=False))
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "\n" and "again" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert "Interrupted: SIGINT" in err and process.returncode not in (0, 130)


@pytest.mark.parametrize("is_command", [True, False])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([signal.SIGUSR2], signal.SIGUSR2),
        ([signal.SIGTERM, signal.SIGUSR2], signal.SIGTERM),
        ([signal.SIGUSR2, signal.SIGTERM], signal.SIGTERM),
    ],
)
def test_a_scheduler_announces_the_end_and_the_step_is_finished(sent, status, is_command):
    """It never counts as the second signal."""
    process = started(STEPS.format(work="time.sleep(1)", is_command=is_command, announced=True))
    for number in sent:
        process.send_signal(number)
        time.sleep(0.1)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + status
    assert out == "0\n" and "Stopping after this epoch, as the scheduler asks.\n" in err
    assert err.splitlines()[-1].split() == [f"{int(number)}" for number in sent]


def test_others_than_tasks_leave_the_announcement_to_its_handler():
    """A script of a user may have its own."""
    own = "import signal; signal.signal(signal.SIGUSR2, lambda *_: print('own', flush=True))\n"
    process = started(own + STEPS.format(work="time.sleep(0.01)", is_command=False, announced=False))
    process.send_signal(signal.SIGUSR2)
    out, err = process.communicate(timeout=20)
    assert "own\n" in out and out.endswith("99\n") and err == "" and process.returncode == 0


def test_nobody_needs_to_read_what_it_says():
    process = started(STEPS.format(work="time.sleep(30)", is_command=True, announced=False))
    process.stderr.close()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    process.stdout.close()
    assert process.wait(timeout=20) == 130


def test_within_another_it_changes_nothing():
    with interruption.deferred(quiet=True):
        interruption.request()
        with interruption.deferred(quiet=True):
            pass
        assert interruption.is_requested()


def test_a_signal_that_the_process_is_to_ignore_is_ignored():
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    process = started(ignoring + STEPS.format(work="time.sleep(0.01)", is_command=False, announced=False))
    process.send_signal(signal.SIGINT)
    assert process.stdout.read().endswith("99\n")
    assert process.communicate(timeout=20)[1] == "" and process.returncode == 0


def test_what_was_set_before_is_set_again():
    before = [signal.getsignal(number) for number in interruption.SIGNALS]
    with interruption.deferred(quiet=True):
        os.kill(os.getpid(), signal.SIGTERM)
        while not interruption.is_requested():
            time.sleep(0.01)
        with pytest.raises(Interrupted):
            interruption.check()
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == before
    assert not interruption.is_requested()
    interruption.check()
    assert signal.set_wakeup_fd(-1) == -1


def test_another_thread_may_train_as_well():
    ran = []

    def work():
        with interruption.deferred():
            interruption.check()
            ran.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [True]


@pytest.mark.parametrize("command", ["summary", "report", "ablate"])
def test_an_interrupt_while_a_command_starts_gives_no_traceback(command):
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", f"experiments.{command}", "--help"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:  # as soon as the package is imported, with all the others still to come
        if line.endswith(" experiments\n"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err and err.endswith("\nInterrupted.\n")
