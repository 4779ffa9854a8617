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
from lenet_jax.runs.progress import Progress, SentReports, replay

METRICS = {"train_loss": 0.12345, "train_accuracy": 0.9, "val_loss": 2.5, "val_accuracy": 0.875}


def test_plain_lines_show_each_run_and_the_time_left(capsys, monkeypatch):
    clock = iter([0.0] + [60.0] * 9)
    monkeypatch.setattr(progress_lib.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress_lib, "SECONDS_BETWEEN_LINES", 1000)
    with Progress(total_epochs=6) as progress:
        progress.epoch("mlp seed 0", 1, 2, METRICS)
        progress.epoch("mlp seed 0", 2, 2, METRICS)
        progress.ended("mlp seed 0", 2, "test accuracy 0.9")
    out, err = capsys.readouterr()
    # Two of six epochs took a minute, so four take two.
    assert (out, err) == ("", "[2/6 epochs, 2:00 left] mlp seed 0: test accuracy 0.9\n")


def test_long_runs_give_a_sign_of_life_each_half_minute(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_lib.time, "monotonic", lambda: now[0])
    with Progress(total_epochs=100) as progress:
        for epoch in range(1, 101):
            now[0] += 1.0
            progress.epoch("mlp seed 0", epoch, 100, METRICS)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == ("[31/100 epochs, 1:09 left] mlp seed 0 epoch 31/100 loss 0.123 val 2.500")


def test_epochs_after_a_divergence_count_as_done(capsys):
    with Progress(total_epochs=10) as progress:
        progress.epoch("mlp seed 0", 1, 10, METRICS | {"train_loss": math.nan})
        progress.ended("mlp seed 0", 10, "diverged in epoch 1")
    assert capsys.readouterr().err == "[10/10 epochs, 0:00 left] mlp seed 0: diverged in epoch 1\n"


def test_epochs_that_another_process_runs_count_as_done(capsys, monkeypatch):
    clock = iter([0.0] + [60.0] * 9)
    monkeypatch.setattr(progress_lib.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress_lib, "SECONDS_BETWEEN_LINES", 1000)
    with Progress(total_epochs=6) as progress:
        progress.epoch("mlp seed 0", 1, 1, METRICS)
        for _ in range(2):  # both of two workers see it
            progress.ended("mlp seed 1", 3)
        progress.ended("mlp seed 0", 1, "test accuracy 0.9")
    # Four of six epochs took a minute, so two take half of one.
    assert capsys.readouterr().err == "[4/6 epochs, 0:30 left] mlp seed 0: test accuracy 0.9\n"


def test_epochs_of_an_earlier_command_take_no_time(capsys, monkeypatch):
    clock = iter([0.0] + [60.0] * 9)
    monkeypatch.setattr(progress_lib.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress_lib, "SECONDS_BETWEEN_LINES", 1000)
    with Progress(total_epochs=6) as progress:
        progress.resume("mlp seed 0", 2)
        progress.epoch("mlp seed 0", 3, 4, METRICS)
        progress.epoch("mlp seed 0", 4, 4, METRICS)
        progress.ended("mlp seed 0", 4, "test accuracy 0.9")
    # Two epochs took a minute, and two are left.
    assert capsys.readouterr().err == "[4/6 epochs, 1:00 left] mlp seed 0: test accuracy 0.9\n"


def test_a_full_device_ends_no_sweep(monkeypatch):
    with open("/dev/full", "w", buffering=1) as full, Progress(total_epochs=1) as progress:
        monkeypatch.setattr(sys, "stderr", full)
        progress.ended("mlp seed 0", 1, "test accuracy 0.9")
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):
            full.close()


def test_a_run_that_another_worker_starts_over_is_counted_once(capsys):
    with Progress(total_epochs=4) as progress:
        for epoch in (1, 2, 1, 2, 3, 4):
            progress.epoch("mlp seed 0", epoch, 4, METRICS)
        progress.ended("mlp seed 0", 4, "test accuracy 0.9")
    assert capsys.readouterr().err.startswith("[4/4 epochs")


def test_reports_can_be_sent(capsys):
    sent = []
    reports = SentReports(sent.append)
    reports.resume("mlp seed 0", 1)
    reports.epoch("mlp seed 0", 2, 2, METRICS)
    reports.ended("mlp seed 0", 2, "test accuracy 0.9")
    with Progress(total_epochs=2) as progress:
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
    with terminal(monkeypatch, columns) as shown, Progress(total_epochs=4) as progress:
        progress._bar.mininterval = 0  # show every epoch, however quick
        for epoch in (1, 2):
            progress.epoch("local_unshared seed 3", epoch, 2, METRICS)
        progress.ended("local_unshared seed 3", 2, "test accuracy 0.9")
    text = "".join(shown)
    assert "local_unshared seed 3: test accuracy 0.9" in re.split(r"[\r\n]+", text)
    bars = [line for line in re.split(r"[\r\n]+|\x1b\[A", text) if "50%" in line]
    assert bars, text
    for part in ("50%|", r"\d+:\d+ left", "local_unshared seed 3", "epoch 2/2", "loss 0.123", "val 2.500"):
        assert re.search(part.replace("|", r"\|"), bars[0]), bars[0]
    assert all(len(line) <= columns for line in bars)
