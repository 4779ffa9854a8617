"""Progress of a sweep: a bar in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping

import tqdm

SECONDS_BETWEEN_LINES = 30


class Progress:
    """Counts epochs over all runs that a command trains; use as a context manager.

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
        self._done = 0
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def epoch(self, run: str, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Reports epoch `epoch` of `epochs`; shows train_loss of `metrics`, and val_loss if present."""
        self._done += 1
        losses = f"loss {metrics['train_loss']:.3f}"
        if "val_loss" in metrics:
            losses += f" val {metrics['val_loss']:.3f}"
        text = f"{run} epoch {epoch}/{epochs} {losses}"
        self._bar.set_description_str(text, refresh=False)
        self._bar.update()
        if self._bar.disable and time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._line(text)

    def skip(self, epochs: int) -> None:
        """Counts epochs as done that are not run here: another process ran them, or the run diverged."""
        self._done += epochs
        self._bar.update(epochs)

    def run_done(self, run: str, summary: str, skipped_epochs: int) -> None:
        """Reports a finished run; `skipped_epochs` are those after the epoch in which it diverged."""
        self.skip(skipped_epochs)
        if self._bar.disable:
            self._line(f"{run}: {summary}")
        else:
            self._bar.write(f"{run}: {summary}", file=sys.stderr)

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._started
        left = elapsed / max(self._done, 1) * (self._total - self._done)
        print(
            f"[{self._done}/{self._total} epochs, {_duration(left)} left] {text}", file=sys.stderr, flush=True
        )


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
