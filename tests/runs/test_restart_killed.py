"""A local task that is killed runs again; one that ends by itself, or is told to end, does not."""

import os
import signal
import subprocess
import sys

import pytest

from tests.helpers.commands import PROJECT

# Notes that it was started; the first NUMBER times it ends by SIGNAL, then with status 7.
TASK = """
import os, sys
path, number, signal = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path, "a") as file:
    file.write("x")
if os.path.getsize(path) <= number:
    os.kill(os.getpid(), signal)
sys.exit(7)
"""
WAITING = """
import signal, sys, time
def end(number, frame):
    sys.exit(number)
for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
print("ready", flush=True)
time.sleep(60)
"""


def command(times, *words):
    return [sys.executable, "-m", "lenet_jax.runs.restart_killed", str(times), *words]


@pytest.mark.parametrize(
    ("times", "kills", "number", "starts", "status"),
    [
        (3, 0, signal.SIGKILL, 1, 7),
        (3, 2, signal.SIGKILL, 3, 7),
        (3, 1, signal.SIGSEGV, 2, 7),
        (3, 1, signal.SIGUSR2, 2, 7),
        (2, 9, signal.SIGKILL, 3, 137),
        (0, 1, signal.SIGKILL, 1, 137),
        (3, 1, signal.SIGTERM, 1, 143),
    ],
)
def test_killed_tasks_run_again(tmp_path, times, kills, number, starts, status):
    path = tmp_path / "starts"
    words = command(times, "-c", TASK, str(path), str(kills), str(int(number)))
    ended = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == status, ended.stderr
    assert len(path.read_text()) == starts
    assert ended.stderr.count("was killed") == starts - 1


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on(number):
    process = subprocess.Popen(command(3, "-c", WAITING), cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    assert process.returncode == number
