"""Damaged folders of runs: what is read is what was recorded, and continuing the sweep completes it.

LENET_JAX_FUZZ=20 tries 20 times as many examples.
"""

import pathlib
import shutil

import numpy as np
import pytest
from flax import serialization
from hypothesis import given
from hypothesis import strategies as st

from lenet_jax.errors import UserError
from lenet_jax.runs import kept
from lenet_jax.runs.network_files import pack_files, read_answers, read_network
from lenet_jax.runs.population import Network
from lenet_jax.runs.store import read_epochs, read_sweep
from lenet_jax.training.epoch import Answers
from tests.fuzz.examples import damaged, examples
from tests.helpers.small_store import EPOCHS, FOUR, fill, leave_open, opened, record

ANSWERS = Answers(np.arange(3, dtype=np.uint16), np.arange(3, dtype=np.uint16), np.ones(3, np.float32))
NETWORK = Network(2, {"params": {"output": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}}})
CONTENTS = pack_files(NETWORK, {"test": ANSWERS})


@pytest.fixture(scope="module", autouse=True)
def no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A function: files by name -> the folder of the test, which holds these alone."""
    directory = tmp_path_factory.mktemp("folders") / "sweep"

    def make(contents):
        shutil.rmtree(directory, ignore_errors=True)
        for name, content in contents.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
        return directory

    return make


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The files of a sweep: two runs are merged, two are in the files of a killed command."""
    directory = tmp_path_factory.mktemp("whole") / "sweep"
    fill(directory, FOUR[:2])
    leave_open(directory, FOUR[2:])
    return read_files(directory)


def read_files(directory: pathlib.Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and ".claims" not in path.parts
    }


def assert_sentence(refusal):
    message = str(refusal)
    assert "\n" not in message and message.endswith(".") and len(message) < 2_000


def as_recorded(epochs):
    return {(line["arm"], line["seed"], line["epoch"]): line for line in epochs}


@given(st.data())
@examples(60)
def test_a_damaged_file(folders, sweep, data):
    """It is refused or unnoticeable for readers; a command that continues loses no intact line."""
    _, runs = read_sweep(directory := folders(sweep))
    recorded = {(run["arm"], run["seed"]): run for run in runs}
    epochs = as_recorded(read_epochs(directory))
    names = sorted(name for name in sweep if name.endswith((".json", ".jsonl")))
    name = data.draw(st.sampled_from(names))
    content = data.draw(damaged(sweep[name]))
    directory = folders(sweep | {name: content})
    try:
        _, found = read_sweep(directory)
        assert all(run == recorded[run["arm"], run["seed"]] for run in found)
        assert as_recorded(read_epochs(directory)).items() <= epochs.items()
    except UserError as refusal:
        assert_sentence(refusal)
    intact = {
        line for line in sweep[name].splitlines() if name.startswith("runs.") and line in content.splitlines()
    }
    with opened(directory) as store:
        kept_runs = set(store.recorded())
        for arm, seed in FOUR:
            if (arm, seed) not in kept_runs and store.claim(arm, seed):
                record(store, arm, seed)
    if name.startswith("runs."):
        assert len(kept_runs) >= len(FOUR) - len(sweep[name].splitlines()) + len(intact)
    else:
        assert kept_runs == set(FOUR)
    _, found = read_sweep(directory)
    assert [(run["arm"], run["seed"]) for run in found] == FOUR
    assert [run["result"] for run in found] == [run["result"] for run in runs]
    assert as_recorded(read_epochs(directory)).items() <= epochs.items()
    if name.startswith("runs."):
        assert len(read_epochs(directory)) == len(FOUR) * EPOCHS


@given(st.sampled_from(sorted(CONTENTS)), st.data())
@examples(60)
def test_a_damaged_network_or_answers(folders, whole_run, kind, data):
    directory = folders(whole_run)
    [run] = read_sweep(directory)[1]
    path = kept.path_of(directory, kind, "wide", 0)
    content = data.draw(damaged(CONTENTS[kind]))
    path.write_bytes(content)
    read = {kept.WEIGHTS: read_network, kept.PREDICTIONS: read_answers}[kind]
    assert kept.is_intact(directory, run) == (content == CONTENTS[kind])
    try:
        read(directory, run)
        assert content == CONTENTS[kind]
    except UserError as refusal:
        assert_sentence(refusal)


@given(st.sampled_from(sorted(CONTENTS)), st.data())
@examples(60)
def test_a_file_that_was_altered_before_its_digest(folders, kind, data):
    """As another program would write it: what it holds is a network or answers, or is refused."""
    directory = folders({})
    content = data.draw(damaged(CONTENTS[kind]) | OBJECTS.map(serialization.msgpack_serialize))
    with opened(directory) as store:
        assert store.claim("wide", 0)
        record(store, "wide", 0, contents={kind: content})
    [run] = read_sweep(directory)[1]
    read = {kept.WEIGHTS: read_network, kept.PREDICTIONS: read_answers}[kind]
    try:
        read(directory, run)
    except UserError as refusal:
        assert_sentence(refusal)


OBJECTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.just("text") | st.binary(max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(("epoch", "variables", "test", "labels")), inner),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "run"
    with opened(directory) as store:
        assert store.claim("wide", 0)
        record(store, "wide", 0, contents=CONTENTS)
    return read_files(directory)
