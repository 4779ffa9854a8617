"""Figures: a sweep's test accuracy against trainable parameters; the bitmaps of RBF units."""

import io

import matplotlib
from matplotlib import pyplot as plt
from matplotlib.text import Text
from matplotlib.ticker import LogLocator
from matplotlib.transforms import Bbox

from lenet_jax.models.bitmaps import Bitmap

matplotlib.use("Agg")  # files only; no display is needed

COLOURS = {"local": "tab:blue", "random": "tab:orange", "full": "tab:green"}
OTHER = "tab:gray"
# Where a name may stand from its marker, in points, best first: beside it, then higher or lower.
PLACES = [(side * 11, height) for height in (0, 11, -11, 22, -22, 33, -33) for side in (1, -1)]


def accuracy_against_parameters(rows: list[dict], title: str) -> bytes:
    """Draws the rows of `lenet_jax.tables.arm_rows` that have a mean; returns a PNG.

    Parameters are on a logarithmic axis; bars are the rows' intervals; every arm is named. Colours
    follow the connectivity in an arm's name; of the wirings, filled circles share their kernels.
    Arms with other names, such as MLPs, are grey squares.
    """
    rows = [row for row in rows if row["test_accuracy_mean"] is not None]
    figure, axes = plt.subplots(figsize=(10, 5.6), layout="constrained")
    for row in rows:
        mean = 100 * row["test_accuracy_mean"]
        below, above = _error_bar(*(row[f"test_accuracy_{end}"] for end in ("mean", "ci_low", "ci_high")))
        connectivity = _connectivity(row)
        colour = COLOURS.get(connectivity, OTHER)
        axes.errorbar(
            row["parameters"],
            mean,
            yerr=[[100 * below], [100 * above]],
            fmt="o" if connectivity in COLOURS else "s",
            color=colour,
            markerfacecolor="white" if row["arm"].endswith("_unshared") else colour,
            capsize=4 if connectivity == "random" else 7,  # equal arms stay tellable apart
            markersize=7,
            alpha=0.85,
            zorder=4,  # over the names: no name hides where an interval ends
        )
    axes.set_xscale("log")
    axes.margins(x=0.16, y=0.08)
    axes.set_xlabel("trainable parameters")
    axes.set_ylabel("test accuracy (%)")
    wired = any(_connectivity(row) in COLOURS for row in rows)
    axes.set_title(f"{title} (filled circles: shared kernels)" if wired else title)
    axes.grid(True, which="major", alpha=0.3)
    _name_arms(figure, axes, rows)
    return _png(figure)


def errors_beside_papers(rows: list[dict], title: str) -> bytes:
    """Draws the rows of `lenet_jax.tables.paper_rows`, one below the other; returns a PNG.

    Test errors in percent with their intervals: ours filled, in the reading that the row compares, the
    papers' open. Rows of which all runs diverged are left out. Errors far from each other stand on a
    logarithmic axis.
    """
    ends = ("", "_ci_low", "_ci_high")
    rows = [
        row | {f"ours{end}": row[f"{row['compared']}_percent{end}"] for end in ends}
        for row in rows
        if row["error_percent"] is not None
    ]
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.32 * len(rows)), layout="constrained")
    for name, column, shift, marker, colour, fill in (
        ("ours: mean over seeds, Student's t", "ours", -0.12, "o", "tab:blue", "tab:blue"),
        ("the paper's: one network, Wilson", "paper_error_percent", 0.12, "D", "tab:red", "white"),
    ):
        drawn = [(place, row) for place, row in enumerate(rows) if row[column] is not None]
        if not drawn:
            continue
        reaches = [_error_bar(*(row[f"{column}{end}"] for end in ends)) for _, row in drawn]
        axes.errorbar(
            [row[column] for _, row in drawn],
            [place + shift for place, _ in drawn],
            xerr=list(zip(*reaches, strict=True)),
            fmt=marker,
            color=colour,
            markerfacecolor=fill,
            markersize=6,
            capsize=3,
            label=name,
        )
    axes.set_yticks(range(len(rows)), [row["arm"] for row in rows])
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    errors = [row[column] for row in rows for column in ("ours", "paper_error_percent") if row[column]]
    if errors and max(errors) > 10 * min(errors):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    readings = " or ".join(dict.fromkeys(row["compared"].replace("_", " ") for row in rows))
    axes.set_xlabel(f"{readings} (% of the test images)")
    axes.set_title(title)
    axes.grid(True, axis="x", alpha=0.3)
    if axes.containers:
        figure.legend(loc="outside lower center", ncols=2)
    return _png(figure)


def bitmaps_of_classes(bitmaps: tuple[Bitmap, ...]) -> bytes:
    """Draws a bitmap for each class, ink black; returns a PNG."""
    figure, axes = plt.subplots(1, len(bitmaps), figsize=(len(bitmaps), 2.2), layout="constrained")
    for digit, (ax, bitmap) in enumerate(zip(axes, bitmaps, strict=True)):
        ax.pcolormesh(bitmap, cmap="gray_r", edgecolors="0.8", linewidth=0.5)
        ax.set(title=digit, xticks=[], yticks=[], aspect="equal")
        ax.invert_yaxis()
    height, width = len(bitmaps[0]), len(bitmaps[0][0])
    figure.suptitle(f"What the output units compare with: {width}x{height} pixels, black +1, white -1")
    return _png(figure)


def _error_bar(mean: float, low: float | None, high: float | None) -> tuple[float, float]:
    """How far an interval reaches below and above its mean; not at all where a single seed has none."""
    return (0.0, 0.0) if low is None else (mean - low, high - mean)


def _png(figure) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, dpi=150, format="png")
    plt.close(figure)
    return image.getvalue()


def _connectivity(row: dict) -> str:
    """The first word of an arm's name: a connectivity, where the arm is a wiring."""
    return row["arm"].split("_")[0]


def _name_arms(figure, axes, rows: list[dict]) -> None:
    """Writes each arm's name by its marker, where it covers no marker, interval or other name."""
    figure.draw_without_rendering()  # fixes the layout, and with it where things are
    renderer = figure.canvas.get_renderer()
    taken = []
    for marker, caps, _ in axes.containers:  # an interval reaches from cap to cap
        taken.append(marker.get_window_extent(renderer))
        taken.append(Bbox.union([cap.get_window_extent(renderer) for cap in caps]))
    inside = axes.get_window_extent(renderer)

    def faults(name) -> int:
        """How many things a name would cover, and whether it would leave the axes sideways."""
        name.update_positions(renderer)
        box = Text.get_window_extent(name, renderer)  # of the words, without the line to the marker
        return sum(map(box.overlaps, taken)) + (not inside.containsx(box.x0) or not inside.containsx(box.x1))

    for row in sorted(rows, key=lambda row: -row["test_accuracy_mean"]):
        at = row["parameters"], 100 * row["test_accuracy_mean"]
        names = [
            axes.annotate(
                row["arm"],
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
        best = min(names, key=faults)  # the first of the best
        taken.append(Text.get_window_extent(best, renderer))
        for name in names:
            if name is not best:
                name.remove()
