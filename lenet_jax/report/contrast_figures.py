"""A figure of differences between arms, with their intervals."""

import statistics
from collections.abc import Mapping, Sequence

from lenet_jax.report.drawing import entitle, error_bar, literal, logarithmic, project_settings
from lenet_jax.report.figures import Look, explain, name_rows

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lenet_jax.analysis.summaries import Row

FAR = 10  # times the median of the differences: farther ones would leave the others no room


@project_settings()
def contrasts_in_rows(
    rows: Sequence[Row], words: Mapping[str, str], looks: Mapping[str, Look], title: str
) -> Figure:
    """Draws the rows of `lenet_jax.analysis.summaries.contrast_rows` one below the other.

    As fewer errors per hundred test images, with the arm's look, and a line at 0. If one is larger than 1 and
    more than FAR times the median, the axis is logarithmic beyond 1.

    Args:
      words: arm -> what it is, in words; names of contrasts are used where they say more than that.
      looks: arm -> how it is drawn.
    """
    figure = Figure(figsize=(10, 1.8 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    is_logarithmic = _spread(axes, [100 * row["difference_mean"] for row in rows])
    for place, row in enumerate(rows):
        look = looks[row["arm"]]
        bar = error_bar(*(row[f"difference_{end}"] for end in ("mean", "ci_low", "ci_high")))
        axes.errorbar(
            100 * row["difference_mean"],
            place,
            xerr=[[100 * end] for end in bar],
            fmt=look.marker,
            color=look.colour,
            markerfacecolor=look.fill,
            capsize=look.cap,
            markersize=7,
        )
    baseline = _common_baseline(rows, words)
    name_rows(axes, [_name(row, words, baseline) for row in rows])
    axes.axvline(0, color="0.4", linewidth=1, zorder=0)
    than = f" than {baseline}" if baseline else ""
    scale = ", logarithmic beyond 1" if is_logarithmic else ""
    axes.set_xlabel(literal(f"fewer errors per hundred test images{than} (below 0: more){scale}"))
    entitle(figure, title)
    explain(figure, {row["arm"]: looks[row["arm"]] for row in rows})
    return figure


def _common_baseline(rows: Sequence[Row], words: Mapping[str, str]) -> str:
    """What all arms are compared with, in words; "" if they are compared with several."""
    baselines = {row["baseline"] for row in rows}
    name = baselines.pop()
    return "" if baselines else words.get(name, name)


def _name(row: Row, words: Mapping[str, str], baseline: str) -> str:
    arm, its_baseline = (words.get(row[name], row[name]) for name in ("arm", "baseline"))
    if row["contrast"] != f"{row['arm']} against {row['baseline']}":
        return row["contrast"]
    return arm if baseline else f"{arm} against {its_baseline}"


def _spread(axes: Axes, differences: Sequence[float]) -> bool:
    """Whether some differences are so far away that the axis is logarithmic beyond 1."""
    sizes = [abs(difference) for difference in differences]
    if max(sizes) <= max(1, FAR * statistics.median(sizes)):
        return False
    logarithmic(axes, "x", beyond=1)
    return True
