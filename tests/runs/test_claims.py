"""Claims and locks: one process at a time, and a killed process holds nothing."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.runs import claims
from lenet_jax.runs.claims import Claims
from tests.helpers.small_store import PROJECT


def test_a_run_is_claimed_once_and_let_go(tmp_path):
    one, other = Claims(tmp_path), Claims(tmp_path)
    assert one.take("a", 0) and one.holds("a", 0)
    assert not one.take("a", 0)
    assert not other.take("a", 0) and not other.holds("a", 0)
    assert other.take("a", 1) and other.take("b", 0)
    assert other.holder("a", 0) == os.getpid()
    one.release("a", 0)
    assert not one.holds("a", 0) and other.holder("a", 0) is None
    assert other.take("a", 0)
    with pytest.raises(KeyError):
        one.release("a", 0)


def test_what_is_claimed_is_listed(tmp_path):
    assert claims.claimed(tmp_path) == set()
    one, other = Claims(tmp_path), Claims(tmp_path)
    assert one.take("a-seed1", 12) and other.take("b", 0)
    (tmp_path / ".claims" / "c-seed0").touch()  # of a process that was killed
    (tmp_path / ".claims" / "notes").touch()
    assert claims.claimed(tmp_path) == {("a-seed1", 12), ("b", 0)}


def test_released_claims_leave_no_files(tmp_path):
    one, other = Claims(tmp_path), Claims(tmp_path)
    assert one.take("a", 0) and one.take("a", 1) and other.take("b", 0)
    one.release_all()
    assert [path.name for path in (tmp_path / ".claims").iterdir()] == ["b-seed0"]
    other.release_all()
    assert list(tmp_path.iterdir()) == []
    other.release_all()


HOLD = """
import pathlib, sys, time
from lenet_jax.runs import claims
directory = pathlib.Path(sys.argv[1])
held = claims.Claims(directory)
with claims.locked(directory):
    assert held.take("a", 0)
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_holds_nothing(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            mine = Claims(tmp_path)
            assert not mine.take("a", 0)
            assert mine.holder("a", 0) == process.pid
        finally:
            process.send_signal(signal.SIGKILL)
    with claims.locked(tmp_path):
        assert mine.take("a", 0)
    assert mine.holder("a", 0) == os.getpid()


def test_a_claim_on_a_file_that_its_holder_removes_is_claimed_anew(tmp_path, monkeypatch):
    """The holder lets the run go between another process's opening of its file and the lock."""
    holder, next_one, last = Claims(tmp_path), Claims(tmp_path), Claims(tmp_path)
    assert holder.take("a", 0)
    lock_at_once = claims.lock_at_once

    def release_then_lock(descriptor):
        monkeypatch.setattr(claims, "lock_at_once", lock_at_once)
        holder.release("a", 0)
        return lock_at_once(descriptor)

    monkeypatch.setattr(claims, "lock_at_once", release_then_lock)
    assert next_one.take("a", 0)
    assert not last.take("a", 0)  # else both would run it, one on a file that is gone


def test_a_folder_of_claims_that_another_process_removes_is_made_anew(tmp_path, monkeypatch):
    mkdir = pathlib.Path.mkdir

    def made_and_removed(path, **options):
        monkeypatch.setattr(pathlib.Path, "mkdir", mkdir)

    monkeypatch.setattr(pathlib.Path, "mkdir", made_and_removed)
    assert Claims(tmp_path).take("a", 0)


def test_a_locked_folder_is_waited_for(tmp_path):
    entered = threading.Event()

    def enter():
        with claims.locked(tmp_path):
            entered.set()

    thread = threading.Thread(target=enter)
    with pytest.raises(ZeroDivisionError), claims.locked(tmp_path):
        thread.start()
        assert not entered.wait(0.2)
        1 / 0  # noqa: B018
    thread.join(timeout=10)
    assert entered.is_set()


@pytest.mark.parametrize("below", ["", "below"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, below):
    file = tmp_path / "file"
    file.write_text("precious")
    for refused in (files.make_directory, lambda directory: claims.locked(directory).__enter__()):
        with pytest.raises(UserError, match=r"--workdir=.* cannot be written .*: choose a folder"):
            refused(file / below)
    assert file.read_text() == "precious"


def test_whether_a_run_is_claimed_can_be_asked(tmp_path):
    one = Claims(tmp_path)
    assert not claims.is_claimed(tmp_path, "a", 0)
    assert one.take("a", 0)
    assert claims.is_claimed(tmp_path, "a", 0) and not claims.is_claimed(tmp_path, "a", 1)
    one.release("a", 0)
    claims.path_of(tmp_path, "a", 0).parent.mkdir(exist_ok=True)
    claims.path_of(tmp_path, "a", 0).touch()  # as a killed process leaves it
    assert not claims.is_claimed(tmp_path, "a", 0)
    assert one.take("a", 0)  # it was held for a moment only
