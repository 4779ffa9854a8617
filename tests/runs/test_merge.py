"""Many processes on one folder, merged and killed at any moment: every run is recorded once."""

import functools
import os
import pathlib
import random
import shutil
import threading

import pytest

from lenet_jax.runs import claims, recorded
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.merge import merge
from lenet_jax.runs.recorded import RecordedRuns, recorded_epochs
from lenet_jax.runs.store import Store
from tests.helpers import killing
from tests.helpers.small_store import (
    ARMS,
    CONFIGS,
    EPOCHS,
    FOUR,
    HEADER,
    fill,
    leave_open,
    opened,
    record,
    run_alone,
)

THIRTY = [(arm, seed) for seed in range(15) for arm in ARMS]


def texts(directory):
    """Each recorded run's line."""
    runs = RecordedRuns(directory)
    runs.read_on()
    assert runs.damage == []
    return {run: line.text for run, (line, _) in runs.lines.items()}


def losses(directory, run):
    """Those of the run's epochs, which are those of the result that counts."""
    runs = RecordedRuns(directory)
    runs.read_on()
    epochs, _ = recorded_epochs(directory, runs)
    return [line.content["train_loss"] for line in epochs[run]]


def assert_complete(directory, expected):
    """The merged files hold each of the `expected` runs once, by arm and seed, with all its epochs."""
    ordered = sorted(expected, key=lambda run: (ARMS.index(run[0]), run[1]))
    assert {path.name for path in directory.glob("*.jsonl")} == {"runs.jsonl", "epochs.jsonl"}
    assert (directory / "runs.jsonl").read_bytes().splitlines() == [texts(directory)[run] for run in ordered]
    runs = RecordedRuns(directory)
    runs.read_on()
    epochs, damage = recorded_epochs(directory, runs)
    assert damage == [] and list(epochs) == ordered
    for run in ordered:
        assert [line.content["epoch"] for line in epochs[run]] == list(range(1, EPOCHS + 1))
    lines = (directory / "epochs.jsonl").read_bytes().splitlines()
    assert len(lines) == len(set(lines)) == EPOCHS * len(expected)


def fill_and_note(directory: pathlib.Path, ran: pathlib.Path, runs=THIRTY) -> None:
    """A command that notes in the file `ran` what it runs."""
    fill(directory, runs, lambda arm, seed: killing.note(ran, f"{arm} {seed}"), seconds=0.001)


def test_the_files_of_commands_that_ended_are_merged(tmp_path):
    fill(tmp_path, FOUR[:1])
    leave_open(tmp_path, FOUR[2:])
    leave_open(tmp_path, FOUR[1:2])
    merge(tmp_path)
    assert_complete(tmp_path, FOUR)
    with opened(tmp_path) as store:
        assert store.claim("wide", 2)
        record(store, "wide", 2)
        before = {path: path.read_bytes() for path in tmp_path.glob("*.*.jsonl")}
        assert len(before) == 2
        merge(tmp_path)  # the command still runs
        assert {path: path.read_bytes() for path in tmp_path.glob("*.*.jsonl")} == before
        assert ("wide", 2) in texts(tmp_path)
        merge(tmp_path)
        assert store.claim("wide", 3)
        record(store, "wide", 3)
    assert_complete(tmp_path, [*FOUR, ("wide", 2), ("wide", 3)])


def test_a_merge_while_a_folder_is_read_hides_nothing(tmp_path, monkeypatch):
    """The files that were listed are gone when they are read."""
    leave_open(tmp_path, FOUR)
    worker_names = recorded.worker_names

    def list_then_merge(directory):
        monkeypatch.setattr(recorded, "worker_names", worker_names)
        names = worker_names(directory)
        merge(directory)
        return names

    monkeypatch.setattr(recorded, "worker_names", list_then_merge)
    runs = RecordedRuns(tmp_path)
    runs.read_on()
    assert list(runs.lines) == FOUR and len(runs.workers) == 1
    assert list(recorded_epochs(tmp_path, runs)[0]) == FOUR


def test_a_merge_waits_until_a_command_has_locked_its_files(tmp_path, monkeypatch):
    """Else it would remove them, and what is written to them would be lost."""
    fill(tmp_path, FOUR[:1])
    lock_at_once, merging = claims.lock_at_once, threading.Thread(target=merge, args=(tmp_path,))

    def merge_then_lock(descriptor):
        monkeypatch.setattr(claims, "lock_at_once", lock_at_once)
        merging.start()
        merging.join(timeout=0.2)
        assert merging.is_alive()
        return lock_at_once(descriptor)

    monkeypatch.setattr(claims, "lock_at_once", merge_then_lock)
    with opened(tmp_path) as store:
        merging.join()
        assert store.claim(*FOUR[1])
        record(store, *FOUR[1])
    assert_complete(tmp_path, FOUR[:2])


def test_two_commands_fill_a_folder_together(tmp_path):
    run_alone(fill_by_two, tmp_path / "sweep", tmp_path / "ran")


def fill_by_two(directory: pathlib.Path, ran: pathlib.Path) -> None:
    commands = [killing.start(functools.partial(fill_and_note, directory, ran)) for _ in range(2)]
    assert all([ended() for ended in commands])
    merge(directory)  # the first to end left the file of the other
    assert sorted(ran.read_text().splitlines()) == sorted(f"{arm} {seed}" for arm, seed in THIRTY)
    assert_complete(directory, THIRTY)


def test_a_killed_command_loses_at_most_the_run_that_it_is_at(tmp_path):
    run_alone(kill_commands, tmp_path)


def kill_commands(directory: pathlib.Path) -> None:
    """20 commands, each killed at a random time; another does the rest."""
    os.fsync = lambda descriptor: None  # a kill doesn't need the disk
    killed = 0
    for number in range(20):
        sweep, ran = directory / f"sweep{number}", directory / f"ran{number}"
        command = functools.partial(fill_and_note, sweep, ran)
        ran.touch()
        killed += not killing.ended_within(random.Random(number).uniform(0.0, 0.1), command)
        before, noted = texts(sweep), ran.read_text().splitlines()
        assert set(noted) <= {f"{arm} {seed}" for arm, seed in before}
        unnoted = len(before) - len(noted)
        assert unnoted <= 1  # killed between recording a run and noting it
        assert killing.start(command)()
        assert len(ran.read_text().splitlines()) == len(THIRTY) - unnoted
        assert {run: texts(sweep)[run] for run in before} == before
        assert_complete(sweep, THIRTY)
    assert killed


def test_merges_while_a_command_records_lose_nothing(tmp_path):
    run_alone(merge_all_the_time, tmp_path / "sweep", tmp_path / "ran")


def merge_all_the_time(directory: pathlib.Path, ran: pathlib.Path) -> None:
    os.fsync = lambda descriptor: None
    fill(directory, [])
    ran.touch()
    wanted = [(arm, seed) for seed in range(50) for arm in ARMS]
    ended = killing.start(functools.partial(fill_and_note, directory, ran, wanted))
    runs, merges = RecordedRuns(directory), 0
    while len(noted := ran.read_text().splitlines()) < len(wanted):
        merge(directory)
        merges += 1
        runs.read_on()
        assert set(noted) <= {f"{arm} {seed}" for arm, seed in runs.lines}
        epochs, _ = recorded_epochs(directory, runs)
        assert all(len(epochs[run]) == EPOCHS for run in runs.lines)
    assert ended() and merges > 1
    assert_complete(directory, wanted)


def kill_everywhere(directory: pathlib.Path, prepare, function, check) -> int:
    """Kills `function` before each of its system calls, each time on a folder that was prepared anew.

    `check` is called after each kill. Returns how many calls there were.
    """
    os.fsync = lambda descriptor: None  # a kill doesn't need the disk
    prepare(directory / "prepared")
    call, ended = 0, False
    while not ended:
        call += 1
        sweep = shutil.copytree(directory / "prepared", directory / f"sweep{call}")
        ended = killing.ended_before(call, functools.partial(function, sweep))
        check(sweep)
        shutil.rmtree(sweep)
    return call - 1


def test_a_merge_killed_at_any_system_call_loses_nothing(tmp_path):
    run_alone(kill_merges, tmp_path)


def kill_merges(directory: pathlib.Path) -> None:
    def prepare(sweep: pathlib.Path) -> None:
        fill(sweep, FOUR[:1])
        leave_open(sweep, FOUR[2:])
        leave_open(sweep, FOUR[1:2])
        [first, *_] = sweep.glob("runs.*.jsonl")
        with first.open("ab") as file:
            file.write(b'{"damaged": 1}\n{"torn": ')

    def check(sweep: pathlib.Path) -> None:
        runs = RecordedRuns(sweep)
        runs.read_on()
        assert set(runs.lines) == set(FOUR)
        epochs, _ = recorded_epochs(sweep, runs)
        assert all(len(epochs[run]) == EPOCHS for run in FOUR)
        merge(sweep)
        assert_complete(sweep, FOUR)
        assert {path.read_bytes() for path in sweep.glob("*.damaged-*")} == {b'{"damaged": 1}\n'}

    assert kill_everywhere(directory, prepare, merge, check) > 20


@pytest.mark.slow
def test_a_command_killed_at_any_system_call_loses_nothing(tmp_path):
    run_alone(kill_whole_commands, tmp_path)


def kill_whole_commands(directory: pathlib.Path) -> None:
    def prepare(sweep: pathlib.Path) -> None:
        leave_open(sweep, FOUR[1:2])
        (sweep / "config.json").write_text("damaged")

    def command(sweep: pathlib.Path) -> None:
        fill_and_note(sweep, sweep / "ran", FOUR)

    def check(sweep: pathlib.Path) -> None:
        before = texts(sweep)
        noted = (sweep / "ran").read_text().splitlines() if (sweep / "ran").exists() else []
        assert {"wide 1", *noted} <= {f"{arm} {seed}" for arm, seed in before}
        assert len(before) - len(noted) <= 2  # one from before, and one recorded and not yet noted
        fill(sweep, FOUR)
        assert {run: texts(sweep)[run] for run in before} == before
        assert_complete(sweep, FOUR)
        assert [path.read_text() for path in sweep.glob("*.damaged-*")] == ["damaged"]

    assert kill_everywhere(directory, prepare, command, check) > 60


@pytest.mark.slow
def test_replacing_a_run_killed_at_any_system_call_leaves_one_of_the_two_results(tmp_path):
    run_alone(kill_reruns, tmp_path)


def kill_reruns(directory: pathlib.Path) -> None:
    """At each moment the earlier result counts or the new one, and the earlier one is never lost."""
    earlier: dict[tuple[str, int], bytes] = {}
    rerun = FOUR[0]
    networks = {"weights": b"earlier", "predictions": b"earlier answers"}

    def prepare(sweep: pathlib.Path) -> None:
        with opened(sweep) as store:
            for run in FOUR:
                assert store.claim(*run)
                record(store, *run, contents=networks if run == rerun else None)
        earlier.update(texts(sweep))

    def replace(sweep: pathlib.Path) -> None:
        with Store.open(sweep, HEADER, CONFIGS, rerun=True) as store:
            if rerun not in store.recorded() and store.claim(*rerun):
                record(store, *rerun, accuracy=0.75, code=code_digest(), contents={"weights": b"new"})

    def check(sweep: pathlib.Path) -> None:
        now = texts(sweep)
        assert {run: now[run] for run in FOUR[1:]} == {run: earlier[run] for run in FOUR[1:]}
        replaced = sweep / "replaced"
        if now[rerun] != earlier[rerun]:
            assert b"0.75" in now[rerun]
            assert (replaced / "runs.jsonl").read_bytes() == earlier[rerun] + b"\n"
        assert losses(sweep, rerun) == ([1.0, 0.5] if now[rerun] == earlier[rerun] else [1.5, 0.75])
        before = [(sweep / "weights" / "wide-seed0.msgpack").read_bytes()]
        before += [path.read_bytes() for path in replaced.glob("weights/wide-seed0-*")]
        assert b"earlier" in before
        replace(sweep)
        assert b"0.75" in texts(sweep)[rerun]
        assert (replaced / "runs.jsonl").read_bytes() == earlier[rerun] + b"\n"
        assert len(set((replaced / "epochs.jsonl").read_bytes().splitlines())) == EPOCHS
        assert_complete(sweep, FOUR)

    assert kill_everywhere(directory, prepare, replace, check) > 40
