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
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from lenet_jax.analysis.stats import CONFIDENCE, Interval, mean_interval

Key = tuple[str, int]  # arm, seed


class Estimate(NamedTuple):
    """A mean, its standard error, and the degrees of freedom of Student's t."""

    mean: float
    standard_error: float
    degrees: float

    def ends(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Those of the two-sided interval."""
        half = float(special.stdtrit(self.degrees, (1 + confidence) / 2)) * self.standard_error
        return self.mean - half, self.mean + half


def crossed_mean(y_SI: np.ndarray) -> Estimate:
    """The mean of a number for each of S >= 2 seeds and I >= 2 test images; intervals need S >= 3."""
    seeds, images = y_SI.shape
    mean = y_SI.mean()
    of_seed_S, of_image_I = y_SI.mean(axis=1) - mean, y_SI.mean(axis=0) - mean
    rest_SI = y_SI - mean - of_seed_S[:, None] - of_image_I
    degrees = np.array([seeds - 1, images - 1, (seeds - 1) * (images - 1)])
    squares = np.array([
        images * np.square(of_seed_S).sum(), seeds * np.square(of_image_I).sum(), np.square(rest_SI).sum()
    ]) / degrees  # fmt: skip
    squares = np.maximum(squares, squares[2])
    parts = squares * [1, 1, -1]
    variance = parts.sum()
    effective = variance**2 / (parts**2 / degrees).sum() if variance else degrees[0]
    return Estimate(float(mean), math.sqrt(variance / y_SI.size), float(effective))


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


def log_error(weights: Mapping[str, float], wrong: Wrong, seeds: Sequence[int]) -> Estimate | None:
    """A weighted sum of the logarithms of arms' mean errors; None if an arm makes none.

    Its standard error is that of the sum of the errors, each relative to its arm's mean (delta method).
    """
    tables = {arm: wrong.table(arm, seeds) for arm in weights}
    errors = {arm: float(wrong_SI.mean()) for arm, wrong_SI in tables.items()}
    if not all(errors.values()):
        return None
    relative_SI = sum(weight / errors[arm] * tables[arm] for arm, weight in weights.items())
    total = sum(weight * math.log(errors[arm]) for arm, weight in weights.items())
    return crossed_mean(np.asarray(relative_SI))._replace(mean=total)


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


def accuracy_interval(
    weights: Mapping[str, float],
    accuracies: Mapping[Key, float],
    wrong: Wrong | None,
    bounds: tuple[float, float],
) -> tuple[Interval, list[int]]:
    """A weighted sum of arms' accuracies with its interval, and the seeds over which it is averaged.

    These are the seeds for which all of the arms have an accuracy. The interval covers the draw of the test
    images if `wrong` is known, otherwise that of the seeds alone. With two seeds it is the wider of both, as
    the first alone would then cover too rarely. There is none with one seed, or if no image makes a
    difference.

    Args:
      weights: arm -> its weight.
      accuracies: (arm, seed) -> test accuracy.
      wrong: of these runs.
      bounds: to which the interval is clipped.
    """
    seeds = sorted({seed for _, seed in accuracies if all((arm, seed) in accuracies for arm in weights)})
    values = [sum(weight * accuracies[arm, seed] for arm, weight in weights.items()) for seed in seeds]
    interval = mean_interval(values, bounds)
    if wrong is None or interval.mean is None or len(seeds) < 2:
        return interval, seeds
    correct_SI = sum(-weight * wrong.table(arm, seeds) for arm, weight in weights.items())
    estimate = crossed_mean(np.asarray(correct_SI))
    if not estimate.standard_error:
        return Interval(interval.mean, None, None), seeds
    # Around the mean of the accuracies, as the weights may not add up to 0.
    low, high = estimate._replace(mean=interval.mean).ends()
    if len(seeds) == 2 and interval.low is not None and interval.high is not None:
        low, high = min(low, interval.low), max(high, interval.high)
    return Interval(interval.mean, max(low, bounds[0]), min(high, bounds[1])), seeds
