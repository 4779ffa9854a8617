"""The store: another config is refused, damage is found and set aside, nothing recorded is lost."""

import errno
import json
import os
import pathlib
import re

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import lines
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.header import UNKNOWN
from lenet_jax.runs.store import Store, check_folder, read_epochs, read_sweep
from tests.helpers import folders
from tests.helpers.small_store import (
    ARMS,
    CONFIG,
    CONFIGS,
    EPOCHS,
    FOUR,
    HEADER,
    fill,
    leave_open,
    opened,
    record,
)


@pytest.fixture
def directory(tmp_path):
    """A folder with four recorded runs, merged."""
    fill(tmp_path / "sweep", FOUR)
    return tmp_path / "sweep"


def contents(directory):
    """Every file, with when it was written; reading takes the lock at most."""
    return folders.contents(directory)


def keys(directory):
    return [(run["arm"], run["seed"]) for run in read_sweep(directory)[1]]


def names(directory):
    return sorted(path.name for path in directory.iterdir() if path.name != ".lock")


def test_what_is_recorded_is_read(directory):
    header, runs = read_sweep(directory)
    assert [(run["arm"], run["seed"]) for run in runs] == FOUR
    run = runs[1]
    assert run["result"] == {"arm": "wide", "dataset": "digits", "seed": 1, "test_accuracy": 0.5}
    assert run["images"] == {"train": 1293, "validation": 144, "test": 360}
    assert run["provenance"] == {"revision": "0123abc"} and run["code"] == "9b58ba9ec55339d7"
    assert {**CONFIGS["wide"], "seed": 1}.items() <= run["config"].items()
    # Fields that came later have their default, which does what was done before.
    assert (run["config"]["data.positions"], header["config"]["data.positions"]) == (1, 1)
    assert {name: header[name] for name in ("schema", "kind", "command")} == {
        "schema": 1, "kind": "sweep", "command": HEADER["command"],
    }  # fmt: skip
    assert [arm["name"] for arm in header["arms"]] == ARMS
    assert header["arms"][0]["overrides"] == {"model.hidden": [9]}
    assert list(header["provenances"].values()) == [{"revision": "0123abc"}]
    assert names(directory) == ["config.json", "epochs.jsonl", "runs.jsonl"]


def test_every_epoch_is_recorded_and_what_is_not_finite_is_null(tmp_path):
    with opened(tmp_path) as store:
        assert store.claim("wide", 0)
        store.write_epoch("wide", 0, 1, {"train_loss": 0.25, "seconds": 1.5})
        store.write_epoch("wide", 0, 2, {"train_loss": float("nan"), "seconds": float("inf")})
        store.write_run(
            result={"arm": "wide", "seed": 0, "train_loss": float("inf")},
            images={}, config=CONFIGS["wide"], provenance={"revision": "1"}, code="unknown",
        )  # fmt: skip
        while_open = read_epochs(tmp_path)
    assert while_open == read_epochs(tmp_path) == [
        {"arm": "wide", "seed": 0, "epoch": 1, "train_loss": 0.25, "seconds": 1.5},
        {"arm": "wide", "seed": 0, "epoch": 2, "train_loss": None, "seconds": None},
    ]  # fmt: skip
    [run] = read_sweep(tmp_path)[1]
    assert run["result"]["train_loss"] is None


def test_epochs_are_those_of_recorded_runs_at_their_last_attempt(tmp_path):
    leave_open(tmp_path, [])
    with opened(tmp_path) as store:
        assert store.claim("wide", 0) and store.claim("wide", 1)
        store.write_epoch("wide", 1, 1, {"train_loss": 9.0})  # never recorded
        for epoch in (1, 2, 3):
            store.write_epoch("wide", 0, epoch, {"train_loss": 9.0})  # starts over after three epochs
        record(store, "wide", 0)
    found = [(line["seed"], line["epoch"], line["train_loss"]) for line in read_epochs(tmp_path)]
    assert found == [(0, 1, 1.0), (0, 2, 0.5)]


def test_a_folder_that_was_begun_and_has_no_run_says_so(tmp_path):
    with opened(tmp_path):
        pass
    with (
        pytest.raises(
            UserError, match="was begun with another config, and has no recorded run: remove it if"
        ),
        opened(tmp_path, config=CONFIG | {"train.epochs": 3}),
    ):
        pass


def test_a_run_is_recorded_once_and_only_if_claimed(directory):
    with opened(directory) as store, opened(directory) as other:
        assert not store.claim("wide", 0)  # recorded
        assert store.claim("wide", 2) and not other.claim("wide", 2)
        assert other.holder("wide", 2) == os.getpid()
        with pytest.raises(KeyError):
            record(other, "wide", 2)
        record(store, "wide", 2)
        assert not other.claim("wide", 2) and other.holder("wide", 2) is None
        assert store.claim("wide", 3)
        store.release("wide", 3)
        assert other.claim("wide", 3)
    assert keys(directory) == [*FOUR[:2], ("wide", 2), *FOUR[2:]]


def test_runs_of_others_are_seen_at_once_and_lines_are_read_once(directory, monkeypatch):
    parsed = []
    with opened(directory) as store, opened(directory) as other:
        assert list(store.recorded()) == list(other.recorded()) == FOUR
        monkeypatch.setattr(lines, "unseal", lambda text, it=lines.unseal: parsed.append(text) or it(text))
        for seed in (2, 3, 4):
            assert ("wide", seed) not in store.recorded()
            assert other.claim("wide", seed)
            record(other, "wide", seed)
            assert store.recorded()["wide", seed]["result"]["seed"] == seed
            store.recorded()
        assert len(parsed) == 3 + 2  # the last one was not read by the other


def test_runs_of_a_command_that_ends_stay_recorded(directory):
    """Its file goes, runs.jsonl is another one."""
    with opened(directory) as store:
        assert list(store.recorded()) == FOUR
        fill(directory, [("wide", 2)])
        assert set(store.recorded()) == {*FOUR, ("wide", 2)}
        with opened(directory) as other:
            assert other.claim("wide", 3)
            record(other, "wide", 3)
            assert ("wide", 3) in store.recorded()
        assert set(store.recorded()) == {*FOUR, ("wide", 2), ("wide", 3)}


def test_what_is_not_there_yet_is_made(tmp_path):
    directory = tmp_path / "not" / "there" / "yet"
    check_folder(directory, HEADER, CONFIGS)
    assert not directory.parent.exists()
    with opened(directory):
        assert "config.json" in names(directory)
    assert names(directory) == ["config.json"]


@pytest.mark.parametrize("below", ["", "below"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, below):
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(UserError, match=r"--workdir=.* cannot be written .*: choose a folder"):
        fill(file / below, FOUR)
    assert file.read_text() == "precious"


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "config.json").mkdir()
    with pytest.raises(UserError, match=r"config.json cannot be read \(Is a directory\): .* move it away"):
        fill(tmp_path, FOUR)
    assert names(tmp_path / "config.json") == []


def test_a_folder_without_room_is_refused_and_nothing_half_written(directory, monkeypatch):
    write = os.write

    def write_half(descriptor, data):
        return write(descriptor, data[: len(data) // 2])

    def write_nothing(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened(directory) as store:
        assert store.claim("wide", 2)
        for full in (write_half, write_nothing):
            with monkeypatch.context() as patch:
                patch.setattr(os, "write", full)
                with pytest.raises(UserError, match=r"jsonl cannot be written \(No space.*\): .* free space"):
                    record(store, "wide", 2)
        record(store, "wide", 2)
    assert ("wide", 2) in keys(directory) and len(read_epochs(directory)) == 5 * EPOCHS


def test_an_unchanged_folder_is_not_touched(directory):
    before = contents(directory)
    with opened(directory):
        pass
    assert contents(directory) == before


@pytest.mark.parametrize("kind", ["run", "tuning"])
def test_another_kind_of_results_is_refused(directory, kind):
    before = contents(directory)
    with pytest.raises(UserError) as refusal, opened(directory, kind=kind):
        pass
    assert str(refusal.value) == f"{directory} holds a sweep: choose another --workdir."
    assert contents(directory) == before


def test_a_single_run_is_no_sweep(tmp_path):
    with opened(tmp_path, kind="run"):
        pass
    with pytest.raises(UserError, match="holds a single run: choose another --workdir"), opened(tmp_path):
        pass


def test_more_seeds_and_other_places_are_the_same_config(directory):
    for changed in ({"data.manual_dir": "/here"}, {"data.manual_dir": "/there"}):
        with opened(directory, config=CONFIG | changed):
            pass
    fill(directory, [("wide", 9)])
    assert ("wide", 9) in keys(directory)


def test_another_config_is_refused_field_by_field(directory):
    before = contents(directory)
    wanted = CONFIG | {"dataset": "mnist", "train.epochs": 3, "train.new": 1, "data.manual_dir": "/here"}
    with pytest.raises(UserError) as refusal, opened(directory, config=wanted):
        pass
    text = str(refusal.value)
    assert text.startswith(
        f"{directory} holds results of another config: choose another --workdir, or ask for the recorded "
        "values. Differing fields: "
    )
    assert "dataset: recorded 'digits', asked for 'mnist'" in text
    assert "train.epochs: recorded 30, asked for 3" in text
    assert "train.new: recorded 'nothing', asked for 1" in text
    assert "manual_dir" not in text
    assert contents(directory) == before
    with pytest.raises(UserError, match=re.escape(text)):
        check_folder(directory, HEADER | {"config": wanted}, CONFIGS)


@pytest.mark.parametrize("damaged", [False, True])
def test_an_arm_that_was_changed_is_refused(directory, damaged):
    """Whether or not config.json can be read: each line holds its run's whole config."""
    if damaged:
        (directory / "config.json").write_text("nonsense")
    before = contents(directory)
    configs = CONFIGS | {"narrow": {**CONFIG, "model.hidden": [5]}}
    with (
        pytest.raises(UserError, match=r"model.hidden: recorded \[3\], asked for \[5\]"),
        Store.open(directory, HEADER, configs),
    ):
        pass
    assert contents(directory) == before


def test_another_seed_of_a_single_run_is_refused_without_config_json_too(tmp_path):
    config = CONFIGS["wide"]
    header = HEADER | {"kind": "run", "config": config, "arms": HEADER["arms"][:1]}
    with Store.open(tmp_path, header, {"wide": config}) as store:
        assert store.claim("wide", 0)
        record(store, "wide", 0)
    for words in ("seed: recorded 0, asked for 1", "holds results of another config: those of arm wide"):
        other = config | {"seed": 1}
        with (
            pytest.raises(UserError, match=words),
            Store.open(tmp_path, header | {"config": other}, {"wide": other}),
        ):
            pass
        (tmp_path / "config.json").unlink(missing_ok=True)


def test_arms_are_added_and_none_is_lost(directory):
    new = {"name": "new", "overrides": {}}
    configs = {"new": CONFIG, "wide": CONFIGS["wide"]}
    relabelled = {**HEADER["arms"][0], "label": "9 units"}
    with Store.open(directory, HEADER | {"arms": [new, relabelled]}, configs):
        pass
    header, runs = read_sweep(directory)
    assert [arm["name"] for arm in header["arms"]] == ["new", "wide", "narrow"]
    assert [arm.get("label") for arm in header["arms"]] == [None, "9 units", "three units"]
    assert [(run["arm"], run["seed"]) for run in runs] == FOUR


def test_runs_come_by_arm_as_config_json_has_them_and_by_seed(tmp_path):
    runs = [("narrow", 10), ("wide", 2), ("narrow", 9), ("wide", 10)]
    fill(tmp_path, runs)
    ordered = [("wide", 2), ("wide", 10), ("narrow", 9), ("narrow", 10)]
    assert keys(tmp_path) == ordered
    with Store.open(tmp_path, HEADER | {"arms": HEADER["arms"][::-1]}, CONFIGS):
        pass
    assert keys(tmp_path) == ordered[2:] + ordered[:2]


def test_two_commands_with_other_settings_do_not_mix(tmp_path):
    """Started at once on an empty folder, they have nothing to compare with: the first run decides."""
    with pytest.raises(UserError, match="2 threads per process, not 1"):  # noqa: SIM117
        with opened(tmp_path) as one, opened(tmp_path) as two:
            assert one.claim("wide", 0) and two.claim("wide", 1)
            record(one, "wide", 0, threads=2, environment={})
            with pytest.raises(UserError, match="2 threads per process, not 1"):
                two.check_settings({"devices": 1, "threads": 1, "environment": {}})
            record(two, "wide", 1, threads=1, environment={})
    assert [run["seed"] for run in read_sweep(tmp_path)[1]] == [0]
    with opened(tmp_path) as third:  # of unknown settings, and of the first one's
        third.check_settings({"devices": 1, "threads": 2, "environment": {}})
        assert third.claim("wide", 1)
        record(third, "wide", 1, threads=2, environment={})
    assert [run["seed"] for run in read_sweep(tmp_path)[1]] == [0, 1]


def test_the_provenances_of_all_runs_are_listed(directory):
    with opened(directory) as store:
        for seed, revision in ((2, "4567def"), (3, "0123abc")):
            assert store.claim("wide", seed)
            record(store, "wide", seed, provenance=revision)
    header, _ = read_sweep(directory)
    assert list(header["provenances"].values()) == [{"revision": "0123abc"}, {"revision": "4567def"}]


def test_a_config_of_another_version_of_the_project_is_refused(directory):
    path = directory / "config.json"
    path.write_text(json.dumps(lines.seal({"command": "an older one", "config": CONFIG, "arms": ARMS})))
    before = contents(directory)
    for refused in (lambda: read_sweep(directory), lambda: fill(directory, FOUR)):
        with pytest.raises(
            UserError, match=r"config.json was written by another version .*schema None, not 1"
        ):
            refused()
    assert contents(directory) == before


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "altered": lambda data: data.replace(b"digits", b"digitz", 1),
    "not JSON": lambda data: b"Segmentation fault\n",
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_config_json_is_named_set_aside_and_made_again(directory, caplog, damage):
    path = directory / "config.json"
    whole = path.read_bytes()
    path.write_bytes(damaged := damage(whole))
    with pytest.raises(
        UserError, match=r"config.json is damaged: its? .*\. Run the sweep's command again: it"
    ):
        read_sweep(directory)
    lines_before = (directory / "runs.jsonl").read_bytes()
    with opened(directory) as store:
        assert list(store.recorded()) == FOUR
    [message] = [entry.getMessage() for entry in caplog.records]
    assert message.startswith(f"{path} is damaged: it")
    assert message.endswith("It was set aside as config.json.damaged-1.")
    assert (directory / "config.json.damaged-1").read_bytes() == damaged
    header, runs = read_sweep(directory)
    if damaged.startswith(b"{"):
        assert path.read_bytes() == whole  # provenances included, which are found in what is left
    assert len(runs) == 4 and all(
        run["provenance"] == ({"revision": "0123abc"} if damaged.startswith(b"{") else UNKNOWN)
        for run in runs
    )
    recorded = json.loads(whole)
    assert all(header[name] == recorded[name] for name in ("kind", "command", "arms"))
    assert (directory / "runs.jsonl").read_bytes() == lines_before


def flip_a_byte(path, line):
    """Alters one digit of a line, and returns the altered line."""
    texts = path.read_bytes().splitlines(keepends=True)
    texts[line - 1] = texts[line - 1].replace(b'"seed": 1', b'"seed": 3')
    path.write_bytes(b"".join(texts))
    return texts[line - 1]


def folder_with_worker_files(directory):
    """The four runs as a killed command leaves them; returns the paths of its runs and epochs."""
    leave_open(directory, FOUR)
    [runs], [epochs] = directory.glob("runs.*.jsonl"), directory.glob("epochs.*.jsonl")
    return runs, epochs


@pytest.mark.parametrize("merged", [True, False])
def test_a_damaged_run_is_named_set_aside_and_run_again(tmp_path, caplog, merged):
    directory = tmp_path / "sweep"
    runs, _ = folder_with_worker_files(directory)
    if merged:
        fill(directory, [])
        runs = directory / "runs.jsonl"
    good = read_sweep(directory)[1]
    damaged = flip_a_byte(runs, line=2)
    before = contents(directory)
    sentence = f"{runs}, line 2, is damaged: its checksum does not match its content."
    for read in (read_sweep, read_epochs):
        with pytest.raises(UserError) as refusal:
            read(directory)
        assert str(refusal.value) == (
            f"{sentence} Run the sweep's command again: it sets the line aside and computes what is missing."
        )
    assert contents(directory) == before
    ran = []
    fill(directory, FOUR, lambda *run: ran.append(run))
    assert ran == [FOUR[1]]
    assert [entry.getMessage() for entry in caplog.records] == [
        f"{sentence} It was set aside in {runs.name}.damaged-1."
    ]
    assert runs.with_name(f"{runs.name}.damaged-1").read_bytes() == damaged
    assert read_sweep(directory)[1] == good and len(read_epochs(directory)) == 4 * EPOCHS
    assert set(names(directory)) == {"config.json", "epochs.jsonl", "runs.jsonl", f"{runs.name}.damaged-1"}


@pytest.mark.parametrize("merged", [True, False])
def test_a_damaged_epoch_is_named_and_set_aside(tmp_path, caplog, merged):
    directory = tmp_path / "sweep"
    _, epochs = folder_with_worker_files(directory)
    if merged:
        fill(directory, [])
        epochs = directory / "epochs.jsonl"
    damaged = flip_a_byte(epochs, line=4)
    good = read_sweep(directory)[1]  # has nothing to do with epochs
    with pytest.raises(UserError, match=r"line 4, is damaged: .* it sets the line aside\.$"):
        read_epochs(directory)
    ran = []
    fill(directory, FOUR, lambda *run: ran.append(run))
    assert ran == [] and read_sweep(directory)[1] == good
    [message] = [entry.getMessage() for entry in caplog.records]
    assert f"{epochs}, line 4, is damaged" in message and f"{epochs.name}.damaged-1" in message
    assert epochs.with_name(f"{epochs.name}.damaged-1").read_bytes() == damaged
    assert len(read_epochs(directory)) == 4 * EPOCHS - 1


def test_damage_in_the_file_of_a_live_command_is_named_once_and_left_to_it(directory, caplog):
    with opened(directory) as store, opened(directory) as other:
        for seed in (1, 2):
            other.claim("narrow", seed)
        assert other.claim("wide", 2)
        record(other, "wide", 2)
        record(other, "narrow", 2)
        [path] = [path for path in directory.glob("runs.*.jsonl") if path.stat().st_size]
        path.write_bytes(path.read_bytes().replace(b'"wide"', b'"wild"', 1))
        assert ("wide", 2) not in store.recorded() and ("narrow", 2) in store.recorded()
        assert other.claim("narrow", 3)
        record(other, "narrow", 3)
        assert ("narrow", 3) in store.recorded()
        messages = [entry.getMessage() for entry in caplog.records]
        assert len(messages) == 2 and len(set(messages)) == 1  # once by each of the two
        assert messages[0].startswith(f"{path}, line 1, is damaged: its checksum does not match")
        assert messages[0].endswith("Its run counts as not recorded.")
        fill(directory, [])  # merges, and lets the live command's file be
        assert path.exists()
    assert (directory / f"{path.name}.damaged-1").exists() and not path.exists()
    assert keys(directory) == [*FOUR, ("narrow", 2), ("narrow", 3)]


@pytest.mark.parametrize("kind", ["runs", "epochs"])
def test_a_torn_last_line_is_ignored(tmp_path, caplog, kind):
    directory = tmp_path / "sweep"
    paths = dict(zip(("runs", "epochs"), folder_with_worker_files(directory), strict=True))
    with paths[kind].open("ab") as file:
        file.write(b'{"arm": "wide", "seed": 2, "res')
    assert keys(directory) == FOUR and len(read_epochs(directory)) == 4 * EPOCHS
    fill(directory, [])
    assert keys(directory) == FOUR and len(read_epochs(directory)) == 4 * EPOCHS
    assert names(directory) == ["config.json", "epochs.jsonl", "runs.jsonl"] and not caplog.records


def test_two_results_of_one_run_are_refused_and_named(directory):
    runs = directory / "runs.jsonl"
    other = directory / "runs.1-0123abcd.jsonl"
    with reopened(directory) as store:
        assert store.claim("wide", 1)
        record(store, "wide", 1, accuracy=0.75, code=code_digest())
    other.write_bytes((directory / "replaced" / "runs.jsonl").read_bytes())
    before = contents(directory)
    for refused in (read_sweep, read_epochs, lambda path: fill(path, FOUR)):
        with pytest.raises(UserError) as refusal:
            refused(directory)
        assert str(refusal.value) == (
            f"{runs} and {other} hold two different results of arm wide with seed 1: remove one of the two "
            "lines."
        )
    assert contents(directory) == before
    other.unlink()
    runs.write_bytes(runs.read_bytes() + (directory / "replaced" / "runs.jsonl").read_bytes())
    with pytest.raises(UserError, match=rf"^{runs} holds two different results of arm wide with seed 1: "):
        read_sweep(directory)


def test_identical_lines_are_one_run(directory):
    before = contents(directory)
    for kind in ("runs", "epochs"):
        text = (directory / f"{kind}.jsonl").read_bytes()
        (directory / f"{kind}.1-0123abcd.jsonl").write_bytes(text + text)
    assert keys(directory) == FOUR and len(read_epochs(directory)) == 4 * EPOCHS
    fill(directory, [])
    assert contents(directory) == before


def reopened(directory):
    """A store in which runs of other code count as not recorded."""
    return Store.open(directory, HEADER, CONFIGS, rerun=True)


def test_a_rerun_replaces_each_run_when_it_is_recorded_again(directory):
    good = {name: (directory / name).read_text() for name in ("runs.jsonl", "epochs.jsonl")}
    chosen = [("wide", 1), ("narrow", 0)]
    with reopened(directory) as store:
        assert not store.recorded() and keys(directory) == FOUR
        for run in chosen:
            assert store.claim(*run)
            record(store, *run, accuracy=0.75, code=code_digest())
            assert run in store.recorded() and keys(directory) == FOUR
            assert not store.claim(*run)
        assert list(store.recorded()) == chosen
    _, runs = read_sweep(directory)
    accuracies = {(run["arm"], run["seed"]): run["result"]["test_accuracy"] for run in runs}
    assert accuracies == {run: 0.75 if run in chosen else 0.5 for run in FOUR}
    assert len(read_epochs(directory)) == 4 * EPOCHS
    for name, text in good.items():
        moved = (directory / "replaced" / name).read_text().splitlines()
        kept = (directory / name).read_text().splitlines()
        assert set(moved) | set(kept) >= set(text.splitlines())
        assert len(moved) == (2 if name == "runs.jsonl" else 2 * EPOCHS) and set(moved) <= set(
            text.splitlines()
        )
    with reopened(directory) as store:
        assert list(store.recorded()) == chosen  # the others are still those of other code


def test_runs_of_a_command_that_still_runs_are_not_replaced(directory):
    with opened(directory) as other:
        assert other.claim("wide", 2)
        record(other, "wide", 2)
        with (
            pytest.raises(UserError, match="arm wide with seed 2 was recorded by a command that is still"),
            reopened(directory),  # before anything is trained
        ):
            pass
    with opened(directory) as other, reopened(directory) as store:
        assert other.claim("wide", 3)
        record(other, "wide", 3)  # after --rerun looked for what is outdated
        assert not store.claim("wide", 3)
    assert keys(directory) == [*FOUR[:2], ("wide", 2), ("wide", 3), *FOUR[2:]]
    assert not (directory / "replaced").exists()


def test_a_run_of_another_config_that_another_command_records_meanwhile_is_refused(directory):
    with opened(directory) as store:
        other = {**CONFIGS, "wide": {**CONFIG, "model.hidden": [5]}}
        store.recorded()
        store._configs = other  # as if its config file had been edited
        with opened(directory) as another:
            assert another.claim("wide", 2)
            record(another, "wide", 2)
            with pytest.raises(UserError, match=r"model.hidden: recorded \[9\], asked for \[5\]"):
                store.recorded()


def test_a_file_that_looks_like_a_workers_is_left_alone(directory):
    backup = directory / "runs.backup.jsonl"
    backup.write_bytes((directory / "runs.jsonl").read_bytes())
    fill(directory, [("wide", 2)])
    assert backup.exists() and len(keys(directory)) == 5


def test_reading_writes_nothing(tmp_path):
    directory = tmp_path / "sweep"
    folder_with_worker_files(directory)
    (directory / ".lock").unlink()
    before = contents(directory)
    assert keys(directory) == FOUR and len(read_epochs(directory)) == 4 * EPOCHS
    assert contents(directory) == before and not (directory / ".lock").exists()


def test_what_is_no_sweep_is_refused(tmp_path):
    with opened(tmp_path / "begun"):
        pass
    (tmp_path / "file").write_text("")
    for name, lacks in (
        ("missing", "config.json of a sweep"),
        ("file", "config.json of a sweep"),
        ("begun", "recorded runs"),
    ):
        with pytest.raises(UserError) as refusal:
            read_sweep(pathlib.Path(tmp_path / name))
        assert str(refusal.value) == (
            f"{tmp_path / name} holds no {lacks}: run experiments.ablate with this --workdir first."
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "file"]


def test_a_users_datasets_survive_a_damaged_config_json(tmp_path):
    own = {"sha256:0123": {"identity": "sha256:0123", "path": "own.npz", "classes": ["a", "b"]}}
    with opened(tmp_path, datasets=own) as store:
        assert store.claim("wide", 0)
        record(store, "wide", 0)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"label": "nine units"', '"label": "9 units"'))
    with opened(tmp_path):  # a command that does not use them
        pass
    header, _ = read_sweep(tmp_path)
    assert header["datasets"] == own
