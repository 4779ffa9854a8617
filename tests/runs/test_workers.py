"""Processes that share a task: their messages, their errors and their ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import interruption
from lenet_jax.runs.interruption import Interrupted
from lenet_jax.runs.workers import run_workers
from tests.helpers.commands import PROJECT


def send_numbers(send, count):
    for number in range(count):
        send(("number", number))


def refuse_or_wait(send, path):
    """One of the workers refuses, the others work until they are told to end."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        send(("waiting",))
        wait_for_the_end()
    time.sleep(0.2)
    raise UserError("The disk is full: free space.")


def wait_for_the_end():
    while True:
        interruption.check()
        time.sleep(0.01)


def wait(send):
    send(("pid", os.getpid()))
    wait_for_the_end()


def kill_one(send, path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        send(("finished",))
        return
    os.kill(os.getpid(), signal.SIGKILL)


def test_messages_arrive_in_the_order_of_each_worker():
    received = []
    run_workers(2, send_numbers, (300,), received.append)
    assert sorted(received) == sorted([("number", number) for number in range(300)] * 2)
    first = [received.index(("number", number)) for number in range(300)]
    assert first == sorted(first)


def test_what_one_refuses_ends_all(tmp_path):
    with pytest.raises(UserError, match="The disk is full: free space."):
        run_workers(2, refuse_or_wait, (str(tmp_path / "first"),), lambda message: None)


def test_a_killed_worker_is_named_and_the_others_go_on(tmp_path, capfd):
    received = []
    run_workers(2, kill_one, (str(tmp_path / "first"),), received.append)
    assert received == [("finished",)]
    assert "was killed (SIGKILL)" in capfd.readouterr().err


def test_an_interrupt_while_workers_start_gives_no_traceback():
    program = (
        "from lenet_jax.runs import interruption, workers; from tests.runs.test_workers import wait\n"
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "with interruption.deferred():\n"
        "    print('started', flush=True)\n"
        "    workers.run_workers(2, wait, (), print)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "started\n"
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and err.count("Traceback") == 1, err  # that of the program itself
    assert err.endswith("Interrupted: SIGINT\n")


@pytest.mark.parametrize("to_group", [False, True])
def test_a_signal_to_the_parent_ends_the_workers(to_group):
    """Whether or not they get it as well, as they do by Ctrl-C in a terminal."""
    found = []

    def receive(message):
        found.append(message[1])
        if len(found) == 2:
            for process in [os.getpid(), *(found if to_group else [])]:
                os.kill(process, signal.SIGINT)

    with interruption.deferred(quiet=True), pytest.raises(Interrupted) as ended:
        run_workers(2, wait, (), receive)
    assert ended.value.status == 130
    for process in found:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
