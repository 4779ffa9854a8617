"""From what probes have measured to rows with intervals: values, and differences between them."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.stats import Interval, mean_interval
from lenet_jax.analysis.summaries import Row, columns_of
from lenet_jax.probes.probe import CHANCE, CHANGE, TRAINED, UNTRAINED, At, Probe, Value
from lenet_jax.probes.records import Key

WEIGHTS = (CHANCE[TRAINED], CHANCE[CHANGE], UNTRAINED, TRAINED, CHANGE)

BySetting = dict[At, dict[int, Value]]  # setting -> seed -> value


def probe_rows(probe: Probe, measured: Mapping[Key, Sequence[Value]], arms: Sequence[str]) -> list[Row]:
    """The rows of a probe, arm by arm; settings are in the order in which they were measured.

    Values are in the probe's unit. Intervals are over seeds and test images at once where the wrong answers
    of all seeds are known, otherwise over seeds alone, Student's t; `covers_images` says which. What chance
    gives has none.
    """
    about, rows = probe.about, []
    for (arm, weights), of_arm in _found(probe, measured, arms).items():
        for at, by_seed in of_arm.items():
            mean, covers_images = _interval(by_seed, {}, about.bounds)
            if weights in CHANCE.values():
                mean = mean._replace(low=None, high=None)
            rows.append({
                "probe": probe.name,
                "arm": arm,
                "weights": weights,
                "at": at,
                "seeds": len(by_seed),
                "unit": about.unit,
                **columns_of("value", mean, about.scale),
                "covers_images": covers_images,
            })  # fmt: skip
    return rows


def difference_rows(
    probe: Probe,
    measured: Mapping[Key, Sequence[Value]],
    arms: Sequence[str],
    baselines: Mapping[str, Sequence[str]],
) -> list[Row]:
    """Differences of a probe's values, paired by seed; intervals are as in `probe_rows`.

    What is given is compared with what chance gives for it. Where there is no such thing, trained weights are
    compared with untrained ones. And trained weights and changes are compared with those of other arms.

    Args:
      baselines: arm -> the arms that it is compared with; by default, the first of all.
    """
    found, rows = _found(probe, measured, arms), []
    for (arm, weights), of_arm in found.items():
        if weights not in CHANCE:
            continue
        before = CHANCE[weights] if (arm, CHANCE[weights]) in found else UNTRAINED
        others = [(arm, before)] if weights == TRAINED or before == CHANCE[weights] else []
        others += [(other, weights) for other in baselines.get(arm) or arms[:1] if other != arm]
        for other in others:
            for at, by_seed in of_arm.items():
                of_other = found.get(other, {}).get(at, {})
                if not of_other.keys() & by_seed.keys():
                    continue
                difference, covers_images = _interval(by_seed, of_other, (-math.inf, math.inf))
                rows.append({
                    "probe": probe.name,
                    "arm": arm,
                    "weights": weights,
                    "other_arm": other[0],
                    "other_weights": other[1],
                    "at": at,
                    "seeds": len(by_seed.keys() & of_other.keys()),
                    "unit": probe.about.unit,
                    **columns_of("difference", difference, probe.about.scale),
                    "covers_images": covers_images,
                })  # fmt: skip
    return rows


def _found(
    probe: Probe, measured: Mapping[Key, Sequence[Value]], arms: Sequence[str]
) -> dict[tuple[str, str], BySetting]:
    """(arm, weights) -> its values, for those that have any, arm by arm."""
    values: dict[tuple[str, str], BySetting] = {(arm, weights): {} for arm in arms for weights in WEIGHTS}
    for (name, arm, seed), of_run in measured.items():
        for value in of_run:
            key = arm, value.weights
            if name == probe.name and key in values:
                values[key].setdefault(value.at, {})[seed] = value
    return {key: of_arm for key, of_arm in values.items() if of_arm}


def _interval(
    of_arm: Mapping[int, Value], of_other: Mapping[int, Value], bounds: tuple[float, float]
) -> tuple[Interval, bool]:
    """The mean over seeds, less that of other values if there are any, over the seeds that both have.

    Also says whether the interval covers the draw of the test images.
    """
    signs = {"arm": 1.0, "other": -1.0} if of_other else {"arm": 1.0}
    values = {
        (name, seed): value
        for name, by_seed in (("arm", of_arm), ("other", of_other))
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
    seeds = [seed for seed in of_arm if not of_other or seed in of_other]
    differences = [of_arm[seed].value - (of_other[seed].value if of_other else 0.0) for seed in seeds]
    return mean_interval(differences, bounds), False
