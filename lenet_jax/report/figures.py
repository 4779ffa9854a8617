"""Figures: test accuracy against a cost, test error against training images or alongside a paper's, bitmaps.

Functions return a Figure; `render` turns it into a file's bytes. The project's own settings apply,
whatever the user's matplotlib settings, and no display is needed.
"""

import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.report.drawing import arm_name, error_bar, literal, project_settings

# isort: split
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import LogLocator
from matplotlib.transforms import Bbox

from lenet_jax.analysis.summaries import Row
from lenet_jax.config.allowed import per_stage
from lenet_jax.models.bitmaps import Bitmap

COSTS = {"parameters": "trainable parameters", "macs": "multiply-accumulates per image"}
FORMATS = ("png", "pdf", "svg")
# Suppresses the dates that formats would write.
METADATA: Mapping[str, dict] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}

COLOURS = {"local": "tab:blue", "random": "tab:orange", "full": "tab:green"}
MORE_COLOURS = ("tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan")  # for other connectivities
OTHER = "tab:gray"
# Offsets of a name from its marker, in points, best first: next to it, then above or below.
PLACES = [(side * 11, height) for height in (0, 11, -11, 22, -22, 33, -33) for side in (1, -1)]
ENDS = ("", "_ci_low", "_ci_high")


class Look(NamedTuple):
    """How an arm is drawn."""

    marker: str
    colour: str
    fill: str
    cap: float


@project_settings()
def render(figure: Figure, form: str) -> bytes:
    """The figure as a file of one of FORMATS; the same bytes for the same figure."""
    image = io.BytesIO()
    figure.savefig(image, format=form, metadata=METADATA[form])
    return image.getvalue()


@project_settings()
def accuracy_against(
    cost: str, rows: Sequence[Row], fields: Mapping[str, Mapping[str, Any]], title: str
) -> Figure:
    """Draws the rows of `lenet_jax.analysis.summaries.arm_rows` that have a test accuracy.

    The cost, a key of COSTS, is on a logarithmic axis; bars are the rows' intervals; every arm is named.
    Circles are networks whose stages have one connectivity, which gives the colour, filled if kernels are
    shared. Others, such as MLPs, are grey squares.

    Args:
      fields: arm -> its flattened config, of which model.name, model.connectivity and model.sharing are read.
    """
    rows = [row for row in rows if row["test_accuracy_mean"] is not None]
    looks = looks_of({row["arm"]: fields[row["arm"]] for row in rows})
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    axes = figure.add_subplot()
    for row in rows:
        look = looks[row["arm"]]
        below, above = error_bar(*(row[f"test_accuracy_{end}"] for end in ("mean", "ci_low", "ci_high")))
        axes.errorbar(
            row[cost],
            100 * row["test_accuracy_mean"],
            yerr=[[100 * below], [100 * above]],
            fmt=look.marker,
            color=look.colour,
            markerfacecolor=look.fill,
            capsize=look.cap,
            markersize=7,
            alpha=0.85,
            zorder=4,  # above the names, so that none hides the end of an interval
        )
    axes.set_xscale("log")
    axes.margins(x=0.16, y=0.08)
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel("test accuracy (%)")
    wired = any(look.marker == "o" for look in looks.values())
    axes.set_title(literal(f"{title} (filled circles: shared kernels)" if wired else title))
    axes.grid(True, which="major", alpha=0.3)
    _name_arms(figure, axes, {row["arm"]: (row[cost], 100 * row["test_accuracy_mean"]) for row in rows})
    return figure


@project_settings()
def error_against_images(
    lines: Mapping[str, Mapping[int, str]],
    rows: Mapping[str, Row],
    fields: Mapping[str, Mapping[str, Any]],
    title: str,
) -> Figure:
    """Draws test error against the number of training images, one line per network, both logarithmic.

    Args:
      lines: of `lenet_jax.analysis.sample_sizes.find_lines`.
      rows: arm -> its row of `lenet_jax.analysis.summaries.arm_rows`.
      fields: arm -> its flattened config, for its look as in `accuracy_against`.
    """
    looks = looks_of({arm: fields[arm] for line in lines.values() for arm in line.values()})
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, line in lines.items():
        look = looks[next(iter(line.values()))]
        of_line = [rows[arm] for arm in line.values()]
        errors = [100 - 100 * row["test_accuracy_mean"] for row in of_line]
        bars = [
            error_bar(*(row[f"test_accuracy_{end}"] for end in ("mean", "ci_low", "ci_high")))
            for row in of_line
        ]
        above, below = ([100 * side for side in sides] for sides in zip(*bars, strict=True))
        axes.errorbar(
            list(line),
            errors,
            yerr=[below, above],
            fmt=look.marker,
            linestyle="--" if look.fill == "white" else "-",
            color=look.colour,
            markerfacecolor=look.fill,
            capsize=look.cap,
            label=arm_name(name),
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xlabel("training images")
    axes.set_ylabel("test error (%)")
    axes.set_title(literal(title), fontsize=11)
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    return figure


@project_settings()
def errors_alongside_papers(rows: Sequence[Row], title: str) -> Figure:
    """Draws the rows of `lenet_jax.analysis.summaries.paper_rows`, one below the other.

    Test errors in percent with their intervals: ours filled, in the reading that the row compares, the
    papers' open. Rows whose runs all diverged are left out. If errors differ by more than a factor of 10, the
    axis is logarithmic.
    """
    rows = [
        row | {f"ours{end}": row[f"{row['compared']}_percent{end}"] for end in ENDS}
        for row in rows
        if row["error_percent"] is not None
    ]
    figure = Figure(figsize=(9, 1.2 + 0.32 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for name, column, shift, marker, colour, fill in (
        ("ours: mean over seeds, Student's t", "ours", -0.12, "o", "tab:blue", "tab:blue"),
        ("the paper's: one network, Wilson", "paper_error_percent", 0.12, "D", "tab:red", "white"),
    ):
        drawn = [(place, row) for place, row in enumerate(rows) if row[column] is not None]
        if not drawn:
            continue
        bars = [error_bar(*(row[f"{column}{end}"] for end in ENDS)) for _, row in drawn]
        axes.errorbar(
            [row[column] for _, row in drawn],
            [place + shift for place, _ in drawn],
            xerr=list(zip(*bars, strict=True)),
            fmt=marker,
            color=colour,
            markerfacecolor=fill,
            markersize=6,
            capsize=3,
            label=name,
        )
    axes.set_yticks(range(len(rows)), [arm_name(row["arm"]) for row in rows])
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    errors = [row[column] for row in rows for column in ("ours", "paper_error_percent") if row[column]]
    if errors and max(errors) > 10 * min(errors):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    readings = " or ".join(dict.fromkeys(row["compared"].replace("_", " ") for row in rows))
    axes.set_xlabel(f"{readings} (% of the test images)")
    axes.set_title(literal(title))
    axes.grid(True, axis="x", alpha=0.3)
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
            looks[arm] = Look("s", OTHER, OTHER, cap=7)
        else:
            connectivity, sharing = wiring
            colour = colours[connectivity]
            fill = "white" if sharing == "unshared" else colour
            # Arms of equal accuracy and parameters can still be told apart.
            looks[arm] = Look("o", colour, fill, cap=4 if connectivity == "random" else 7)
    return looks


def _wiring(fields: Mapping[str, Any]) -> tuple[str, str] | None:
    """(connectivity, sharing) of a network whose stages are all wired alike; None for other networks."""
    connectivity = set(per_stage(fields["model.connectivity"]))
    sharing = set(per_stage(fields["model.sharing"]))
    if fields["model.name"] != "cnn" or len(connectivity) > 1 or len(sharing) > 1:
        return None
    return connectivity.pop(), sharing.pop()


def _name_arms(figure: Figure, axes: Axes, markers: Mapping[str, tuple[float, float]]) -> None:
    """Writes each arm's name next to its marker, so that it covers no marker, interval or other name."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()  # fixes the layout, and with it all positions
    taken = []
    for marker, caps, _ in axes.containers:  # an interval reaches from cap to cap
        taken.append(marker.get_window_extent(renderer))
        taken.append(Bbox.union([cap.get_window_extent(renderer) for cap in caps]))
    inside = axes.get_window_extent(renderer)

    def faults(name: Annotation) -> int:
        """How many things a name would cover, and whether it would leave the axes sideways."""
        name.update_positions(renderer)
        box = Text.get_window_extent(name, renderer)  # of the words, without the line to the marker
        return sum(map(box.overlaps, taken)) + (not inside.containsx(box.x0) or not inside.containsx(box.x1))

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
        taken.append(Text.get_window_extent(best, renderer))
        for name in names:
            if name is not best:
                name.remove()
