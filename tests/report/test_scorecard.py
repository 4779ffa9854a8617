"""Verdicts follow from intervals, and the table and the figure show them."""

import pathlib

import pytest

from lenet_jax.analysis.stats import Interval
from lenet_jax.illustrations.rendering import shown
from lenet_jax.report import scorecard
from lenet_jax.report.excerpts import Excerpts
from lenet_jax.report.scorecard import Entry
from lenet_jax.report.tables import NO_BREAK

PAPER = Interval(1.0, 0.8, 1.3)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        (Interval(1.1, 1.0, 1.2), "within"),
        (Interval(0.5, 0.2, 0.8), "within"),  # they touch
        (Interval(1.6, 1.3, 1.9), "within"),
        (Interval(1.0, 0.1, 1.9), "within"),
        (Interval(0.7, 0.65, 0.79), "better"),
        (Interval(1.5, 1.31, 1.7), "worse"),
        (Interval(1.5, None, None), "-"),  # one run
        (Interval(None, None, None), "-"),
    ],
)
def test_a_verdict_compares_two_intervals(ours, verdict):
    assert scorecard.verdict(PAPER, ours) == verdict


def recorded(ours):
    """A row of papers.csv that compares the best epoch on the test images."""
    return {
        "compared": "test_selected_error",
        "paper_error_percent": 1.0,
        "paper_error_percent_ci_low": 0.8,
        "paper_error_percent_ci_high": 1.3,
        "error_percent": 50.0,
        "test_selected_error_percent": ours,
        "test_selected_error_percent_ci_low": ours - 0.1,
        "test_selected_error_percent_ci_high": ours + 0.1,
    }


@pytest.fixture
def rows():
    excerpts = Excerpts(pathlib.Path(), {"a": recorded(1.2), "b": recorded(0.5)}, {}, frozenset(), [])
    entries = [Entry("first", 1989, "sweep", "a", "one page"), Entry("second", 1998, "sweep", "b", "other")]
    return scorecard.score_rows(entries, lambda sweep: {"sweep": excerpts}[sweep])


def test_rows_are_in_the_reading_that_the_paper_gives(rows):
    assert [(row["error_percent"], row["verdict"]) for row in rows] == [(1.2, "within"), (0.5, "better")]
    lines = scorecard.table(rows).replace(NO_BREAK, " ").split("\n")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["network", "year", "the paper's error (%)", "ours (%)", "verdict", "more"]
    assert cells[2] == ["first", "1989", "1.00 (0.80 to 1.30)", "1.20 (1.10 to 1.30)", "within", "[one page]"]


def test_the_figure_has_the_numbers_and_verdicts(rows):
    texts = shown(scorecard.figure(rows))["texts"]
    assert {"first (1989)", "second (1998)"} <= set(texts)
    assert {"1.00, ours 1.20: within", "1.00, ours 0.50: better"} <= set(texts)
