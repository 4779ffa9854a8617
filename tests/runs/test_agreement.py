"""Runs that do not belong together are refused by name, so that no copy counts as a repetition."""

import re
import shutil

import pytest

from lenet_jax.errors import UserError
from lenet_jax.report.pages import write_report
from lenet_jax.runs import kept, lines
from lenet_jax.runs.loaded import load_sweep
from lenet_jax.runs.store import Store, read_sweep
from tests.helpers import recorded
from tests.helpers.folders import contents
from tests.helpers.results import arm, result

ARMS = [arm("wide"), arm("narrow")]
HEADER = recorded.header(ARMS)


def reopened(directory):
    """What a command does that continues the folder, of other arms."""
    with Store.open(directory, HEADER, configs={}):
        pass


READERS = (read_sweep, load_sweep, write_report, reopened)


def assert_refused(directory, *words):
    """Every reader names the words in one sentence, and changes nothing."""
    before = contents(directory)
    for read in READERS:
        with pytest.raises(UserError) as refusal:
            read(directory)
        for word in words:
            assert word in str(refusal.value)
    assert contents(directory) == before


def record_two(directory, **overrides):
    """Two runs of an arm, the second with other fields; and one of another arm, which may have them."""
    with Store.open(directory, HEADER, configs={}) as store:
        recorded.record(store, HEADER, [result("wide", 0, 0.9)])
        dataset = {"dataset": overrides["dataset"]} if "dataset" in overrides else {}
        recorded.record(store, HEADER, [result("wide", 1, 0.8, **dataset)], **overrides)
        recorded.record(store, HEADER, [result("narrow", 0, 0.8, **dataset)], **overrides)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"dataset": "usps"}, "dataset ('digits' and 'usps')"),
        ({"train__epochs": 3}, "train.epochs (10 and 3)"),
        ({"model__hidden": [7]}, "and [7])"),
        ({"train__new": 1}, "train.new ('nothing' and 1)"),
    ],
)
def test_two_configs_of_one_arm_are_not_averaged(tmp_path, overrides, words):
    record_two(tmp_path, **overrides)
    assert_refused(tmp_path, "runs of arm wide with two configs", "seeds 0 and 1 differ in", words)


def test_fields_that_do_not_identify_runs_may_differ(tmp_path):
    record_two(tmp_path, tensorboard=True)
    assert len(load_sweep(tmp_path)) == 3


def altered(directory, arm, seed, change):
    """Alters one line's content and gives it a checksum again, as someone does who copies it."""
    path = directory / "runs.jsonl"
    texts = path.read_bytes().splitlines(keepends=True)
    for number, text in enumerate(texts):
        content = lines.unseal(text)
        if (content["arm"], content["seed"]) == (arm, seed):
            change(content)
            texts[number] = lines.to_line(content)
    path.write_bytes(b"".join(texts))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda line: line.update(seed=7), "arm wide with seed 7 has seed 1 in its result instead of 7"),
        (lambda line: line.update(arm="other"), "arm other with seed 1 has arm 'wide' in its result"),
        (
            lambda line: line["result"].update(dataset="usps"),
            "has dataset 'usps' in its result instead of 'di",
        ),
        (lambda line: line["departs"].update(seed=8), "seed 1 has seed 8 in its config instead of 1"),
    ],
    ids=["seed", "arm", "dataset", "seed of the config"],
)
def test_a_line_of_another_run_is_refused(tmp_path, change, words):
    recorded.write_runs(tmp_path, HEADER, [result("wide", 0, 0.9), result("wide", 1, 0.8)])
    altered(tmp_path, "wide", 1, change)
    assert_refused(tmp_path, words)


def test_a_users_images_may_have_another_name_than_when_they_were_recorded(tmp_path):
    with Store.open(tmp_path, HEADER, configs={}) as store:
        recorded.record(store, HEADER, [result("wide", 0, 0.9, dataset="mine")], dataset="sha256:0123")
    assert read_sweep(tmp_path)[1][0]["result"]["dataset"] == "mine"


def record_networks(directory, *runs):
    with Store.open(directory, HEADER, configs={}) as store:
        for name, seed, network in runs:
            assert store.claim(name, seed)
            store.write_run(
                result=result(name, seed, 0.5),
                images=recorded.IMAGES,
                config=recorded.CONFIG | {"seed": seed},
                provenance=recorded.PROVENANCE,
                code="unknown",
                contents={kept.WEIGHTS: network},
            )


def test_one_network_under_two_seeds_is_a_copy(tmp_path):
    record_networks(tmp_path, ("wide", 0, b"one"), ("wide", 1, b"two"), ("wide", 2, b"one"))
    assert_refused(tmp_path, "the same trained network of arm wide with seeds 0 and 2")


def test_two_arms_of_one_config_may_have_the_same_networks(tmp_path):
    record_networks(tmp_path, ("wide", 0, b"one"), ("narrow", 0, b"one"))
    assert len(load_sweep(tmp_path)) == 2


def test_lines_of_a_folder_of_another_dataset_are_named(tmp_path):
    """As `cat` appends them."""
    other = HEADER | {"config": recorded.CONFIG | {"dataset": "usps"}}
    recorded.write_runs(tmp_path / "digits", HEADER, [result("wide", 0, 0.9)])
    recorded.write_runs(tmp_path / "usps", other, [result("wide", 1, 0.8, dataset="usps")])
    with (tmp_path / "digits" / "runs.jsonl").open("ab") as file:
        file.write((tmp_path / "usps" / "runs.jsonl").read_bytes())
    assert_refused(
        tmp_path / "digits", "those of arm wide with seed 1", "(dataset 'usps' instead of 'digits')"
    )


def test_two_configs_of_one_run_are_named(tmp_path):
    for folder, overrides in (("first", {}), ("second", {"train__epochs": 3})):
        recorded.write_runs(tmp_path / folder, HEADER, [result("wide", 0, 0.9)], **overrides)
    shutil.copy(tmp_path / "second" / "runs.jsonl", tmp_path / "first" / "runs.1-0123abcd.jsonl")
    assert_refused(
        tmp_path / "first", "two different results of arm wide with seed 0, which differ in train.epochs"
    )


def test_a_file_or_folder_copied_into_the_folder_counts_once(tmp_path):
    folder = tmp_path / "sweep"
    recorded.write_runs(folder, HEADER, [result("wide", 0, 0.9), result("wide", 1, 0.8)])
    runs = (folder / "runs.jsonl").read_bytes()
    shutil.copytree(folder, tmp_path / "copy")
    shutil.copytree(tmp_path / "copy", folder / "copy")
    (folder / "runs.jsonl").write_bytes(runs + runs)
    (folder / "runs.1-0123abcd.jsonl").write_bytes(runs)
    assert [(run.arm, run.seed) for run in load_sweep(folder)] == [("wide", 0), ("wide", 1)]


@pytest.mark.parametrize("kind", ["runs", "epochs"])
def test_lines_of_the_other_file_are_set_aside(tmp_path, caplog, kind):
    """As `cat *.jsonl > runs.jsonl` mixes them."""
    with Store.open(tmp_path, HEADER, configs={}) as store:
        assert store.claim("narrow", 0)
        store.write_epoch("narrow", 0, 1, {"train_loss": 1.0})
        store.release("narrow", 0)
        recorded.record(store, HEADER, [result("wide", 0, 0.9)])
    epoch = lines.to_line({"arm": "wide", "seed": 1, "epoch": 1, "train_loss": 1.0})
    texts = {"runs": epoch, "epochs": (tmp_path / "runs.jsonl").read_bytes()}
    path = tmp_path / f"{kind}.jsonl"
    path.write_bytes((path.read_bytes() if path.exists() else b"") + texts[kind])
    if kind == "runs":
        with pytest.raises(
            UserError, match=re.escape("is damaged: it has no 'result', as a line of another")
        ):
            read_sweep(tmp_path)
    reopened(tmp_path)
    assert len(load_sweep(tmp_path)) == 1 and load_sweep(tmp_path).epochs == []
    assert (tmp_path / f"{kind}.jsonl.damaged-1").read_bytes() == texts[kind]
