"""How often intervals cover the truth, in simulated sweeps whose true error rates are known.

An image may be hard for every network or for one arm, and a seed may be a lucky one: run s of arm a answers
image i wrongly with log-odds

    bias[a] + hardness[i] + of_arm[a, i] + luck[a, s]

where all but the biases are drawn anew for each sweep, with normal distributions. The biases are set so that
each arm has a true error rate, that over all seeds and images that could be drawn.
"""

import functools
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from lenet_jax.analysis.crossed import Wrong, log_errors_saved, weighted_sum
from lenet_jax.analysis.effects import EFFECTS, NAMES
from lenet_jax.analysis.stats import Interval

EFFECTS_COUNTED = ("connectivity", "sharing", "interaction", "gap")
ARMS = tuple(f"{connectivity}_{sharing}" for connectivity, sharing in NAMES)


class Population(NamedTuple):
    """What sweeps are drawn from.

    Attributes:
      errors: arm -> its true error rate.
      images: number of test images of a sweep.
      hardness: standard deviation over images, in log-odds, of what all arms share.
      of_arm: of what each arm has of its own.
      luck: over the seeds of an arm.
    """

    errors: Mapping[str, float]
    images: int
    hardness: float
    of_arm: float
    luck: float


# Error rates as on MNIST; the rest nearly as in results/mnist_5k/mistakes.npz: two runs of an arm share about
# three quarters of their wrong images, two arms about half.
MNIST_LIKE = Population(
    dict(zip(ARMS, (0.010, 0.015, 0.020, 0.027), strict=True)),
    images=10_000,
    hardness=10.0,
    of_arm=3.0,
    luck=0.3,
)


def simulate(population: Population, seeds: int, rng: np.random.Generator) -> Wrong:
    """The wrong answers of a sweep."""
    hardness_I = rng.normal(0, population.hardness, population.images)
    spread = np.sqrt(population.hardness**2 + population.of_arm**2 + population.luck**2)
    images = {}
    for arm, error in population.errors.items():
        log_odds_I = bias(error, spread) + hardness_I + rng.normal(0, population.of_arm, population.images)
        for seed in range(seeds):
            chance_I = special.expit(log_odds_I + rng.normal(0, population.luck))
            wrong_I = rng.random(population.images) < chance_I
            images[arm, seed] = np.flatnonzero(wrong_I)
    return Wrong(images, population.images)


@functools.cache
def bias(error: float, spread: float) -> float:
    """The mean log-odds of normal ones with standard deviation `spread` whose mean probability is `error`."""
    points = np.linspace(-9, 9, 20_001)
    weights = np.exp(-np.square(points) / 2)

    def excess(mean: float) -> float:
        return weights @ special.expit(mean + spread * points) / weights.sum() - error

    return optimize.brentq(excess, -20 - 10 * spread, 20 + 10 * spread)


def coverage(population: Population, seeds: int, sweeps: int) -> Iterator[tuple[str, str, float, float]]:
    """(scale, method, share of intervals that cover the truth, mean length) of simulated sweeps.

    The scales are errors per hundred images and log error; the methods `crossed`, and on the first scale
    `seeds`, Student's t over seeds. Shares are pooled over EFFECTS_COUNTED.
    """
    rng = np.random.default_rng(seeds)
    found: dict[tuple[str, str], list[tuple[bool, float]]] = {}
    for _ in range(sweeps):
        wrong = simulate(population, seeds, rng)
        accuracies = {key: 1 - len(images) / wrong.count for key, images in wrong.images.items()}
        for effect in EFFECTS_COUNTED:
            of_arms = dict(zip(ARMS, EFFECTS[effect], strict=True))
            truth = -sum(weight * population.errors[arm] for arm, weight in of_arms.items())
            log_truth = -sum(weight * np.log(population.errors[arm]) for arm, weight in of_arms.items())
            points = weighted_sum(of_arms, accuracies, wrong).interval(bounds=(-2.0, 2.0))
            of_seeds = weighted_sum(of_arms, accuracies, None).interval(bounds=(-2.0, 2.0))
            log_error = log_errors_saved(of_arms, accuracies, wrong)
            found.setdefault(("points", "crossed"), []).append(_covered(points, truth, 100))
            found.setdefault(("points", "seeds"), []).append(_covered(of_seeds, truth, 100))
            if log_error.mean is not None:
                found.setdefault(("log error", "crossed"), []).append(_covered(log_error, log_truth, 1))
    for (scale, method), all_found in found.items():
        covers, lengths = zip(*all_found, strict=True)
        yield scale, method, float(np.mean(covers)), float(np.nanmean(lengths))


def _covered(interval: Interval, truth: float, scale: float) -> tuple[bool, float]:
    """Whether an interval covers the truth, and its length; False and NaN where there is none."""
    if interval.low is None or interval.high is None:
        return False, math.nan
    return interval.low <= truth <= interval.high, scale * (interval.high - interval.low)
