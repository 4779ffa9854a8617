"""From what probes have measured to rows with intervals: one per probe, arm, weights and setting."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.stats import Interval, mean_interval
from lenet_jax.analysis.summaries import Row, columns_of
from lenet_jax.probes.probe import CHANCE, CHANGE, TRAINED, UNTRAINED, At, Probe, Value
from lenet_jax.probes.records import Key

WEIGHTS = (CHANCE, UNTRAINED, TRAINED, CHANGE)


def probe_rows(probe: Probe, measured: Mapping[Key, Sequence[Value]], arms: Sequence[str]) -> list[Row]:
    """The rows of a probe, arm by arm; settings are in the order in which they were measured.

    Values are in the probe's unit; `difference` is that to the first arm, paired by seed. Intervals are over
    seeds and test images at once where the wrong answers of all seeds are known, otherwise over seeds alone,
    Student's t; `covers_images` says which.
    """
    about = probe.about
    found = {
        (arm, weights): _by_setting(measured, probe.name, arm, weights) for arm in arms for weights in WEIGHTS
    }
    rows = []
    for (arm, weights), of_arm in found.items():
        for at, by_seed in of_arm.items():
            mean, covers_images = _interval(by_seed, {}, about.bounds)
            of_first = found[arms[0], weights].get(at, {})
            difference = Interval(None, None, None)
            if of_first and arm != arms[0] and weights != CHANCE:
                difference, _ = _interval(by_seed, of_first, (-math.inf, math.inf))
            if weights == CHANCE:  # known without an error
                mean = mean._replace(low=None, high=None)
            rows.append({
                "probe": probe.name,
                "arm": arm,
                "weights": weights,
                "at": at,
                "seeds": len(by_seed),
                "unit": about.unit,
                **columns_of("value", mean, about.scale),
                **columns_of("difference", difference, about.scale),
                "covers_images": covers_images,
            })  # fmt: skip
    return rows


def _by_setting(
    measured: Mapping[Key, Sequence[Value]], probe: str, arm: str, weights: str
) -> dict[At, dict[int, Value]]:
    """Setting -> seed -> value."""
    found: dict[At, dict[int, Value]] = {}
    for (its_probe, its_arm, seed), values in measured.items():
        if (its_probe, its_arm) == (probe, arm):
            for value in values:
                if value.weights == weights:
                    found.setdefault(value.at, {})[seed] = value
    return found


def _interval(
    of_arm: Mapping[int, Value], of_first: Mapping[int, Value], bounds: tuple[float, float]
) -> tuple[Interval, bool]:
    """The mean over seeds, less that of the first arm's if there are any, over the seeds that both have.

    Also says whether the interval covers the draw of the test images.
    """
    signs = {"arm": 1.0, "first": -1.0} if of_first else {"arm": 1.0}
    values = {
        (name, seed): value
        for name, by_seed in (("arm", of_arm), ("first", of_first))
        for seed, value in by_seed.items()
    }
    wrong = {key: value.is_wrong for key, value in values.items() if value.is_wrong is not None}
    counts = {len(is_wrong) for is_wrong in wrong.values()}
    if len(wrong) == len(values) and len(counts) == 1:
        answered = Wrong({key: np.flatnonzero(is_wrong) for key, is_wrong in wrong.items()}, counts.pop())
        # Minus errors as accuracies: a constant makes no difference to intervals.
        negative = {key: -value.value for key, value in values.items()}
        low, high = bounds
        return weighted_sum(signs, negative, answered).interval((-high, -low)).map(lambda end: -end), True
    seeds = [seed for seed in of_arm if not of_first or seed in of_first]
    differences = [of_arm[seed].value - (of_first[seed].value if of_first else 0.0) for seed in seeds]
    return mean_interval(differences, bounds), False
