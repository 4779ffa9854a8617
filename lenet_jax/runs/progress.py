"""Progress of a sweep: a bar in a terminal, plain lines elsewhere."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import tqdm
from absl import logging as absl_logging

SECONDS_BETWEEN_LINES = 30


def show_plain_messages() -> None:
    """Shows log messages without time and place; hides missing backends of JAX, and repeated downloads."""
    absl_logging.set_verbosity(absl_logging.INFO)
    absl_logging.get_absl_handler().setFormatter(None)
    logging.getLogger("jax").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)


class Reports(Protocol):
    """Where a sweep reports what happens to its runs, each named by `run`."""

    def resume(self, run: str, epoch: int) -> None:
        """A run goes on after `epoch` epochs, which an earlier process trained."""
        ...

    def epoch(self, run: str, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Epoch `epoch` of `epochs` has ended; `metrics` has train_loss, and val_loss if there is one."""
        ...

    def ended(self, run: str, epochs: int, summary: str = "") -> None:
        """A run has ended; `epochs` are those that it was to have. No summary: another process ran it."""
        ...


class Progress:
    """Counts epochs over all runs of a command; use as a context manager.

    In a terminal, one bar on stderr shows the run, its epoch, its losses and the time left. Elsewhere,
    one line is printed at the end of each run, and one every half minute during long runs.
    """

    def __init__(self, total_epochs: int):
        self._bar = tqdm.tqdm(
            total=total_epochs,
            unit="epoch",
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}%|{bar:3}| {remaining} left | {desc}",
        )
        self._total = total_epochs
        self._done: dict[str, int] = {}  # run -> its epochs
        self._resumed = 0  # epochs that took this command no time
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def resume(self, run: str, epoch: int) -> None:
        new = self._count(run, epoch)
        self._resumed += new
        if not self._bar.disable:
            self._bar.initial += new

    def epoch(self, run: str, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        losses = f"loss {metrics['train_loss']:.3f}"
        if "val_loss" in metrics:
            losses += f" val {metrics['val_loss']:.3f}"
        text = f"{run} epoch {epoch}/{epochs} {losses}"
        self._bar.set_description_str(text, refresh=False)
        self._count(run, epoch)
        if self._bar.disable and time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._line(text)

    def ended(self, run: str, epochs: int, summary: str = "") -> None:
        self._count(run, epochs)
        if not summary:
            return
        if self._bar.disable:
            self._line(f"{run}: {summary}")
        else:
            self._bar.write(f"{run}: {summary}", file=sys.stderr)

    def _count(self, run: str, epoch: int) -> int:
        """Counts a run's epochs up to `epoch`, each once; returns how many are new."""
        new = max(0, epoch - self._done.get(run, 0))
        self._done[run] = self._done.get(run, 0) + new
        self._bar.update(new)
        return new

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._started
        done = sum(self._done.values())
        left = elapsed / max(done - self._resumed, 1) * (self._total - done)
        line = f"[{done}/{self._total} epochs, {_duration(left)} left] {text}"
        with contextlib.suppress(OSError):  # nobody reads it: no reason to end a sweep
            print(line, file=sys.stderr, flush=True)


class SentReports:
    """Reports that a worker sends to the process that shows them, where `replay` calls the methods."""

    def __init__(self, send: Callable[[tuple], None]):
        self._send = send

    def resume(self, run: str, epoch: int) -> None:
        self._send(("resume", run, epoch))

    def epoch(self, run: str, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        self._send(("epoch", run, epoch, epochs, dict(metrics)))

    def ended(self, run: str, epochs: int, summary: str = "") -> None:
        self._send(("ended", run, epochs, summary))


def replay(reports: Reports, sent: tuple) -> None:
    """Passes on what `SentReports` sent."""
    method, *arguments = sent
    getattr(reports, method)(*arguments)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
