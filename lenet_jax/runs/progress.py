"""Progress of a sweep: a bar in a terminal, plain lines elsewhere."""

import contextlib
import logging
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import tqdm
from absl import logging as absl_logging

SECONDS_BETWEEN_LINES = 30
BAR = 24  # columns of the bar


def show_plain_messages() -> None:
    """Shows log messages without time and place; hides missing backends of JAX, and repeated downloads."""
    absl_logging.set_verbosity(absl_logging.INFO)
    absl_logging.get_absl_handler().setFormatter(None)
    logging.getLogger("jax").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)


class Reports(Protocol):
    """Where a sweep reports what happens to its runs, each named by `run`."""

    def start(self, run: str) -> None:
        """A run starts; its program is compiled first."""
        ...

    def compiled(self, run: str) -> None:
        """A run's first epoch is in training."""
        ...

    def resume(self, run: str, epoch: int) -> None:
        """A run that has started goes on after `epoch` epochs, which an earlier process trained."""
        ...

    def epoch(self, run: str, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Epoch `epoch` of `epochs` has ended; `metrics` has train_loss, and val_loss if there is one."""
        ...

    def ended(self, run: str, epochs: int, summary: str = "") -> None:
        """A run has ended; `epochs` are those that it was to have. No summary: another process ran it."""
        ...


class Expected(NamedTuple):
    """A run that is to come.

    Attributes:
      name: as reports name it.
      arm: runs of an arm take about the same time.
      epochs: how many it has.
      macs: multiply-accumulates of an epoch, by which arms are compared that have not been timed.
    """

    name: str
    arm: str
    epochs: int
    macs: int


class Estimate:
    """How much of the work is done, and how long the rest takes.

    Arms that have trained count with the seconds that their epochs took, others with their
    multiply-accumulates; the time until a program is compiled does not count. Runs that train side by side,
    in one process or several, share the time that passes.
    """

    def __init__(self, runs: Sequence[Expected]):
        self._runs = {run.name: run for run in runs}
        self._done = dict.fromkeys(self._runs, 0)
        self._since: dict[str, float] = {}  # run -> when it started, was compiled, or its last epoch ended
        self._timed: dict[str, list[float]] = {}  # arm -> seconds of epochs of its runs
        self._started, self._now, self._busy = math.inf, -math.inf, 0.0

    @property
    def total(self) -> int:
        """The number of epochs."""
        return sum(run.epochs for run in self._runs.values())

    @property
    def done(self) -> int:
        """The number of epochs that have ended."""
        return sum(self._done.values())

    @property
    def share(self) -> float:
        """The share of all multiply-accumulates that is done, in [0, 1]."""
        macs = sum(run.epochs * run.macs for run in self._runs.values())
        return sum(self._done[name] * run.macs for name, run in self._runs.items()) / max(macs, 1)

    def start(self, run: str, now: float) -> None:
        self._since[run] = now
        self._started = min(self._started, now)

    def compiled(self, run: str, now: float) -> None:
        self._wait(run, now)

    def count(self, run: str, epoch: int) -> None:
        """Counts a run's epochs up to `epoch`, each once."""
        self._done[run] = max(self._done[run], epoch)

    def trained(self, run: str, epoch: int, now: float) -> None:
        """An epoch of a run that has started has ended at this time."""
        self._timed.setdefault(self._runs[run].arm, []).append(self._wait(run, now))
        self.count(run, epoch)

    def _wait(self, run: str, now: float) -> float:
        """The seconds since a run last reported something."""
        seconds = now - self._since[run]
        self._since[run], self._now = now, max(self._now, now)
        self._busy += seconds
        return seconds

    def seconds_left(self) -> float | None:
        """None before the first epoch has ended."""
        timed = {arm: statistics.fmean(seconds) for arm, seconds in self._timed.items()}
        elapsed = self._now - self._started
        if not timed or not self._busy:
            return None
        macs = {run.arm: run.macs for run in self._runs.values()}
        per_mac = sum(timed.values()) / max(sum(macs[arm] for arm in timed), 1)
        alone = sum(
            (run.epochs - self._done[name]) * timed.get(run.arm, per_mac * run.macs)
            for name, run in self._runs.items()
        )
        return alone * elapsed / self._busy


class Progress:
    """Shows the epochs of all runs of a command; use as a context manager.

    In a terminal, one bar on stderr shows the share of the work that is done, the time left, and the run with
    its epoch and losses, as far as the line has room. Elsewhere, one line is printed at the end of each run,
    and one every half minute during long runs.
    """

    def __init__(self, runs: Sequence[Expected]):
        self._estimate = Estimate(runs)
        self._bar = tqdm.tqdm(
            total=1.0,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
            bar_format=f"{{percentage:3.0f}}%|{{bar:{BAR}}}| {{desc}}",
        )
        self._last_line = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def start(self, run: str) -> None:
        self._estimate.start(run, time.monotonic())
        self._show(run, "compiling")
        self._bar.refresh()

    def compiled(self, run: str) -> None:
        self._estimate.compiled(run, time.monotonic())
        self._show(run, "first epoch")
        self._bar.refresh()

    def resume(self, run: str, epoch: int) -> None:
        self._estimate.count(run, epoch)

    def epoch(self, run: str, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        now = time.monotonic()
        self._estimate.trained(run, epoch, now)
        losses = f"loss {metrics['train_loss']:.3f}"
        if "val_loss" in metrics:
            losses += f" val {metrics['val_loss']:.3f}"
        self._show(run, f"epoch {epoch}/{epochs}", losses)
        if self._bar.disable and now - self._last_line > SECONDS_BETWEEN_LINES:
            self._line(f"{run} epoch {epoch}/{epochs} {losses}")

    def ended(self, run: str, epochs: int, summary: str = "") -> None:
        self._estimate.count(run, epochs)
        if not summary:
            return
        if self._bar.disable:
            self._line(f"{run}: {summary}")
        else:
            self._bar.write(f"{run}: {summary}", file=sys.stderr)

    def _show(self, run: str, *parts: str) -> None:
        """Updates the bar; the last parts are left out where the terminal is too narrow."""
        if self._bar.disable:
            return
        room = os.get_terminal_size(sys.stderr.fileno()).columns - len("100%||  ") - BAR
        text = f"{_left(self._estimate)}, {run}"
        for part in parts:
            if len(text) + 1 + len(part) > room:
                break
            text += f" {part}"
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(self._estimate.share - self._bar.n)

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        estimate = self._estimate
        line = f"[{estimate.done}/{estimate.total} epochs, {_left(estimate)}] {text}"
        with contextlib.suppress(OSError):  # nobody reads it: no reason to end a sweep
            print(line, file=sys.stderr, flush=True)


def _left(estimate: Estimate) -> str:
    seconds = estimate.seconds_left()
    return "-:-- left" if seconds is None else f"{_duration(seconds)} left"


class SentReports:
    """Reports that a worker sends to the process that shows them, where `replay` calls the methods."""

    def __init__(self, send: Callable[[tuple], None]):
        self._send = send

    def start(self, run: str) -> None:
        self._send(("start", run))

    def compiled(self, run: str) -> None:
        self._send(("compiled", run))

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
