"""From what probes have measured to rows with intervals: one per probe, arm, weights and setting."""

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

    Values are in the probe's unit. Intervals are over seeds and test images at once where the wrong answers
    of all seeds are known, otherwise over seeds alone, Student's t; `covers_images` says which.
    """
    rows = []
    for arm in arms:
        for weights in WEIGHTS:
            of_arm = _by_setting(measured, probe.name, arm, weights)
            for at, by_seed in of_arm.items():
                interval, covers_images = _interval(by_seed, probe.about.bounds)
                if weights == CHANCE:  # known without an error
                    interval = Interval(interval.mean, None, None)
                rows.append({
                    "probe": probe.name,
                    "arm": arm,
                    "weights": weights,
                    "at": at,
                    "seeds": len(by_seed),
                    "unit": probe.about.unit,
                    **columns_of("value", interval, probe.about.scale),
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


def _interval(by_seed: Mapping[int, Value], bounds: tuple[float, float]) -> tuple[Interval, bool]:
    """The mean of a number over seeds, and whether its interval covers the draw of the test images."""
    values = {seed: value.value for seed, value in by_seed.items()}
    wrong = {("", seed): value.is_wrong for seed, value in by_seed.items() if value.is_wrong is not None}
    counts = {len(is_wrong) for is_wrong in wrong.values()}
    if len(wrong) < len(values) or len(counts) != 1:
        return mean_interval(list(values.values()), bounds), False
    answered = Wrong({key: np.flatnonzero(is_wrong) for key, is_wrong in wrong.items()}, counts.pop())
    accuracies = {("", seed): 1 - value for seed, value in values.items()}
    accuracy = weighted_sum({"": 1.0}, accuracies, answered).interval((0.0, 1.0))
    return accuracy.map(lambda end: 1 - end), True
