"""Records: whole or not at all, damage is found, one process at a time."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import records, workdir
from tests.helpers.commands import PROJECT

CONTENT = {"result": {"arm": "a", "test_accuracy": 0.9871, "seed": 0, "status": None}, "note": "é"}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "record.json"
    assert records.read_record(path) is None
    records.write_record(path, CONTENT)
    assert records.read_record(path) == CONTENT
    records.write_record(path, {})
    assert records.read_record(path) == {}


def test_a_record_cut_off_anywhere_is_damaged(tmp_path):
    path = tmp_path / "record.json"
    records.write_record(path, CONTENT)
    whole = path.read_bytes()
    for length in range(len(whole) - 1):  # without the last byte, a line feed, it still says all
        path.write_bytes(whole[:length])
        with pytest.raises(records.DamagedRecord):
            records.read_record(path)


def test_an_altered_character_is_damage_or_alters_nothing(tmp_path):
    path = tmp_path / "record.json"
    records.write_record(path, CONTENT)
    whole = path.read_text(encoding="utf-8")
    found = 0
    for position, character in enumerate(whole):
        other = "8" if character != "8" else "3"
        path.write_text(whole[:position] + other + whole[position + 1 :], encoding="utf-8")
        try:
            assert records.read_record(path) == CONTENT
        except records.DamagedRecord:
            found += 1
    assert found >= len(whole.split()) and found > 0.8 * len(whole)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[]", "3", "null", '{"result": 1}', '{"sha256": "0"}', b"\xff\xfe\x00"]
)
def test_what_is_no_record_is_damaged(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(records.DamagedRecord, match=r"it is not JSON|it has no digest|does not match"):
        records.read_record(path)


def test_set_aside_keeps_every_damaged_file(tmp_path):
    path = tmp_path / "record.json"
    for number in (1, 2, 3):
        path.write_text(f"damage {number}")
        assert records.set_aside(path).name == f"record.json.damaged-{number}"
    assert not path.exists()
    assert [(tmp_path / f"record.json.damaged-{n}").read_text() for n in (1, 2, 3)] == [
        "damage 1", "damage 2", "damage 3",
    ]  # fmt: skip


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_record(tmp_path, monkeypatch, call):
    path = tmp_path / "record.json"
    records.write_record(path, CONTENT)

    def stop(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, stop)
        with pytest.raises(UserError, match=r"record.json cannot be written \(No space"):
            records.write_record(path, {"new": 1})
    assert records.read_record(path) == CONTENT
    records.write_record(path, {"new": 1})
    assert records.read_record(path) == {"new": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


def claim_once(directory):
    with workdir.claim_directory(directory):
        pass


def test_a_folder_is_held_once_and_let_go(tmp_path):
    directory = tmp_path / "not" / "there" / "yet"
    held = rf"--workdir={directory} is in use by process {os.getpid()}: wait"
    with workdir.claim_directory(directory), pytest.raises(UserError, match=held):
        claim_once(directory)
    with pytest.raises(ZeroDivisionError), workdir.claim_directory(directory):
        1 / 0  # noqa: B018
    with workdir.claim_directory(directory):
        assert directory.is_dir()


def test_a_killed_process_holds_nothing(tmp_path):
    hold = (
        "import pathlib, sys, time; from lenet_jax.runs import workdir\n"
        "with workdir.claim_directory(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            with pytest.raises(UserError, match=f"in use by process {process.pid}"):
                claim_once(tmp_path)
        finally:
            process.send_signal(signal.SIGKILL)
    with workdir.claim_directory(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_two_writers_do_not_meet(tmp_path):
    """A report while its sweep goes on: each file is one writer's, whole, and none of them fails."""
    path = tmp_path / "results.csv"
    write = (
        "import pathlib, sys; from lenet_jax import files\n"
        "for _ in range(200): files.write(pathlib.Path(sys.argv[1]), sys.argv[2] * 5000)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", write, str(path), letter], cwd=PROJECT) for letter in "ab"
    ]
    while any(process.poll() is None for process in processes):
        if path.exists():
            assert path.read_text() in ("a" * 5000, "b" * 5000)
    assert [process.returncode for process in processes] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize("below", ["", "below"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, below):
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(UserError, match=r"--workdir=.* cannot be written .*: choose a folder"):
        claim_once(file / below)
    assert file.read_text() == "precious"
