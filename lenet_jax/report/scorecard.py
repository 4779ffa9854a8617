"""The networks of papers on one scorecard: each paper's test error next to ours, and a verdict.

The verdict follows from the two intervals, whatever the numbers are:

=======  ==================================================
within   the intervals overlap
better   ours lies below the paper's
worse    ours lies above the paper's
=======  ==================================================

Overlapping intervals show no difference; they do not show that there is none.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lenet_jax.analysis.stats import CONFIDENCE, Interval
from lenet_jax.analysis.summaries import Row
from lenet_jax.report import columns, figures
from lenet_jax.report.columns import NONE
from lenet_jax.report.drawing import literal, project_settings
from lenet_jax.report.excerpts import Excerpts
from lenet_jax.report.tables import to_markdown

# isort: split
from matplotlib.figure import Figure


class Entry(NamedTuple):
    """A network on the scorecard.

    Attributes:
      network: its name.
      year: of the paper that reports its test error.
      sweep: the name of the sweep with its runs.
      arm: of the sweep; it has the paper's test error, and the reading that is comparable.
      page: the title of the page about it.
    """

    network: str
    year: int
    sweep: str
    arm: str
    page: str


def score_rows(entries: Sequence[Entry], excerpts_of: Callable[[str], Excerpts]) -> list[Row]:
    """One row per entry, with errors in percent; `excerpts_of` finds a sweep by its name."""
    rows = []
    for entry in entries:
        recorded = excerpts_of(entry.sweep).papers[entry.arm]
        paper, ours = (figures.percent_of(recorded, name) for name in ("paper_error", recorded["compared"]))
        rows.append({
            "network": entry.network,
            "year": entry.year,
            **_in_columns("paper_error_percent", paper),
            **_in_columns("error_percent", ours),
            "verdict": verdict(paper, ours),
            "page": f"[{entry.page}]",  # the page that shows the table says where this leads
        })  # fmt: skip
    return rows


def verdict(paper: Interval, ours: Interval) -> str:
    """One of the module's verdicts on our test error; "-" if one of the two has no interval."""
    if paper.low is None or paper.high is None or ours.low is None or ours.high is None:
        return NONE
    if ours.high < paper.low:
        return "better"
    return "worse" if ours.low > paper.high else "within"


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    return to_markdown(columns.lay_out(rows, columns.score_columns()).rows)


@project_settings()
def figure(rows: Sequence[Row]) -> Figure:
    """Draws the rows one below the other, with their numbers and verdicts at the right."""
    pairs = [
        figures.Pair(
            name=f"{row['network']} ({row['year']})",
            reading="",
            ours=figures.percent_of(row, "error"),
            paper=figures.percent_of(row, "paper_error"),
        )
        for row in rows
    ]
    title = f"Test errors of the papers and ours, with {CONFIDENCE:.0%} intervals"
    figure = figures.errors_alongside_papers(pairs, title)
    figure.set_label(title)  # of its files, as for other pictures
    [axes] = figure.axes
    for place, row in enumerate(rows):
        numbers = f"{row['paper_error_percent']:.2f}, ours {row['error_percent']:.2f}: {row['verdict']}"
        right = axes.get_yaxis_transform()
        axes.text(1.02, place, literal(numbers), transform=right, fontsize=9, verticalalignment="center")
    figure.draw_without_rendering()  # fixes the numbers on the axis, which are among the figure's texts
    return figure


def _in_columns(name: str, interval: Interval) -> Row:
    return {f"{name}{end}": value for end, value in zip(figures.ENDS, interval, strict=True)}
