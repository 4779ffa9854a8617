"""TensorBoard event files: the metrics of each run in a folder of its own."""

import errno
import math

import numpy as np
import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.runs.run import Run
from lenet_jax.runs.tensorboard import Boards
from tests.helpers.events import read_events

METRICS = {"train_loss": 0.12345, "train_accuracy": 0.9, "val_loss": 2.5, "val_accuracy": 0.875}


@pytest.fixture(scope="module")
def run():
    """A run that asks for TensorBoard files."""
    return Run(
        "mlp", resolve(override(default_config(), {"model.name": "mlp", "tensorboard": True, "seed": 3}))
    )


def test_event_files_hold_the_numbers_of_every_epoch(tmp_path, run):
    with Boards(tmp_path) as boards:
        boards.write(run, 1, METRICS)
        boards.write(run, 2, {name: value / 3 for name, value in METRICS.items()})
    written = {(name, 1): float(np.float32(value)) for name, value in METRICS.items()}
    written |= {(name, 2): float(np.float32(value / 3)) for name, value in METRICS.items()}
    assert len(written) == 8 and read_events(tmp_path / "tensorboard" / "mlp-seed3") == written


def test_a_diverged_run_is_in_tensorboard(tmp_path, run):
    with Boards(tmp_path) as boards:
        boards.write(run, 1, {"train_loss": math.nan})
    assert math.isnan(read_events(tmp_path / "tensorboard" / "mlp-seed3")["train_loss", 1])


def test_a_run_that_starts_over_replaces_its_events(tmp_path, run):
    for loss in (1.0, 0.5):
        with Boards(tmp_path) as boards:
            boards.write(run, 1, {"train_loss": loss})
    assert read_events(tmp_path / "tensorboard" / "mlp-seed3") == {("train_loss", 1): 0.5}


def test_nothing_is_written_where_nothing_is_asked(tmp_path, run):
    quiet = Run("mlp", resolve(override(run.resolved.config.as_configdict(), {"tensorboard": False})))
    with Boards(tmp_path) as boards:
        boards.write(quiet, 1, METRICS)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_is_named_at_once(tmp_path, run, monkeypatch):
    """A thread that writes would end there, and training would wait for it."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lenet_jax.runs.tensorboard.FLUSH_SECONDS", -1)
    with Boards(tmp_path) as boards:
        boards.write(run, 1, METRICS)
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", refuse)
            for epoch in range(2, 20):
                with pytest.raises(UserError, match=r"tensorboard cannot be written \(No space.*free space"):
                    boards.write(run, epoch, METRICS)


def test_a_disk_that_is_full_at_the_end_is_named_unless_something_else_went_wrong(tmp_path, run, monkeypatch):
    from tensorboardX.event_file_writer import EventsWriter

    def close_then_refuse(writer, close=EventsWriter.close):
        close(writer)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EventsWriter, "close", close_then_refuse)
    for error, ends in (([], UserError), ([KeyboardInterrupt()], KeyboardInterrupt)):
        with pytest.raises(ends), Boards(tmp_path) as boards:
            boards.write(run, 1, METRICS)
            for raised in error:
                raise raised


def test_a_file_in_place_of_the_folder_is_named(tmp_path, run):
    (tmp_path / "tensorboard").write_text("precious")
    with pytest.raises(UserError, match="tensorboard is a file"), Boards(tmp_path) as boards:
        boards.write(run, 1, METRICS)
