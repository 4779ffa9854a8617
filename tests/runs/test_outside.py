"""Disks and file systems that refuse: one sentence names the culprit, and nothing recorded is lost."""

import contextlib
import errno
import fcntl
import os
import pathlib
import shutil
import tempfile
import time

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import claims, kept
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.merge import merge
from lenet_jax.runs.store import Store, check_folder, read_epochs, read_sweep
from tests.helpers.small_store import CONFIGS, EPOCHS, FOUR, HEADER, fill, leave_open, opened, record

NETWORK = {kept.WEIGHTS: b"network", kept.PREDICTIONS: b"answers"}


@pytest.fixture
def directory(tmp_path):
    """A folder with one run, merged, and one that a killed command has left."""
    directory = tmp_path / "sweep"
    with opened(directory) as store:
        assert store.claim(*FOUR[0])
        record(store, *FOUR[0], contents=NETWORK)
    leave_open(directory, FOUR[1:2])
    return directory


def record_third(directory, rerun=False):
    """A command that records a third run, or the first one again."""
    with Store.open(directory, HEADER, CONFIGS, rerun) as store:
        run = FOUR[0] if rerun else FOUR[2]
        if run not in store.recorded() and store.claim(*run):
            record(store, *run, accuracy=0.75, code=code_digest(), contents=NETWORK)


def keys(directory):
    return [(run["arm"], run["seed"]) for run in read_sweep(directory)[1]]


CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "ftruncate")


def failing(monkeypatch, number, error):
    """Makes the call of that number (from 1) and all after it fail, as on a disk that is full or read-only.

    Returns a function: how many calls there were.
    """
    calls = 0

    def watch(name, original):
        def call(*arguments, **options):
            nonlocal calls
            reads = name == "open" and not arguments[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not reads:
                calls += 1
                if calls >= number and (error == errno.EROFS or name not in ("unlink", "ftruncate")):
                    raise OSError(error, os.strerror(error))
            return original(*arguments, **options)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, watch(name, getattr(os, name)))
    return lambda: calls


@pytest.mark.parametrize("rerun", [False, True], ids=["a new run", "a rerun"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
def test_a_disk_that_fails_at_any_call_loses_nothing(tmp_path, directory, error, rerun, monkeypatch):
    """Every call that changes something fails in turn, with all calls after it."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow
    before = {(run["arm"], run["seed"]): run["result"] for run in read_sweep(directory)[1]}
    number, refused = 0, 0
    while refused == number:
        number += 1
        sweep = shutil.copytree(directory, tmp_path / f"sweep{number}")
        with pytest.MonkeyPatch.context() as patch:
            calls = failing(patch, number, error)
            try:
                record_third(sweep, rerun)
            except UserError as refusal:
                refused += 1
                assert str(refusal).count(os.strerror(error)) == 1 and "\n" not in str(refusal)
                if error == errno.ENOSPC:
                    assert "to go on, free space and run the same command again" in str(refusal)
            else:
                refused += calls() >= number  # only cleaning up has failed
        now = {(run["arm"], run["seed"]): run["result"] for run in read_sweep(sweep)[1]}
        assert now.keys() >= before.keys()
        record_third(sweep, rerun)
        runs = FOUR[:2] if rerun else FOUR[:3]
        assert keys(sweep) == runs and len(read_epochs(sweep)) == EPOCHS * len(runs)
        assert {path.name for path in sweep.glob("*.jsonl")} == {"runs.jsonl", "epochs.jsonl"}
        shutil.rmtree(sweep)
    assert number > 12


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_named(directory, monkeypatch, error):
    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for use in (record_third, merge):
        with pytest.raises(UserError) as refusal:
            use(directory)
        assert str(refusal.value) == (
            f"--workdir={directory} cannot be written ({os.strerror(error)}): its file system has no file "
            "locks, so choose a folder on another one."
        )
    assert keys(directory) == FOUR[:2]


def test_too_many_open_files_are_named(directory, monkeypatch):
    with opened(directory) as store:
        with monkeypatch.context() as patch:
            failing(patch, 1, errno.EMFILE)
            with pytest.raises(
                UserError, match=r"--workdir=.*Too many open files.*: raise the limit of open"
            ):
                store.claim(*FOUR[2])
        assert store.claim(*FOUR[2])


def test_a_claim_that_cannot_be_released_holds_nothing(directory, monkeypatch):
    with opened(directory) as store:
        assert store.claim(*FOUR[2])
        with monkeypatch.context() as patch:
            failing(patch, 1, errno.EROFS)
            store.release(*FOUR[2])
        assert claims.Claims(directory).take(*FOUR[2])


PLACES = {
    "a file": (
        lambda place: (place.parent.mkdir(), place.write_text("precious")),
        "as {place} is a file",
    ),
    "below a file": (lambda place: place.parent.write_text("precious"), "as {place.parent} is a file"),
    "a dangling link": (
        lambda place: (place.parent.mkdir(), place.symlink_to("nowhere")),
        "as {place} is a symbolic link to nowhere, which does not exist",
    ),
    "below a dangling link": (
        lambda place: place.parent.symlink_to("nowhere"),
        "as {place.parent} is a symbolic link to nowhere, which does not exist",
    ),
}


@pytest.mark.parametrize(("make", "words"), PLACES.values(), ids=PLACES)
def test_a_workdir_that_is_no_folder_is_named(tmp_path, make, words):
    place = tmp_path / "above" / "sweep"
    make(place)
    with pytest.raises(UserError) as refusal:
        fill(place, FOUR)
    assert str(refusal.value).startswith(f"--workdir={place} cannot be written (")
    assert str(refusal.value).endswith(f": choose a folder elsewhere, {words.format(place=place)}.")
    with pytest.raises(UserError, match="holds no config.json of a sweep"):
        read_sweep(place)


def test_a_path_that_is_too_long_is_named(tmp_path):
    place = tmp_path / ("x" * 300)
    for use in (read_sweep, read_epochs, merge, lambda path: fill(path, FOUR)):
        with pytest.raises(UserError, match=r"x/?.*File name too long\): choose a shorter path\.$"):
            use(place)


def test_what_stands_in_the_way_of_a_file_is_named(directory):
    for name in ("runs.jsonl", "epochs.jsonl", "weights", ".claims", "replaced"):
        sweep = shutil.copytree(directory, directory.parent / f"with {name}")
        path = sweep / name
        if path.is_dir():
            shutil.rmtree(path)
        is_file = name.endswith(".jsonl")
        if is_file:
            path.unlink()
            path.mkdir()
        else:
            path.write_text("precious")
        with pytest.raises(UserError) as refusal:
            record_third(sweep, rerun=name == "replaced")
        assert str(path if name != ".claims" else sweep) in str(refusal.value)
        assert path.is_dir() if is_file else path.read_text() == "precious"


@contextlib.contextmanager
def without_access(path):
    """Nobody may open `path`, not even this process, which may be root's."""
    before, user = path.stat().st_mode, os.geteuid()
    path.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(before)


@pytest.fixture
def open_folder(directory):
    """A copy of `directory` in a folder that any user may open."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(directory, pathlib.Path(folder) / "runs" / "sweep")
        for path in (pathlib.Path(folder), *pathlib.Path(folder).rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        yield copy


@pytest.mark.parametrize(
    ("closed", "sentence"),
    [
        ("config.json", "{closed} cannot be read (Permission denied): make it a readable file"),
        ("runs.jsonl", "{closed} cannot be read (Permission denied): make it a readable file"),
        ("..", "elsewhere, as {closed} is a folder that you may not open."),
    ],
)
def test_the_file_or_folder_without_access_is_named(open_folder, closed, sentence):
    path = (open_folder / closed).resolve()
    for use in (read_sweep, lambda folder: fill(folder, FOUR)):
        with without_access(path), pytest.raises(UserError) as refusal:
            use(open_folder)
        assert sentence.format(closed=path) in str(refusal.value)
    assert keys(open_folder) == FOUR[:2]


def test_an_unreadable_folder_is_not_taken_for_an_empty_one(directory, monkeypatch):
    """Path.glob would find nothing there."""

    def refuse(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    for use in (read_sweep, read_epochs, merge):
        with pytest.raises(UserError, match=rf"^{directory} cannot be read \(Permission denied\)"):
            use(directory)


def draft(path, hours, process):
    """A file that a write has left, `hours` ago."""
    path = path.with_name(f".{path.name}.0123abcd.{process}")
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - 3600 * hours,) * 2)
    return path


def test_files_that_killed_writes_have_left_are_removed(directory):
    nobody = 2**22 + 1  # no process has such an ID
    replaced = directory / "replaced"
    names = ["config.json", "runs.jsonl.damaged-1", "table.csv", "weights/wide-seed0.msgpack",
             "predictions/wide-seed0.msgpack"]  # fmt: skip
    abandoned = [draft(directory / name, 2, nobody) for name in names]
    abandoned += [draft(replaced / name, 2, nobody) for name in ("runs.jsonl", "weights/wide-seed0.msgpack")]
    kept_ones = [
        draft(directory / "runs.jsonl", 0.5, nobody),  # may be written on another machine
        draft(directory / "table.csv", 2, os.getpid()),
        draft(directory / "table.md", 2, 1),  # of another user, who may still write it
        draft(directory / ".bashrc", 2, nobody),  # not ours
    ]
    merge(directory)
    assert not [path for path in abandoned if path.exists()]
    assert all(path.exists() for path in kept_ones)
    assert keys(directory) == FOUR[:2]


def test_names_of_new_files_reach_the_disk(directory, monkeypatch):
    """Else a power cut could lose a file whose content is safe."""
    synced, fsync = [], os.fsync

    def note(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with opened(directory) as store:
        assert synced[-1] == str(directory)  # the names of the command's own files
        assert store.claim(*FOUR[2])
        synced.clear()
        record(store, *FOUR[2], contents=NETWORK)
        folders = [path for path in synced if os.path.isdir(path)]
        assert folders == [str(directory / "weights"), str(directory / "predictions")]
        assert "runs." in synced[-1]  # the line that says that they are there comes last


def test_damage_that_is_recorded_again_does_not_stop_a_report(directory, caplog):
    """Found while a sweep runs: its run is computed again, and reports go on."""
    merge(directory)
    with opened(directory) as store:
        path = directory / "runs.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"test_accuracy": 0.5', b'"test_accuracy": 0.9', 1))
        assert FOUR[0] not in store.recorded() and store.claim(*FOUR[0])
        with pytest.raises(UserError, match="line 1, is damaged"):
            read_sweep(directory)
        record(store, *FOUR[0])
        assert keys(directory) == FOUR[:2]
    assert keys(directory) == FOUR[:2] and (directory / "runs.jsonl.damaged-1").exists()


@pytest.mark.parametrize("altered", [b'"test_accuracy": 0.9', b'"test_acc'])
def test_damage_in_a_command_s_own_file_does_not_stop_its_reports(tmp_path, altered):
    with opened(tmp_path) as store:
        for run in FOUR[:2]:
            assert store.claim(*run)
            record(store, *run)
        [path] = tmp_path.glob("runs.*.jsonl")
        before, _, after = path.read_bytes().rpartition(b'"test_accuracy": 0.5')
        path.write_bytes(before + altered + after)
        assert list(store.recorded()) == FOUR[:1] and store.claim(*FOUR[1])
        record(store, *FOUR[1])
        assert keys(tmp_path) == FOUR[:2] and len(read_epochs(tmp_path)) == 2 * EPOCHS
    assert keys(tmp_path) == FOUR[:2]


def test_config_json_that_is_damaged_while_a_command_runs_is_set_aside(directory, caplog):
    with opened(directory) as store:
        (directory / "config.json").write_text("damaged")
        assert store.claim(*FOUR[2])
        record(store, *FOUR[2], provenance="4567def")
    assert keys(directory) == FOUR[:3]
    assert (directory / "config.json.damaged-1").read_text() == "damaged"


def test_check_folder_names_a_config_json_that_is_a_folder(tmp_path):
    (tmp_path / "config.json").mkdir()
    for use in (read_sweep, lambda path: check_folder(path, HEADER, CONFIGS)):
        with pytest.raises(UserError, match=r"config.json cannot be read \(Is a directory\)"):
            use(tmp_path)
