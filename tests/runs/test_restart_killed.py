"""A local task that is killed runs again; one that ends by itself, or is told to end, does not."""

import os
import pathlib
import signal
import subprocess
import sys
import time

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
import os, signal, sys, time
def end(number, frame):
    sys.exit(number)
for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
print("ready", os.getpid(), flush=True)
time.sleep(60)
"""
# Says that it is asked to end, and is killed before it has ended.
KILLED_AT_ITS_END = """
import signal, time
signal.signal(signal.SIGTERM, lambda number, frame: print("asked", flush=True))
print("ready", flush=True)
while True:
    time.sleep(0.1)
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
    assert process.stdout.readline().startswith("ready ")
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    assert process.returncode == number


def test_a_task_that_is_killed_after_it_was_told_to_end_stays_ended():
    process = subprocess.Popen(
        command(3, "-c", KILLED_AT_ITS_END), cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "asked\n"
    [task] = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(task), signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGKILL


def test_a_task_ends_with_the_process_that_watches_it():
    process = subprocess.Popen(command(3, "-c", WAITING), cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    task = int(process.stdout.readline().split()[1])
    process.kill()
    process.communicate(timeout=30)  # nobody else holds its output open
    assert has_ended(task)


def test_a_watched_task_is_told_to_end_when_its_controller_dies(tmp_path):
    """As submitit's controller may be killed, which passes on signals."""
    path = tmp_path / "pids"
    words = command(3, "-c", WAITING)
    controller = f"import subprocess; subprocess.Popen({words}, stdout=open({str(path)!r}, 'w')).wait()"
    process = subprocess.Popen([sys.executable, "-c", controller], cwd=PROJECT)
    while not path.exists() or not path.read_text().endswith("\n"):
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert has_ended(int(path.read_text().split()[1]))


def has_ended(process):
    """Waits for the end of a process that is not a child of this one."""
    for _ in range(300):
        try:
            state = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":  # nobody has asked how it ended
            return True
        time.sleep(0.1)
    return False
