"""What is shown while runs are trained: plain lines, or a bar in a terminal."""

import contextlib
import fcntl
import math
import pty
import re
import struct
import sys
import termios

import pytest

from lenet_jax.runs import progress as progress_lib
from lenet_jax.runs.progress import Estimate, Expected, Progress, SentReports, replay

METRICS = {"train_loss": 0.12345, "train_accuracy": 0.9, "val_loss": 2.5, "val_accuracy": 0.875}


def expected(epochs, seeds=1, arm="mlp", macs=1):
    return [Expected(f"{arm} seed {seed}", arm, epochs, macs) for seed in range(seeds)]


@pytest.fixture
def clock(monkeypatch):
    """A list with the time, which tests set."""
    now = [0.0]
    monkeypatch.setattr(progress_lib.time, "monotonic", lambda: now[0])
    return now


def test_plain_lines_show_each_run_and_the_time_left(capsys, clock):
    with Progress(expected(2, seeds=3)) as progress:
        progress.start("mlp seed 0")
        progress.compiled("mlp seed 0")
        for epoch in (1, 2):
            clock[0] += 10
            progress.epoch("mlp seed 0", epoch, 2, METRICS)
        progress.ended("mlp seed 0", 2, "test accuracy 0.9")
    out, err = capsys.readouterr()
    # Two of six epochs took 20 seconds, so four take 40.
    assert (out, err) == ("", "[2/6 epochs, 0:40 left] mlp seed 0: test accuracy 0.9\n")


def test_long_runs_give_a_sign_of_life_each_half_minute(capsys, clock):
    with Progress(expected(100)) as progress:
        progress.start("mlp seed 0")
        for epoch in range(1, 101):
            clock[0] += 1.0
            progress.epoch("mlp seed 0", epoch, 100, METRICS)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == ("[31/100 epochs, 1:09 left] mlp seed 0 epoch 31/100 loss 0.123 val 2.500")


def test_epochs_after_a_divergence_count_as_done(capsys):
    with Progress(expected(10)) as progress:
        progress.start("mlp seed 0")
        progress.epoch("mlp seed 0", 1, 10, METRICS | {"train_loss": math.nan})
        progress.ended("mlp seed 0", 10, "diverged in epoch 1")
    assert capsys.readouterr().err.startswith("[10/10 epochs, ")


def test_epochs_that_another_process_runs_count_as_done(capsys, clock):
    with Progress(
        [*expected(1), Expected("mlp seed 1", "mlp", 3, 1), Expected("mlp seed 2", "mlp", 2, 1)]
    ) as progress:
        progress.start("mlp seed 0")
        clock[0] += 30
        progress.epoch("mlp seed 0", 1, 1, METRICS)
        for _ in range(2):  # both of two workers see it
            progress.ended("mlp seed 1", 3)
        progress.ended("mlp seed 0", 1, "test accuracy 0.9")
    assert capsys.readouterr().err == "[4/6 epochs, 1:00 left] mlp seed 0: test accuracy 0.9\n"


def test_epochs_of_an_earlier_command_take_no_time(capsys, clock):
    with Progress(expected(4, seeds=2)) as progress:
        progress.start("mlp seed 0")
        progress.resume("mlp seed 0", 2)
        for epoch in (3, 4):
            clock[0] += 15
            progress.epoch("mlp seed 0", epoch, 4, METRICS)
        progress.ended("mlp seed 0", 4, "test accuracy 0.9")
    assert capsys.readouterr().err == "[4/8 epochs, 1:00 left] mlp seed 0: test accuracy 0.9\n"


def test_compilation_takes_no_time_of_epochs():
    estimate = Estimate(expected(10, seeds=2))
    estimate.start("mlp seed 0", 0)
    estimate.compiled("mlp seed 0", 9)
    assert estimate.seconds_left() is None
    estimate.trained("mlp seed 0", 1, 10)
    assert estimate.seconds_left() == pytest.approx(19)
    estimate.trained("mlp seed 0", 2, 11)
    assert estimate.seconds_left() == pytest.approx(18)


def test_arms_without_a_time_count_with_their_multiply_accumulates():
    estimate = Estimate([*expected(2), *expected(2, arm="large", macs=50)])
    estimate.start("mlp seed 0", 0)
    estimate.trained("mlp seed 0", 1, 2)
    assert estimate.seconds_left() == 2 + 2 * 50 * 2 and estimate.share == 1 / 102
    estimate.trained("mlp seed 0", 2, 4)
    estimate.start("large seed 0", 4)
    estimate.trained("large seed 0", 1, 24)  # quicker than its multiply-accumulates say
    assert estimate.seconds_left() == 20 and estimate.share == 52 / 102


def test_runs_side_by_side_share_the_time():
    estimate = Estimate(expected(2, seeds=4))
    for run in ("mlp seed 0", "mlp seed 1"):
        estimate.start(run, 0)
        estimate.trained(run, 1, 10)
    assert estimate.seconds_left() == 6 * 10 / 2


def test_a_full_device_ends_no_sweep(monkeypatch):
    with open("/dev/full", "w", buffering=1) as full, Progress(expected(1)) as progress:
        monkeypatch.setattr(sys, "stderr", full)
        progress.ended("mlp seed 0", 1, "test accuracy 0.9")
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):
            full.close()


def test_a_run_that_another_worker_starts_over_is_counted_once(capsys):
    with Progress(expected(4)) as progress:
        for epochs in ((1, 2), (1, 2, 3, 4)):
            progress.start("mlp seed 0")
            for epoch in epochs:
                progress.epoch("mlp seed 0", epoch, 4, METRICS)
        progress.ended("mlp seed 0", 4, "test accuracy 0.9")
    assert capsys.readouterr().err.startswith("[4/4 epochs")


def test_reports_can_be_sent(capsys):
    sent = []
    reports = SentReports(sent.append)
    reports.start("mlp seed 0")
    reports.compiled("mlp seed 0")
    reports.resume("mlp seed 0", 1)
    reports.epoch("mlp seed 0", 2, 2, METRICS)
    reports.ended("mlp seed 0", 2, "test accuracy 0.9")
    with Progress(expected(2)) as progress:
        for message in sent:
            replay(progress, message)
    assert capsys.readouterr().err == "[2/2 epochs, 0:00 left] mlp seed 0: test accuracy 0.9\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (36061, "10:01:01")],
)
def test_durations(seconds, text):
    assert progress_lib._duration(seconds) == text


@contextlib.contextmanager
def terminal(monkeypatch, columns):
    """Makes stderr a terminal; yields a list that holds what it showed, once closed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown = []
    with open(slave, "w", encoding="utf-8") as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        yield shown
    with open(master, "rb", buffering=0) as screen, contextlib.suppress(OSError):  # EIO at its end
        while part := screen.read(65536):
            shown.append(part.decode())


@pytest.mark.parametrize("columns", [80, 160])
def test_a_terminal_shows_a_bar(monkeypatch, columns):
    name = "local_unshared seed 3"
    with (
        terminal(monkeypatch, columns) as shown,
        Progress([Expected(name, "", 2, 1), Expected("b", "b", 2, 1)]) as progress,
    ):
        progress._bar.mininterval = 0  # show every epoch, however quick
        progress.start(name)
        progress.compiled(name)
        for epoch in (1, 2):
            progress.epoch(name, epoch, 2, METRICS)
        progress.ended(name, 2, "test accuracy 0.9")
    text = "".join(shown)
    lines = re.split(r"[\r\n]+|\x1b\[A", text)
    assert "local_unshared seed 3: test accuracy 0.9" in lines
    assert any(f"-:-- left, {name} compiling" in line for line in lines), text
    bars = [line for line in lines if "50%" in line]
    assert bars, text
    for part in (r"50%\|█{12} {12}\|", r"\d+:\d+ left, local_unshared seed 3 epoch 2/2"):
        assert re.search(part, bars[0]), bars[0]
    assert ("loss 0.123 val 2.500" in bars[0]) == (columns == 160)
    assert all(len(line) <= columns for line in bars)
