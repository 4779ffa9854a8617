"""How test error falls with the number of training images, and how many images a constraint is worth.

Between the sizes that were trained, the logarithm of the error is a straight line in the logarithm of the
size. A network needs n' images for the error that the reference reaches with n if its own line has that error
at n'. Its interval goes from the smallest to the largest size at which the interval of the ratio of both
errors contains 1, as in Fieller (1954). The ratio's interval is by the delta method, on the interpolated
logarithms; that errors depart from straight lines is not covered.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize

from lenet_jax.analysis.crossed import Key, Wrong, common_seeds, log_errors_saved
from lenet_jax.analysis.stats import Interval
from lenet_jax.analysis.summaries import Row, common_name, fingerprint

# Fields in which networks of one line may differ.
SIZE_FIELDS = ("data.train_images", "train.epochs", "train.batch_size", "seed")
CONVOLUTION = {"model.name": "cnn", "model.connectivity": "local", "model.sharing": "shared"}

Lines = dict[str, dict[int, str]]  # name of a network -> number of training images -> arm


def find_lines(fields: Mapping[str, Mapping[str, Any]], images: Mapping[str, int]) -> Lines:
    """The arms that differ in nothing but the number of training images, by the name that they share.

    A line has at least two sizes. Its name is that of its arms without the number at the end.

    Args:
      fields: arm -> those fields of its flattened config that identify its runs.
      images: arm -> its number of training images.
    """
    alike: dict[str, dict[int, str]] = {}
    for arm, config in fields.items():
        alike.setdefault(fingerprint(config, SIZE_FIELDS), {}).setdefault(images[arm], arm)
    lines: Lines = {}
    for arms in alike.values():
        if len(arms) > 1:
            name, first = common_name(arms.values()), next(iter(arms.values()))
            lines[first if name in lines else name] = dict(sorted(arms.items()))
    return lines


def find_reference(lines: Lines, fields: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The line of the convolution; None if there is none or several."""
    found = [
        name
        for name, arms in lines.items()
        if all(fields[next(iter(arms.values()))].get(field) == value for field, value in CONVOLUTION.items())
    ]
    return found[0] if len(found) == 1 else None


def size_rows(lines: Lines, reference: str, accuracies: Mapping[Key, float], wrong: Wrong) -> list[Row]:
    """One row per line and size of the reference: the images that the line needs for the reference's error.

    `images_needed` is infinite where a line does not reach the error with its largest size, and 0 where it
    is reached with its smallest; the same holds for the ends of its interval, which are None with one seed,
    and for a line of which an arm has no errors. Seeds count if all arms have them.

    Args:
      lines: of `find_lines`; all arms have wrong answers.
      reference: the name of one of them.
      accuracies: (arm, seed) -> test accuracy.
      wrong: of these runs.
    """
    seeds = common_seeds((arm for line in lines.values() for arm in line.values()), accuracies)
    if not seeds:
        return []
    common = {key: accuracy for key, accuracy in accuracies.items() if key[1] in seeds}
    rows = []
    for name, line in lines.items():
        if name == reference:
            continue
        errors = np.array([_error(arm, seeds, common) for arm in line.values()])
        for images, arm in lines[reference].items():
            error = _error(arm, seeds, common)
            needed = _images_for(errors, list(line), error)
            low, high = _limits(line, arm, common, wrong)
            rows.append({
                "network": name,
                "reference_images": images,
                "reference_error_percent": 100 * error,
                "error_percent": 100 * _error(line[images], seeds, common) if images in line else None,
                "smallest": min(line),
                "largest": max(line),
                "images_needed": needed,
                "images_needed_ci_low": low,
                "images_needed_ci_high": high,
                "seeds": len(seeds),
            })  # fmt: skip
    return rows


def _error(arm: str, seeds: Sequence[int], accuracies: Mapping[Key, float]) -> float:
    return 1 - statistics.fmean(accuracies[arm, seed] for seed in seeds)


def _limits(
    line: Mapping[int, str], reference: str, accuracies: Mapping[Key, float], wrong: Wrong
) -> tuple[float | None, float | None]:
    """The smallest and the largest size at which a line may have the error of the arm `reference`."""
    # From one trained size to the next, the upper end is a convex function of the place and the lower end a
    # concave one, but for the degrees of freedom. So these sizes tell where the upper end first changes its
    # sign, and where the lower end last does.
    at_sizes = [_log_ratio(line, place, reference, accuracies, wrong) for place in range(len(line))]
    ends = np.array([(interval.low, interval.high) for interval in at_sizes], dtype=float)  # NaN for None
    if np.isnan(ends).any():
        return None, None
    surely_as_good, possibly_as_good = ends.T >= 0

    def size_where(end: str, after: int) -> float:
        """The size between trained ones, of which the second has number `after`, where an end is 0."""
        place = optimize.brentq(
            lambda place: getattr(_log_ratio(line, place, reference, accuracies, wrong), end),
            after - 1,
            after,
            xtol=1e-4,
        )
        return _size_at(line, place)

    low = np.inf
    if possibly_as_good.any():
        first = int(possibly_as_good.argmax())
        low = size_where("high", first) if first else 0.0
    if not surely_as_good[-1]:
        return low, np.inf
    return low, 0.0 if surely_as_good.all() else size_where(
        "low", int(np.flatnonzero(~surely_as_good)[-1]) + 1
    )


def _log_ratio(
    line: Mapping[int, str], place: float, reference: str, accuracies: Mapping[Key, float], wrong: Wrong
) -> Interval:
    """The logarithm of the reference's error over that of the line at a place between its sizes."""
    arms = list(line.values())
    before = min(int(place), len(arms) - 2)
    weights = {arms[before]: before + 1 - place, arms[before + 1]: place - before, reference: -1.0}
    return log_errors_saved(weights, accuracies, wrong)


def _size_at(line: Mapping[int, str], place: float) -> float:
    """The size at a place, which counts in steps from size to size."""
    sizes = list(line)
    before = min(int(place), len(sizes) - 2)
    logs = np.log(sizes[before : before + 2])
    return float(np.exp(logs[0] + (place - before) * (logs[1] - logs[0])))


def _images_for(errors: np.ndarray, sizes: Sequence[int], error: float) -> float:
    """The size at which a line has an error; infinite if its largest has more, 0 if its smallest does not.

    Where a line rises by chance, it counts from where it last has the error or more; where its next size has
    no errors, it counts from that size.
    """
    with np.errstate(divide="ignore"):
        logs, wanted = np.log(errors), np.log(error)
    above = np.flatnonzero(logs > wanted)
    if not len(above):
        return 0.0
    last = int(above[-1])
    if last == len(sizes) - 1:
        return np.inf
    if logs[last + 1] == wanted or np.isinf(logs[last + 1]):  # without errors, there is no line to it
        return float(sizes[last + 1])
    share = (logs[last] - wanted) / (logs[last] - logs[last + 1])
    return float(np.exp(np.log(sizes[last]) + share * (np.log(sizes[last + 1]) - np.log(sizes[last]))))
