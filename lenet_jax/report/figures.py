"""Figures: test errors of arms, against training images or alongside a paper's, and bitmaps.

Functions return a Figure; `render` turns it into a file's bytes. The project's own settings apply,
whatever the user's matplotlib settings, and no display is needed.
"""

import functools
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.report.drawing import (
    arm_name,
    entitle,
    error_bars,
    literal,
    logarithmic,
    project_settings,
    shortened,
)

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from lenet_jax.analysis.stats import Interval
from lenet_jax.analysis.summaries import Row, error_percent
from lenet_jax.config.allowed import per_stage
from lenet_jax.models.bitmaps import Bitmap
from lenet_jax.report.columns import READING_WORDS

COSTS = {"parameters": "trainable parameters", "macs": "multiply-accumulates per image"}
FORMATS = ("png", "pdf", "svg")
# Suppresses the dates that formats would write.
METADATA: Mapping[str, dict] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}

COLOURS = {"local": "tab:blue", "random": "tab:orange", "full": "tab:green"}
MORE_COLOURS = ("tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan")  # for other connectivities
OTHER = "tab:gray"
PARTLY = "lightgray"
FILLS = {"white": "open: unshared weights", PARTLY: "gray: partly shared weights"}
# Offsets of a name from its marker, in points, best first: next to it, then above or below.
PLACES = [(side * 11, height) for height in (0, 11, -11, 22, -22, 33, -33) for side in (1, -1)]
ENDS = ("", "_ci_low", "_ci_high")
MOST_NAMED = 12  # arms next to whose marks there is room for names
ROW_LENGTH = 50  # of a line of the name of a row, which has at most two, in characters


class Look(NamedTuple):
    """How an arm is drawn; the name is that of its connectivity, "" without one."""

    name: str
    marker: str
    colour: str
    fill: str
    cap: float


class Pair(NamedTuple):
    """Our test error next to a paper's, both in percent.

    Attributes:
      name: of the network.
      reading: which error of our runs it is, in words; "" for that of the networks they end with.
      ours, paper: each with its interval; without a mean if there is none.
    """

    name: str
    reading: str
    ours: Interval
    paper: Interval


@project_settings()
def render(figure: Figure, form: str) -> bytes:
    """The figure as a file of one of FORMATS; the same bytes for the same figure."""
    image = io.BytesIO()
    figure.savefig(image, format=form, metadata=METADATA[form])
    return image.getvalue()


@project_settings()
def errors_of_arms(
    cost: str,
    rows: Sequence[Row],
    words: Mapping[str, str],
    fields: Mapping[str, Mapping[str, Any]],
    title: str,
) -> Figure | None:
    """Draws the rows of `lenet_jax.analysis.summaries.arm_rows` that have a test accuracy, as test errors.

    Against the cost, a key of COSTS, on a logarithmic axis, with every arm named; or in rows, one below the
    other, if there are more than MOST_NAMED arms, if most costs are equal or if a name would cover something.
    Rows show no cost, so that for others than parameters there is no such figure: None. Bars are the rows'
    intervals. Circles are networks whose stages have one connectivity, which gives the colour, filled if
    weights are shared. Others, such as MLPs, are grey squares.

    Args:
      words: arm -> its name in the figure.
      fields: arm -> its flattened config, of which model.name, model.connectivity and model.sharing are read.
    """
    rows = [row for row in rows if row["test_accuracy_mean"] is not None]
    looks = looks_of({row["arm"]: fields[row["arm"]] for row in rows})
    if len(rows) <= MOST_NAMED and 2 * len({row[cost] for row in rows}) > len(rows):
        figure = _errors_against(cost, rows, words, looks, title)
        if figure is not None:
            return figure
    return _errors_in_rows(rows, words, looks, title) if cost == "parameters" else None


def _errors_against(
    cost: str, rows: Sequence[Row], words: Mapping[str, str], looks: Mapping[str, Look], title: str
) -> Figure | None:
    """Test errors against a cost; None if a name would cover something."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.add_subplot()
    for row in rows:
        _draw(axes, looks[row["arm"]], row, x=row[cost])
    axes.set_xscale("log")
    axes.margins(x=0.16, y=0.08)
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel("test error (%)")
    entitle(figure, title)
    axes.grid(True, which="major", alpha=0.3)
    explain(figure, looks)
    errors, _ = error_bars([error_percent(row) for row in rows])
    names = {words[row["arm"]]: (row[cost], error) for row, error in zip(rows, errors, strict=True)}
    return figure if _name_arms(figure, axes, names) else None


def _errors_in_rows(
    rows: Sequence[Row], words: Mapping[str, str], looks: Mapping[str, Look], title: str
) -> Figure:
    """Test errors one below the other."""
    figure = Figure(figsize=(10, 1.6 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        _draw(axes, looks[row["arm"]], row, y=place)
    name_rows(axes, [words[row["arm"]] for row in rows])
    _spread(axes, error_bars([error_percent(row) for row in rows])[0].tolist())
    axes.set_xlabel("test error (%)")
    entitle(figure, title)
    explain(figure, looks)
    return figure


def _draw(axes: Axes, look: Look, row: Row, x: float | None = None, y: float | None = None) -> None:
    """Draws a row's test error with its interval, in percent, at x from below or at y from the left."""
    error, bar = error_bars([error_percent(row)])
    axes.errorbar(
        error if x is None else x,
        error if y is None else y,
        xerr=bar if x is None else None,
        yerr=bar if y is None else None,
        fmt=look.marker,
        color=look.colour,
        markerfacecolor=look.fill,
        capsize=look.cap,
        markersize=7,
        alpha=0.85,
        zorder=4,  # above the names, so that none hides the end of an interval
    )


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names rows that are drawn one below the other, the first at the top."""
    lines = [literal(shortened(name, 2 * ROW_LENGTH - 10), ROW_LENGTH) for name in names]
    axes.set_yticks(range(len(names)), lines, fontsize=9)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.grid(True, axis="x", alpha=0.3)


def _spread(axes: Axes, errors: Sequence[float]) -> None:
    """Makes the axis of errors logarithmic if they differ by more than a factor of 10."""
    if errors and min(errors) > 0 and max(errors) > 10 * min(errors):
        logarithmic(axes, "x")


def explain(figure: Figure, looks: Mapping[str, Look]) -> None:
    """Says below the figure what colours and marks mean, if there are several."""
    if len(set(looks.values())) < 2:
        return
    mark = functools.partial(Line2D, [], [], linestyle="")
    wired = [look for look in looks.values() if look.marker == "o"]
    handles = [
        mark(marker="o", color=colour, label=literal(f"{name} connectivity"))
        for name, colour in dict.fromkeys((look.name, look.colour) for look in wired)
    ]
    fills = {"black": "filled: shared weights"} if any(look.fill == look.colour for look in wired) else {}
    fills |= {fill: words for fill, words in FILLS.items() if any(look.fill == fill for look in wired)}
    handles += [
        mark(marker="o", color="black", markerfacecolor=fill, label=words) for fill, words in fills.items()
    ]
    if len(wired) < len(looks):
        handles.append(mark(marker="s", color=OTHER, label="other networks" if wired else "networks"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=9)


def pairs_of(rows: Sequence[Row]) -> list[Pair]:
    """Of rows of `lenet_jax.analysis.summaries.paper_rows`, in the reading that each compares.

    Rows whose runs all diverged are left out.
    """
    return [
        Pair(
            row["what"] or row["arm"],
            READING_WORDS.get(row["compared"].removesuffix("error"), ""),
            percent_of(row, row["compared"]),
            percent_of(row, "paper_error"),
        )
        for row in rows
        if row["error_percent"] is not None
    ]


def percent_of(row: Row, name: str) -> Interval:
    """The interval in a row's columns that start with `name` and are in percent."""
    return Interval(*(row[f"{name}_percent{end}"] for end in ENDS))


@project_settings()
def errors_alongside_papers(pairs: Sequence[Pair], title: str) -> Figure:
    """Draws the pairs one below the other, with their intervals: our errors filled, the papers' open.

    If errors differ by more than a factor of 10, the axis is logarithmic.
    """
    figure = Figure(figsize=(10, 1.4 + 0.32 * len(pairs)), layout="constrained")
    axes = figure.add_subplot()
    ours, papers = [pair.ours for pair in pairs], [pair.paper for pair in pairs]
    for name, errors, shift, marker, colour, fill in (
        ("ours: mean over seeds", ours, -0.12, "o", "tab:blue", "tab:blue"),
        ("the paper's: one network, Wilson's interval", papers, 0.12, "D", "tab:red", "white"),
    ):
        drawn = [(place, error) for place, error in enumerate(errors) if error.mean is not None]
        if not drawn:
            continue
        means, bars = error_bars([error for _, error in drawn])
        axes.errorbar(
            means,
            [place + shift for place, _ in drawn],
            xerr=bars,
            fmt=marker,
            color=colour,
            markerfacecolor=fill,
            markersize=6,
            capsize=3,
            label=name,
        )
    name_rows(axes, [pair.name for pair in pairs])
    _spread(axes, [error.mean for error in (*ours, *papers) if error.mean])
    readings = dict.fromkeys(pair.reading for pair in pairs)
    axes.set_xlabel(" or ".join(f"test error (%){f', {reading}' if reading else ''}" for reading in readings))
    entitle(figure, title)
    if axes.containers:
        figure.legend(loc="outside lower center", ncols=2)
    return figure


@project_settings()
def bitmaps_of_classes(bitmaps: Sequence[Bitmap]) -> Figure:
    """Draws a bitmap for each class, with black ink."""
    figure = Figure(figsize=(len(bitmaps), 2.2), layout="constrained")
    for digit, (ax, bitmap) in enumerate(zip(figure.subplots(1, len(bitmaps)), bitmaps, strict=True)):
        ax.pcolormesh(bitmap, cmap="gray_r", edgecolors="0.8", linewidth=0.5)
        ax.set(title=digit, xticks=[], yticks=[], aspect="equal")
        ax.invert_yaxis()
    height, width = len(bitmaps[0]), len(bitmaps[0][0])
    figure.suptitle(f"What the output units compare with: {width}x{height} pixels, black +1, white -1")
    return figure


def looks_of(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Look]:
    """Arm -> how it is drawn, by its config."""
    wirings = {arm: _wiring(config) for arm, config in fields.items()}
    unknown = dict.fromkeys(wiring[0] for wiring in wirings.values() if wiring and wiring[0] not in COLOURS)
    colours = COLOURS | dict(zip(unknown, itertools.cycle(MORE_COLOURS), strict=False))
    looks = {}
    for arm, wiring in wirings.items():
        if wiring is None:
            looks[arm] = Look("", "s", OTHER, OTHER, cap=7)
        else:
            connectivity, sharing = wiring
            colour = colours[connectivity]
            fill = {"unshared": "white", "shared": colour}.get(sharing, PARTLY)
            # Arms of equal accuracy and parameters can still be told apart.
            looks[arm] = Look(connectivity, "o", colour, fill, cap=4 if connectivity == "random" else 7)
    return looks


def _wiring(fields: Mapping[str, Any]) -> tuple[str, str] | None:
    """(connectivity, sharing) of a network whose stages are all wired alike; None for other networks."""
    connectivity = set(per_stage(fields["model.connectivity"]))
    sharing = set(per_stage(fields["model.sharing"]))
    if fields["model.name"] != "cnn" or len(connectivity) > 1 or len(sharing) > 1:
        return None
    return connectivity.pop(), sharing.pop()


def _name_arms(figure: Figure, axes: Axes, markers: Mapping[str, tuple[float, float]]) -> bool:
    """Writes each arm's name next to its marker; whether none covers a mark, another name or an axis."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()  # fixes the layout, and with it all positions
    taken = []
    for marker, caps, _ in axes.containers:  # an interval reaches from cap to cap
        taken.append(marker.get_window_extent(renderer))
        ends = [cap.get_window_extent(renderer) for cap in caps]
        if np.isfinite(ends).all():  # there is an interval
            taken.append(Bbox.union(ends))
    inside = axes.get_window_extent(renderer)

    def faults(name: Annotation) -> int:
        """How many things a name would cover, and whether it would leave the axes."""
        name.update_positions(renderer)
        box = Text.get_window_extent(name, renderer)  # of the words, without the line to the marker
        is_inside = inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)
        return sum(map(box.overlaps, taken)) + (not is_inside)

    is_clear = True
    for arm, at in sorted(markers.items(), key=lambda marker: -marker[1][1]):
        names = [
            axes.annotate(
                arm_name(arm),
                at,
                place,
                textcoords="offset points",
                fontsize=9,
                horizontalalignment="left" if place[0] > 0 else "right",
                verticalalignment="center",
                arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.7} if place[1] else None,
            )
            for place in PLACES
        ]
        best = min(names, key=faults)  # the first of equals
        is_clear = is_clear and not faults(best)
        taken.append(Text.get_window_extent(best, renderer))
        for name in names:
            if name is not best:
                name.remove()
    return is_clear
