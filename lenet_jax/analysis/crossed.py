"""Means over seeds and test images at once, with intervals that cover the draw of both.

Runs that are compared share their seeds and their test images, so a comparison is a number for each seed and
image, with random effects of seeds and images that cross:

    y[s, i] = mean + seed[s] + image[i] + rest[s, i]

In the analysis of variance of this two-way layout with one number per cell (Searle, Casella and McCulloch
1992, Variance Components, section 4.3), the three mean squares estimate the variance of the overall mean,
with Satterthwaite's degrees of freedom. An effect whose mean square is below that of the rest takes that of
the rest, so that no variance is negative.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from lenet_jax.analysis.stats import CONFIDENCE, NO_INTERVAL, Interval, mean_interval

Key = tuple[str, int]  # arm, seed


class Estimate(NamedTuple):
    """A mean, its standard error, and the degrees of freedom of Student's t."""

    mean: float
    standard_error: float
    degrees: float

    def ends(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Lower and upper limit of the two-sided interval."""
        half = float(special.stdtrit(self.degrees, (1 + confidence) / 2)) * self.standard_error
        return self.mean - half, self.mean + half

    def p_value(self) -> float:
        """Of the two-sided test that the mean is 0."""
        return 2 * float(special.stdtr(self.degrees, -abs(self.mean) / self.standard_error))

    def p_equivalent(self, margin: float) -> float:
        """The larger p-value of two one-sided tests (Schuirmann 1987).

        A small one supports that the mean lies within `margin` of 0.
        """
        return float(special.stdtr(self.degrees, (abs(self.mean) - margin) / self.standard_error))


def crossed_mean(y_SI: np.ndarray) -> Estimate:
    """The mean of a number for each of S >= 2 seeds and I >= 2 test images; intervals need S >= 3."""
    seeds, images = y_SI.shape
    degrees = np.array([seeds - 1, images - 1, (seeds - 1) * (images - 1)])
    squares = mean_squares(y_SI)
    squares = np.maximum(squares, squares[2])
    parts = squares * [1, 1, -1]
    variance = parts.sum()
    effective = variance**2 / (parts**2 / degrees).sum() if variance else degrees[0]
    return Estimate(float(y_SI.mean()), math.sqrt(variance / y_SI.size), float(effective))


def mean_squares(y_SI: np.ndarray) -> np.ndarray:
    """(3,) the mean squares of seeds, images and the rest."""
    seeds, images = y_SI.shape
    mean = y_SI.mean()
    of_seed_S, of_image_I = y_SI.mean(axis=1) - mean, y_SI.mean(axis=0) - mean
    rest_SI = y_SI - mean - of_seed_S[:, None] - of_image_I
    return np.array([
        images * np.square(of_seed_S).sum() / (seeds - 1),
        seeds * np.square(of_image_I).sum() / (images - 1),
        np.square(rest_SI).sum() / ((seeds - 1) * (images - 1)),
    ])  # fmt: skip


class Wrong(NamedTuple):
    """The test images that runs answer wrongly.

    Attributes:
      images: (arm, seed) -> their numbers.
      count: number of test images, I, which are the same for all runs.
    """

    images: Mapping[Key, np.ndarray]
    count: int

    def table(self, arm: str, seeds: Sequence[int]) -> np.ndarray:
        """(S, I): 1 where the arm's run with a seed is wrong, else 0."""
        wrong_SI = np.zeros((len(seeds), self.count))
        for row, seed in zip(wrong_SI, seeds, strict=True):
            row[self.images[arm, seed]] = 1
        return wrong_SI


class WeightedSum(NamedTuple):
    """A weighted sum of arms' accuracies, seed by seed, and where it is known also image by image.

    Sums can be subtracted from each other and multiplied, if they are of the same seeds and images.

    Attributes:
      seeds: those for which all of the arms have an accuracy, S.
      of_seed_S: (S,) the sum of the accuracies.
      of_cell_SI: (S, I) the sum of the answers, as they are right (1) or wrong (0), up to a constant; None if
        they are not known.
    """

    seeds: list[int]
    of_seed_S: np.ndarray
    of_cell_SI: np.ndarray | None

    def minus(self, factor: float, other: "WeightedSum") -> "WeightedSum":
        """This sum minus `factor` times another."""
        cells = self.of_cell_SI, other.of_cell_SI
        of_cell_SI = None if cells[0] is None or cells[1] is None else cells[0] - factor * cells[1]
        return WeightedSum(self.seeds, self.of_seed_S - factor * other.of_seed_S, of_cell_SI)

    def interval(self, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
        """The mean with its interval, clipped to `bounds`.

        It covers the draw of the test images if the answers are known, otherwise that of the seeds alone.
        With two seeds it is the wider of both, as the first alone would then cover too rarely. There is none
        with one seed, or if no image makes a difference.
        """
        of_seeds = mean_interval(self.of_seed_S.tolist(), bounds)
        if self.of_cell_SI is None or len(self.seeds) < 2:
            return of_seeds
        estimate = self.estimate()
        if estimate is None:
            return Interval(of_seeds.mean, None, None)
        low, high = estimate.ends()
        if len(self.seeds) == 2 and of_seeds.low is not None and of_seeds.high is not None:
            low, high = min(low, of_seeds.low), max(high, of_seeds.high)
        return Interval(of_seeds.mean, max(low, bounds[0]), min(high, bounds[1]))

    def estimate(self) -> Estimate | None:
        """The mean with its standard error; None with fewer than two seeds, or if nothing makes a difference.

        It covers what `interval` covers.
        """
        if len(self.seeds) < 2:
            return None
        mean, count = statistics.fmean(self.of_seed_S.tolist()), len(self.seeds)
        if self.of_cell_SI is None:
            estimate = Estimate(mean, float(self.of_seed_S.std(ddof=1)) / math.sqrt(count), count - 1)
        else:
            # Around the mean of the accuracies, as the weights may not add up to 0.
            estimate = crossed_mean(self.of_cell_SI)._replace(mean=mean)
        return estimate if estimate.standard_error else None


def common_seeds(arms: Iterable[str], accuracies: Mapping[Key, float]) -> list[int]:
    """The seeds for which all of the arms have an accuracy, ascending."""
    needed = list(arms)
    return sorted({seed for _, seed in accuracies if all((arm, seed) in accuracies for arm in needed)})


def weighted_sum(
    weights: Mapping[str, float], accuracies: Mapping[Key, float], wrong: Wrong | None
) -> WeightedSum:
    """A weighted sum of arms' accuracies, over the seeds for which all of the arms have one.

    Args:
      weights: arm -> its weight.
      accuracies: (arm, seed) -> test accuracy.
      wrong: of these runs, if the interval is to cover the draw of the test images.
    """
    seeds = common_seeds(weights, accuracies)
    of_seeds = [sum(weight * accuracies[arm, seed] for arm, weight in weights.items()) for seed in seeds]
    of_cell_SI = None
    if wrong is not None and seeds:
        of_cell_SI = sum(
            (-weight * wrong.table(arm, seeds) for arm, weight in weights.items()),
            start=np.zeros((len(seeds), wrong.count)),
        )
    return WeightedSum(seeds, np.array(of_seeds), of_cell_SI)


def log_errors_saved(
    weights: Mapping[str, float], accuracies: Mapping[Key, float], wrong: Wrong | None
) -> Interval:
    """A weighted sum of minus the logarithms of arms' mean errors; all None if one with a weight has none.

    Its interval is that of the sum of the errors, each relative to its arm's mean (delta method). Arguments
    as of `weighted_sum`.
    """
    seeds = common_seeds(weights, accuracies)
    errors = {
        arm: 1 - statistics.fmean(accuracies[arm, seed] for seed in seeds)
        for arm, weight in weights.items()
        if seeds and weight
    }
    if not errors or not all(errors.values()):
        return NO_INTERVAL
    # Arms without weight still restrict the seeds.
    relative = {arm: weight / errors[arm] if weight else 0.0 for arm, weight in weights.items()}
    of_relative = weighted_sum(relative, accuracies, wrong).interval()
    total = -sum(weights[arm] * math.log(error) for arm, error in errors.items())
    off = total - (of_relative.mean or 0.0)
    return of_relative.map(lambda end: end + off)


def error_ratio(
    weights: Mapping[str, float], accuracies: Mapping[Key, float], wrong: Wrong | None
) -> Interval:
    """What `log_errors_saved` is as a ratio of arms' mean errors, below 1 if errors are saved."""
    return log_errors_saved(weights, accuracies, wrong).map(lambda saved: math.exp(-saved))


def ratio_interval(part: WeightedSum, whole: WeightedSum) -> Interval:
    """The mean of `part` over that of `whole`, of the same seeds, with the interval of Fieller (1954).

    It holds the ratios r around it for which the interval of part - r whole holds 0. There is none unless the
    interval of `whole` excludes 0. All are None without a seed, or if `whole` is 0.
    """
    of_whole = whole.interval()
    if not of_whole.mean:
        return NO_INTERVAL
    ratio = float(part.of_seed_S.mean()) / of_whole.mean
    if not of_whole.excludes_zero():
        return Interval(ratio, None, None)
    lower, upper = ("low", "high") if of_whole.mean > 0 else ("high", "low")
    low, high = _ratio_end(part, whole, ratio, lower, -1.0), _ratio_end(part, whole, ratio, upper, 1.0)
    return Interval(ratio, None, None) if low is None or high is None else Interval(ratio, low, high)


def _ratio_end(
    part: WeightedSum, whole: WeightedSum, ratio: float, end: str, direction: float
) -> float | None:
    """The ratio r in a direction at which an end of the interval of part - r whole is 0; None without one."""

    def at(r: float) -> float:
        found = getattr(part.minus(r, whole).interval(), end)
        return 0.0 if found is None else found  # none: part - r whole is 0 for every seed and image

    reach, start = direction, at(ratio)
    if start * at(ratio + direction * 1e-9) <= 0:  # the interval is as narrow as rounding
        return ratio
    while start * at(ratio + reach) > 0:
        reach *= 2
        if abs(reach) > 1e6:
            return None
    return optimize.brentq(at, ratio, ratio + reach, xtol=1e-6)


def two_way_bootstrap(
    y_SI: np.ndarray, draws: int, rng: np.random.Generator, confidence: float = CONFIDENCE
) -> Interval:
    """The mean with the percentile interval of a bootstrap that draws seeds and images anew, independently.

    It is a check of `crossed_mean`: it assumes no distribution, but counts the variance of the rest three
    times. Source: Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1(2).
    """
    seeds, images = y_SI.shape
    means = []
    for _ in range(draws):
        of_seeds = np.bincount(rng.integers(seeds, size=seeds), minlength=seeds)
        of_images = np.bincount(rng.integers(images, size=images), minlength=images)
        means.append(of_seeds @ y_SI @ of_images / y_SI.size)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(y_SI.mean()), float(low), float(high))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values of several tests, adjusted so that the chance of any false rejection is kept (Holm 1979)."""
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
