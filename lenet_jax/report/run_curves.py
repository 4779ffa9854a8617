"""Learning curves of every run in HTML: one small chart per arm, all on the same axes, one line per run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import lenet_jax.report.drawing  # noqa: F401  # imports matplotlib with the project's settings alone

# isort: split
from matplotlib.ticker import Locator, LogLocator, MaxNLocator

from lenet_jax.report.markup import html_text

# Of a chart, in its own units, which are about pixels: the area of the lines, and the whole.
LEFT, TOP, RIGHT, BOTTOM = 36, 6, 252, 130
WIDTH, HEIGHT = 260, 150
FEWEST_TICKS, MOST_TICKS = 3, 7  # of an axis


class Curves(NamedTuple):
    """Error after each epoch.

    Attributes:
      split: of whose images, "validation" or "training".
      errors: arm -> seed -> epoch -> error in percent; epochs without one are left out.
    """

    split: str
    errors: Mapping[str, Mapping[int, Mapping[int, float]]]


def read_curves(epochs: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> Curves:
    """The curves of these arms' runs, from rows of `lenet_jax.runs.store.read_epochs`.

    Of validation images, or of the training images if no run has any of those.
    """
    split = "val" if any(row.get("val_accuracy") is not None for row in epochs) else "train"
    errors: dict[str, dict[int, dict[int, float]]] = {arm: {} for arm in arms}
    for row in epochs:
        accuracy = row.get(f"{split}_accuracy")
        if row["arm"] in errors and accuracy is not None:
            errors[row["arm"]].setdefault(row["seed"], {})[row["epoch"]] = 100 - 100 * accuracy
    return Curves("validation" if split == "val" else "training", errors)


class _Axis(NamedTuple):
    """Where values are drawn: from `low` at `start` to `high` at `end`."""

    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[float]
    is_logarithmic: bool

    def place(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.is_logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.start + (self.end - self.start) * (at - low) / (high - low)


def to_html(curves: Curves, words: Mapping[str, str]) -> str:
    """A chart for each arm that has a curve; "" without any.

    Args:
      words: arm -> what it is, in words.
    """
    points = [point for runs in curves.errors.values() for run in runs.values() for point in run.items()]
    if not points:
        return ""
    epochs, errors = (sorted(set(values)) for values in zip(*points, strict=True))
    across = _axis(sorted({1, *epochs}), MaxNLocator(4, integer=True), LEFT, RIGHT, False)
    is_logarithmic = errors[0] > 0
    locator = LogLocator(subs=(1, 2, 5)) if is_logarithmic else MaxNLocator(4)
    down = _axis(errors, locator, BOTTOM, TOP, is_logarithmic)
    charts = [
        f"<figure><figcaption>{html_text(words[arm])}</figcaption>\n"
        f"{_chart(runs, across, down, _summary(curves.split, runs))}</figure>"
        for arm, runs in curves.errors.items()
        if runs
    ]
    return f'<div class="charts">\n{"".join(charts)}</div>'


def _axis(values: Sequence[float], locator: Locator, start: float, end: float, is_logarithmic: bool) -> _Axis:
    """An axis for ascending values."""
    low, high = values[0], values[-1]
    if low == high:
        high = 2 * low or 1
    all_ticks = [float(tick) for tick in locator.tick_values(low, high)]
    ticks = [tick for tick in all_ticks if low <= tick <= high]
    if len(ticks) < FEWEST_TICKS:  # from the tick below to the tick above
        low = max((tick for tick in all_ticks if tick <= low), default=low)
        high = min((tick for tick in all_ticks if tick >= high), default=high)
        ticks = [tick for tick in all_ticks if low <= tick <= high]
    return _Axis(low, high, start, end, ticks[:: 1 + len(ticks) // MOST_TICKS], is_logarithmic)


def _summary(split: str, runs: Mapping[int, Mapping[int, float]]) -> str:
    """What a chart shows, for readers who do not see it."""
    (first, firsts), (last, lasts) = (
        (epoch, [run[epoch] for run in runs.values() if epoch in run])
        for epoch in (choose(epoch for run in runs.values() for epoch in run) for choose in (min, max))
    )
    return (
        f"{split} error of {len(runs)} run{'s' if len(runs) > 1 else ''}: {_range(firsts)} after epoch "
        f"{first}, {_range(lasts)} after epoch {last}"
    )


def _range(errors: Sequence[float]) -> str:
    low, high = f"{min(errors):.2f}", f"{max(errors):.2f}"
    return f"{low}%" if low == high else f"{low}% to {high}%"


def _chart(runs: Mapping[int, Mapping[int, float]], across: _Axis, down: _Axis, summary: str) -> str:
    parts = []
    for tick in down.ticks:
        y = down.place(tick)
        parts.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="y" x="{LEFT - 5}" y="{y + 4:.1f}">{tick:g}</text>')
    for tick in across.ticks:
        x = across.place(tick)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 4}"/>')
        parts.append(f'<text class="x" x="{x:.1f}" y="{BOTTOM + 17}">{tick:g}</text>')
    for seed, run in runs.items():
        points = [f"{across.place(epoch):.1f},{down.place(error):.1f}" for epoch, error in run.items()]
        places = " ".join(points * 2 if len(points) == 1 else points)  # one point is drawn as a dot
        parts.append(f'<polyline points="{places}"><title>seed {seed}</title></polyline>')
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html_text(summary)}">'
        f"{''.join(parts)}</svg>"
    )
