"""The table and the figure of what other papers found and what the same comparisons give here."""

from collections.abc import Iterable, Sequence

from lenet_jax.analysis.published import AGREES, DISAGREES, OPEN, UNFINISHED
from lenet_jax.report.drawing import error_bars, literal, project_settings

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lenet_jax.analysis.effects import SAVED
from lenet_jax.analysis.planned import LEAST_SEEDS, MAX_DIVERGED
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row, interval_of
from lenet_jax.report.names import DATASETS, dataset_words
from lenet_jax.report.numbers import intervals_in_words, uncorrected

# Verdict -> marker, colour and fill.
LOOKS = {
    AGREES: ("o", "tab:blue", "tab:blue"),
    DISAGREES: ("s", "tab:red", "white"),
    OPEN: ("D", "0.45", "0.45"),
    UNFINISHED: ("x", "0.45", "0.45"),
}
LINE = 44  # of the words of a finding in the figure, in characters


def datasets_of(rows: Iterable[Row]) -> list[str]:
    """The datasets of rows of `lenet_jax.analysis.published.published_row`, in the project's order."""
    order = list(DATASETS)
    found = dict.fromkeys(row["dataset"] for row in rows)
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def page_rows(rows: Sequence[Row]) -> list[Row]:
    """One row per finding, for people: the paper, the finding, and `datasets`: name -> its row."""
    by_finding = {(row["paper"], row["finding"]): {} for row in rows}
    for row in rows:
        by_finding[row["paper"], row["finding"]].setdefault(row["dataset"], row)
    return [
        {"paper": paper, "finding": finding, "datasets": found}
        for (paper, finding), found in by_finding.items()
    ]


def caption(rows: Sequence[Row]) -> str:
    """Of the table, in Markdown."""
    seeds = {row["seeds"] for row in rows if row["seeds"]}
    found = uncorrected(intervals_in_words(seeds, covers_images=True), seeds)
    unfinished = any(row["verdict"] == UNFINISHED for row in rows)
    return (
        "What other papers found, in other networks and mostly on other images, next to what the same "
        "comparison gives here. Numbers are errors per hundred test images, positive in the direction of the "
        f"paper's finding; {found}. Agrees: the interval lies above 0. Disagrees: below 0. Can't be told: "
        f"otherwise, or with fewer than {LEAST_SEEDS} seeds, with more than {MAX_DIVERGED} diverged runs of "
        "an arm, or for a share of a gap that is not above 0; this does not show that there is no difference."
        f"{' Unfinished: runs are missing.' if unfinished else ''}"
    )


@project_settings()
def figure(rows: Sequence[Row]) -> Figure:
    """Draws the findings one below the other, with a panel for each dataset."""
    findings, datasets = page_rows(rows), datasets_of(rows)
    names = [literal(f"{row['paper']}: {row['finding']}", LINE) for row in findings]
    room = 0.14 + 0.14 * max(1 + name.count("\n") for name in names)  # inches of each
    drawn = Figure(figsize=(3.4 + 2.3 * len(datasets), 1.4 + room * len(findings)), layout="constrained")
    panels = drawn.subplots(1, len(datasets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, dataset in zip(panels, datasets, strict=True):
        _draw(axes, [row["datasets"].get(dataset) for row in findings])
        axes.set_title(literal(dataset_words(dataset)), fontsize=10)
    panels[0].set_yticks(range(len(names)), names, fontsize=8)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    seen = {row["verdict"] for row in rows}
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor=fill, label=verdict)
        for verdict, (marker, colour, fill) in LOOKS.items()
        if verdict in seen
    ]
    drawn.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=9)
    drawn.supxlabel(
        "errors per hundred test images, positive in the direction of the paper's finding\n"
        f"bars: {CONFIDENCE:.0%} intervals",
        fontsize=9,
    )
    return drawn


def _draw(axes: Axes, rows: Sequence[Row | None]) -> None:
    """Draws what one dataset gives, in places from 0; None leaves a place empty."""
    for place, row in enumerate(rows):
        if row is None or row[f"{SAVED}_mean"] is None:
            continue
        marker, colour, fill = LOOKS[row["verdict"]]
        means, bars = error_bars([interval_of(row, SAVED)])
        axes.errorbar(
            means, [place], xerr=bars, fmt=marker, color=colour, markerfacecolor=fill, capsize=3, markersize=6
        )
    axes.axvline(0, color="0.3", linewidth=0.8, zorder=1)
    axes.grid(True, axis="x", alpha=0.3)
    axes.tick_params(axis="x", labelsize=8)
