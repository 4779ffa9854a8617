"""How test error falls with the number of training images, and how many images a constraint is worth.

Between the sizes that were trained, the logarithm of the error is a straight line in the logarithm of the
size. A network needs n' images for the error that the reference reaches with n if its own line has that error
at n'. Intervals are those of a bootstrap that draws seeds and test images anew, the same for all networks and
sizes (Owen 2007, The pigeonhole bootstrap).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lenet_jax.analysis.crossed import Wrong, two_way_draws
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row, common_name, fingerprint

DRAWS = 2000
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


def size_rows(lines: Lines, reference: str, wrong: Wrong, draws: int = DRAWS) -> list[Row]:
    """One row per line and size of the reference: the images that the line needs for the reference's error.

    `images_needed` is infinite where a line does not reach the error with its largest size, and 0 where it
    is reached with its smallest. Seeds count if all arms have them.

    Args:
      lines: of `find_lines`; all arms have wrong answers.
      reference: the name of one of them.
    """
    arms = [arm for line in lines.values() for arm in line.values()]
    of_arm: dict[str, set[int]] = {}
    for arm, seed in wrong.images:
        of_arm.setdefault(arm, set()).add(seed)
    seeds = sorted(set.intersection(*(of_arm.get(arm, set()) for arm in arms)))
    if not seeds:
        return []
    errors = _errors(arms, seeds, wrong, draws)  # arm -> (1 + draws,), the first as recorded
    rows = []
    for name, line in lines.items():
        if name == reference:
            continue
        own = np.array([errors[arm] for arm in line.values()])
        for images, arm in lines[reference].items():
            needed = np.array(
                [
                    _images_for(of_draw, list(line), error)
                    for of_draw, error in zip(own.T, errors[arm], strict=True)
                ]
            )
            tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
            low, high = np.quantile(needed[1:], tails, method="nearest")  # as some may be infinite
            rows.append({
                "network": name,
                "reference_images": images,
                "reference_error_percent": 100 * float(errors[arm][0]),
                "error_percent": 100 * float(errors[line[images]][0]) if images in line else None,
                "smallest": min(line),
                "largest": max(line),
                "images_needed": float(needed[0]),
                "images_needed_ci_low": float(low),
                "images_needed_ci_high": float(high),
                "seeds": len(seeds),
            })  # fmt: skip
    return rows


def _errors(arms: Sequence[str], seeds: Sequence[int], wrong: Wrong, draws: int) -> dict[str, np.ndarray]:
    """Each arm's mean error, as recorded and with each draw of seeds and images."""
    tables = {arm: wrong.table(arm, seeds) for arm in arms}
    found = {arm: [wrong_SI.mean()] for arm, wrong_SI in tables.items()}
    for of_seeds, of_images in two_way_draws(len(seeds), wrong.count, draws, np.random.default_rng(0)):
        for arm, wrong_SI in tables.items():
            found[arm].append(of_seeds @ wrong_SI @ of_images / wrong_SI.size)
    return {arm: np.array(errors) for arm, errors in found.items()}


def _images_for(errors: np.ndarray, sizes: Sequence[int], error: float) -> float:
    """The size at which a line has an error; infinite if its largest has more, 0 if its smallest does not.

    Where a line rises by chance, it counts from where it last has the error or more.
    """
    with np.errstate(divide="ignore"):
        logs, wanted = np.log(errors), np.log(error)
    above = np.flatnonzero(logs > wanted)
    if not len(above):
        return 0.0
    last = int(above[-1])
    if last == len(sizes) - 1:
        return np.inf
    if logs[last + 1] == wanted:  # both may be infinite
        return float(sizes[last + 1])
    share = (logs[last] - wanted) / (logs[last] - logs[last + 1])
    return float(np.exp(np.log(sizes[last]) + share * (np.log(sizes[last + 1]) - np.log(sizes[last]))))
