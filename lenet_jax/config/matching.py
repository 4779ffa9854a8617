"""Solves the widths with which a network comes near to a parameter budget."""

import dataclasses
import functools
import heapq
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from lenet_jax.errors import UserError
from lenet_jax.models.counts import count_model
from lenet_jax.models.networks import CNN

NEAR, FAR = 3, 10  # percent of the budget: what counts as near to it, and what is refused beyond

Maps = tuple[int, ...]


def solve_width(inputs: int, budget: int, classes: int = 10) -> int:
    """Width of the single hidden layer whose MLP comes nearest to `budget` parameters.

    An MLP inputs-h-K has (inputs + 1 + K) h + K parameters. Raises UserError if the nearest is off by more
    than FAR percent.
    """
    per_unit = inputs + 1 + classes
    width = max(1, round((budget - classes) / per_unit))
    found = per_unit * width + classes
    if 100 * abs(found - budget) > FAR * budget:
        raise UserError(
            f"config.model.parameter_budget={budget} is met by no MLP on {inputs} inputs: the nearest, with "
            f"config.model.hidden={width}, has {found:,} parameters; give a budget near to that, or set it "
            "to 0."
        )
    return width


@functools.lru_cache(maxsize=256)
def solve_maps(network: CNN, image_size: int, channels: int, budget: int) -> Maps:
    """Numbers of feature maps per stage with which `network` comes near to `budget` parameters.

    Of all numbers with which the whole network is within 3 percent of the budget, those whose proportions are
    nearest to the network's own; of equals, those nearest to the budget. If none are within 3 percent, those
    nearest to the budget. Proportions differ by the largest factor between the ratio of two stages and their
    own. The network has no map tables.

    Raises UserError if the nearest are off by more than 10 percent.
    """
    proportions = tuple(stage.maps for stage in network.stages)
    parts = [math.lcm(*proportions) // maps for maps in proportions]
    size = _measure(network, image_size, channels)

    def spread(fewest: Maps, most: Maps) -> Fraction:
        """At least by which factor proportions differ, with `fewest` to `most` maps."""
        scales, tops = (list(map(operator.mul, maps, parts)) for maps in (fewest, most))
        return max(Fraction(1), Fraction(max(scales), min(tops)))

    def distance(fewest: Maps, most: Maps) -> int:
        """At least how many parameters `fewest` to `most` maps are off the budget."""
        return max(0, size.parameters(fewest) - budget, budget - size.parameters(most))

    def rank(fewest: Maps, most: Maps) -> tuple[Fraction, int]:
        return spread(fewest, most), distance(fewest, most)

    def is_near(fewest: Maps, most: Maps) -> bool:
        return 100 * distance(fewest, most) <= NEAR * budget

    maps = _search(len(parts), 2 * budget, rank, is_near) or _search(len(parts), 2 * budget, distance)
    assert maps is not None  # the second search allows all
    if 100 * distance(maps, maps) > FAR * budget:
        raise UserError(
            f"config.model.parameter_budget={budget} is met by no numbers of feature maps: the nearest "
            f"network, with config.model.maps={','.join(map(str, maps))}, has {size.parameters(maps):,} "
            "parameters; give a budget near to that, or set it to 0."
        )
    return maps


def _search(
    stages: int,
    limit: int,
    rank: Callable[[Maps, Maps], Any],
    allows: Callable[[Maps, Maps], bool] = lambda fewest, most: True,
) -> Maps | None:
    """The numbers of maps, each from 1 to `limit`, of the lowest rank; None if none are allowed.

    A best-first search over boxes, which hold all numbers from `fewest` to `most` maps per stage.

    Args:
      rank: of a box: no more than the rank of any numbers in it; exact if it holds only one.
      allows: whether a box may hold numbers that are allowed; exact if it holds only one.
    """
    box = (1,) * stages, (limit,) * stages
    boxes = [(rank(*box), *box)]
    while boxes:
        _, fewest, most = heapq.heappop(boxes)
        if fewest == most:
            return fewest
        for half in _halves(fewest, most):
            if allows(*half):
                heapq.heappush(boxes, (rank(*half), *half))
    return None


def _halves(fewest: Maps, most: Maps) -> list[tuple[Maps, Maps]]:
    """The box in two, split in the stage whose numbers differ by the largest factor."""
    stage = max(range(len(most)), key=lambda stage: Fraction(most[stage], fewest[stage]))
    middle = math.isqrt(fewest[stage] * most[stage])

    def replaced(maps: Maps, count: int) -> Maps:
        return (*maps[:stage], count, *maps[stage + 1 :])

    return [(fewest, replaced(most, middle)), (replaced(fewest, middle + 1), most)]


@dataclasses.dataclass(frozen=True)
class _Size:
    """How the number of a network's parameters depends on its feature maps.

    Attributes:
      terms: (a, b, c) of each stage, its pooling included, and of the classifier. A stage of M maps has
        M (a M' + b) + c parameters, where M' are the maps of the stage before it; the classifier has
        a M' + b.
    """

    terms: tuple[tuple[int, int, int], ...]

    def parameters(self, maps: Maps) -> int:
        """The number of parameters with `maps` feature maps per stage."""
        units, before = (*maps, 1), (0, *maps)
        return sum(m * (a * m0 + b) + c for (a, b, c), m, m0 in zip(self.terms, units, before, strict=True))


def _measure(network: CNN, image_size: int, channels: int) -> _Size:
    """The terms, from the counts with one map per stage, with two and with three."""

    def parameters(maps: int) -> list[int]:
        """Of each stage, and of the classifier."""
        stages = tuple(dataclasses.replace(stage, maps=maps) for stage in network.stages)
        totals, stage = [0] * (len(stages) + 1), -1
        for layer in count_model(network.clone(stages=stages), image_size, channels).layers:
            stage += layer.kind == "wired"
            totals[stage if layer.kind in ("wired", "pool") else -1] += layer.parameters
        return totals

    (*one, last), (*two, last_of_two), (*three, _) = map(parameters, (1, 2, 3))
    terms = []
    for first, second, third in zip(one, two, three, strict=True):
        a = (third - 2 * second + first) // 2
        b = second - first - 3 * a
        terms.append((a, b, first - a - b))
    slope = last_of_two - last
    return _Size((*terms, (slope, last - slope, 0)))
