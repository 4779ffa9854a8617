"""Single numbers of a recorded sweep, for the sentences and tables of a page, and the notes on its runs."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import Wrong, holm, weighted_sum
from lenet_jax.analysis.planned import ALPHA
from lenet_jax.analysis.stats import Interval
from lenet_jax.analysis.summaries import Row, accuracies_of, contrast_rows, interval_of, paper_rows
from lenet_jax.errors import UserError
from lenet_jax.report import captions
from lenet_jax.report.columns import NONE
from lenet_jax.report.numbers import with_interval
from lenet_jax.report.scores import read_scores


class Excerpts(NamedTuple):
    """What pages quote of a sweep.

    Attributes:
      directory: of the sweep.
      papers: arm -> its row of `lenet_jax.analysis.summaries.paper_rows`.
      contrasts: (arm, baseline) -> the row of `lenet_jax.analysis.summaries.contrast_rows`.
      resolved: names of the contrasts that are significant after Holm's correction for all of the sweep's.
      notes: on its runs, as papers.md has them: sentences of Markdown.
    """

    directory: pathlib.Path
    papers: Mapping[str, Row]
    contrasts: Mapping[tuple[str, str], Row]
    resolved: frozenset[str]
    notes: Sequence[str]


def read_excerpts(directory: pathlib.Path) -> Excerpts:
    """Raises UserError if no run is recorded in a folder or a record is damaged."""
    _, header, runs, scores = read_scores(directory)
    papers = paper_rows(scores.results, header["arms"], captions.protocols(runs), scores.wrong)
    contrasts = contrast_rows(scores.results, header["arms"], scores.wrong)
    return Excerpts(
        directory,
        {row["arm"]: row for row in papers},
        {(row["arm"], row["baseline"]): row for row in contrasts},
        resolved_contrasts(scores.results, header["arms"], scores.wrong),
        captions.paper_notes(header, runs, papers),
    )


def resolved_contrasts(
    results: Sequence[Mapping[str, Any]], arms: Sequence[Mapping[str, Any]], wrong: Wrong | None = None
) -> frozenset[str]:
    """The contrasts of a sweep that are significant at ALPHA after Holm's correction for all of them.

    Arguments are those of `contrast_p_values`.
    """
    adjusted = holm(contrast_p_values(results, arms, wrong))
    return frozenset(contrast for contrast, p in adjusted.items() if p < ALPHA)


def contrast_p_values(
    results: Sequence[Mapping[str, Any]], arms: Sequence[Mapping[str, Any]], wrong: Wrong | None = None
) -> dict[str, float]:
    """Contrast -> its two-sided p-value, not adjusted; 1 without an estimate.

    The test is of test accuracies, in the reading that `READINGS` lists first; arguments are those of
    `lenet_jax.analysis.summaries.contrast_rows`.
    """
    accuracies = accuracies_of(results)
    p_values = {}
    for arm in arms:
        for contrast, baseline in arm["baselines"].items():
            estimate = weighted_sum({arm["name"]: 1.0, baseline: -1.0}, accuracies, wrong).estimate()
            p_values[contrast] = 1.0 if estimate is None else estimate.p_value()
    return p_values


def paper_cell(excerpts: Excerpts, arm: str, column: str, factor: float = 1.0) -> str:
    """A number of papers.csv: errors with their intervals, in percent; "-" for none.

    Args:
      factor: by which a number without an interval is multiplied, such as 0.5 for half a squared error.

    Raises UserError if there is no such arm or column, or no number that can be multiplied.
    """
    row = excerpts.papers.get(arm)
    if row is None or column not in row:
        raise UserError(f"{excerpts.directory}: papers.csv has no row {arm} with a column {column}.")
    value = row[column]
    has_interval = f"{column}_ci_low" in row
    if factor != 1 and (has_interval or not isinstance(value, float)):
        raise UserError(f"{excerpts.directory}: {column} of {arm} is not a number without an interval.")
    if has_interval:
        interval = Interval(value, row[f"{column}_ci_low"], row[f"{column}_ci_high"])
        return with_interval(interval, ".2f")
    if value is None:
        return NONE
    if isinstance(value, float):
        return f"{factor * value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def contrast_cell(excerpts: Excerpts, arm: str, baseline: str = "") -> str:
    """How many fewer errors per hundred an arm makes than its baseline; in bold if the contrast is resolved.

    Args:
      baseline: needed for an arm that is compared with several.

    Raises UserError unless there is exactly one such contrast.
    """
    found = [
        row for (one, other), row in excerpts.contrasts.items() if one == arm and baseline in ("", other)
    ]
    if len(found) != 1:
        raise UserError(
            f"{excerpts.directory}: {len(found)} contrasts compare {arm} with {baseline or 'others'}: name "
            "an arm and, if there are several, its baseline."
        )
    [row] = found
    text = with_interval(interval_of(row, "difference").map(lambda end: 100 * end), ".2f")
    return f"**{text}**" if row["contrast"] in excerpts.resolved else text
