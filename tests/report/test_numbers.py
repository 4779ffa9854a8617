"""Numbers with their intervals, as text."""

import pytest

from lenet_jax.analysis.stats import Interval
from lenet_jax.report.numbers import with_interval


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
