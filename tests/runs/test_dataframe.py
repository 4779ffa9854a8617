"""Recorded runs as pandas data frames."""

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs.dataframe import epochs_dataframe, sweep_dataframe
from tests.helpers.small_store import EPOCHS, FOUR, fill


def test_a_sweep_has_one_row_per_run(tmp_path):
    fill(tmp_path, FOUR)
    frame = sweep_dataframe(str(tmp_path))
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
    frame = epochs_dataframe(tmp_path)
    assert list(frame.columns) == ["arm", "seed", "epoch", "train_loss"]
    assert len(frame) == len(FOUR) * EPOCHS
    assert dict(frame.groupby("epoch")["train_loss"].mean()) == {1: 1.0, 2: 0.5}


def test_a_folder_without_runs_is_refused(tmp_path):
    for table in (sweep_dataframe, epochs_dataframe):
        with pytest.raises(UserError, match=r"holds no config.json of a sweep: run experiments.ablate"):
            table(tmp_path)
