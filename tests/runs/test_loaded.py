"""Recorded runs, opened from their folder: as pandas data frames, selected, one by one."""

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs.loaded import load_run, load_sweep
from tests.helpers.small_store import EPOCHS, FOUR, fill


def test_a_sweep_has_one_row_per_run(tmp_path):
    fill(tmp_path, FOUR)
    frame = load_sweep(str(tmp_path)).to_pandas()
    assert list(zip(frame["arm"], frame["seed"], strict=True)) == FOUR
    assert list(frame.columns[:4]) == ["arm", "dataset", "seed", "test_accuracy"]
    assert list(frame.columns[-2:]) == ["revision", "code"]
    assert frame.columns.is_unique
    assert set(frame["revision"]) == {"0123abc"} and set(frame["code"]) == {"9b58ba9ec55339d7"}
    assert set(frame["train.epochs"]) == {30}
    assert set(frame["data.positions"]) == {1}  # a default: the field came later
    means = frame.groupby("model.hidden")["test_accuracy"].mean()
    assert dict(means) == {(9,): 0.5, (3,): 0.5}


def test_epochs_have_one_row_each(tmp_path):
    fill(tmp_path, FOUR)
    frame = load_sweep(tmp_path).to_pandas("epoch")
    assert list(frame.columns) == ["arm", "seed", "epoch", "train_loss"]
    assert len(frame) == len(FOUR) * EPOCHS
    assert dict(frame.groupby("epoch")["train_loss"].mean()) == {1: 1.0, 2: 0.5}


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no config.json of a sweep: run experiments.ablate"):
        load_sweep(tmp_path)


def test_a_table_of_anything_else_is_refused(tmp_path):
    fill(tmp_path, FOUR)
    with pytest.raises(UserError, match='per=\'arm\' is unknown: choose "run" or "epoch"'):
        load_sweep(tmp_path).to_pandas("arm")


def test_runs_are_selected_by_arm_seed_and_what_they_are(tmp_path):
    fill(tmp_path, FOUR)
    sweep = load_sweep(tmp_path)
    assert (sweep.arms, sweep.seeds, len(sweep)) == (["wide", "narrow"], [0, 1], 4)
    assert [(run.arm, run.seed) for run in sweep] == FOUR
    for selected in (
        sweep.select(arm="narrow", seed=1),
        sweep.select(arm=["narrow"], seed=[1, 7]),
        sweep.select(where=lambda run: run.config.model.hidden == (3,) and run.seed == 1),
    ):
        assert [(run.arm, run.seed) for run in selected] == [("narrow", 1)]
        epochs = selected.to_pandas("epoch")
        assert list(zip(epochs["arm"], epochs["seed"], strict=True)) == EPOCHS * [("narrow", 1)]
    with pytest.raises(UserError, match="has no runs of arm 'wild': choose from wide, narrow"):
        sweep.require_arms(["wild"])


def test_one_run_is_opened_and_one_that_is_not_there_refused(tmp_path):
    fill(tmp_path, FOUR)
    run = load_run(tmp_path, "wide", 1)
    assert (run.arm, run.seed, run.dataset.name) == ("wide", 1, "digits")
    assert run.config.model.hidden == (9,) and run.config.data.image_size == 32
    assert [(line["epoch"], line["train_loss"]) for line in run.epochs] == [(1, 1.0), (2, 0.5)]
    with pytest.raises(UserError, match="no run of arm wide with seed 7: its seeds are 0, 1"):
        load_run(tmp_path, "wide", 7)
    with pytest.raises(UserError, match="recorded before they were kept"):
        _ = run.network
