"""Means and proportions with their confidence intervals."""

import math
import statistics
from collections.abc import Callable
from typing import NamedTuple

from scipy import special

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean with its confidence interval; low and high are None if n < 2, all three if n = 0."""

    mean: float | None
    low: float | None
    high: float | None

    def excludes_zero(self) -> bool:
        """Whether there is an interval, and 0 lies outside of it."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def map(self, function: Callable[[float], float]) -> "Interval":
        """The interval of a monotone function of the mean; a falling one swaps its ends."""
        mean, low, high = (None if end is None else function(end) for end in self)
        if low is not None and high is not None and low > high:
            low, high = high, low
        return Interval(mean, low, high)


NO_INTERVAL = Interval(None, None, None)


def proportion_interval(hits: int, count: int) -> Interval:
    """`hits` / `count` with its Wilson interval at CONFIDENCE, which covers the draw of the test images."""
    from scipy import stats  # takes a second to import, and most reports do not need it

    ci = stats.binomtest(hits, count).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(hits / count, float(ci.low), float(ci.high))


def mean_interval(values: list[float], bounds: tuple[float, float]) -> Interval:
    """The mean with its Student's t interval at CONFIDENCE, clipped to `bounds`.

    Over seeds, it covers what seeds change; it does not cover test-set sampling.
    """
    n = len(values)
    if n == 0:
        return NO_INTERVAL
    low, high = bounds
    mean = min(max(statistics.fmean(values), low), high)  # rounding can take it out of the bounds
    if n == 1:
        return Interval(mean, None, None)
    quantile = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    half = quantile * statistics.stdev(values) / math.sqrt(n)
    return Interval(mean, max(mean - half, low), min(mean + half, high))
