"""Numbers with their intervals, as text."""

import pytest

from lenet_jax.analysis.stats import Interval
from lenet_jax.report.numbers import intervals_in_words, with_interval, with_intervals


@pytest.mark.parametrize(
    ("interval", "sign", "text"),
    [
        (Interval(0.801, 0.712, 0.893), "", "0.80 (0.71 to 0.89)"),
        (Interval(0.801, -0.001, 0.893), "+", "+0.80 (0.00 to 0.89)"),
        (Interval(-0.3, -0.4, -0.2), "+", "-0.30 (-0.40 to -0.20)"),
        (Interval(0.0, None, None), "+", "0.00"),
        (Interval(-0.001, -0.1, 0.1), "+", "0.00 (-0.10 to 0.10)"),
        (Interval(None, None, None), "+", "-"),
    ],
)
def test_what_rounds_to_zero_has_no_sign(interval, sign, text):
    assert with_interval(interval, ".2f", sign) == text


@pytest.mark.parametrize(
    ("seeds", "images", "start"),
    [
        ([], True, "no intervals"),
        ([1, 1], True, "one seed, so no intervals"),
        (
            [5, 1],
            False,
            "95% intervals from 5 seeds (none from one seed), which allow for other seeds but not",
        ),
        ([20, 10], True, "95% intervals from 10 or 20 seeds, which allow for other seeds and other test"),
    ],
)
def test_intervals_are_of_two_or_more_seeds(seeds, images, start):
    assert intervals_in_words(seeds, images).startswith(start)


@pytest.mark.parametrize(
    ("seeds", "images", "title"),
    [
        ([1, 1], True, "errors"),
        ([1, 5, 5], False, "errors, with 95% intervals over 5 seeds"),
        ([5], True, "errors, with 95% intervals over 5 seeds and the test images"),
    ],
)
def test_titles_say_what_their_intervals_are_over(seeds, images, title):
    assert with_intervals("errors", seeds, images) == title
