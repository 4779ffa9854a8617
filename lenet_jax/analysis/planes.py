"""Sweeps over two factors, such as the kernel's size and how many units share a kernel."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.summaries import Row


class Plane(NamedTuple):
    """The arms of all levels of two factors.

    Attributes:
      factors: the names of the two.
      levels: the levels of each, in the order of the arms.
      arms: (level of the first factor, level of the second) -> arm; some may be missing.
      reference: the one arm without levels that all of these are compared with; None without one.
    """

    factors: tuple[str, str]
    levels: tuple[list[str], list[str]]
    arms: dict[tuple[str, str], str]
    reference: str | None = None


def find_planes(arms: Sequence[Mapping[str, Any]]) -> list[Plane]:
    """The planes of a sweep's recorded arms, those with at least two levels of each factor."""
    found: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for arm in arms:
        if factors := arm.get("factors"):
            (first, row), (second, column) = factors
            found.setdefault((first, second), {})[row, column] = arm["name"]
    planes = []
    for factors, cells in found.items():
        rows, columns = (list(dict.fromkeys(levels)) for levels in zip(*cells, strict=True))
        if min(len(rows), len(columns)) > 1:
            planes.append(Plane(factors, (rows, columns), cells, _reference(arms, set(cells.values()))))
    return planes


def _reference(arms: Sequence[Mapping[str, Any]], inside: set[str]) -> str | None:
    baselines = [set(arm["baselines"].values()) for arm in arms if arm["name"] in inside]
    common = set.intersection(*baselines) - inside
    return common.pop() if len(common) == 1 else None


def plane_rows(plane: Plane, rows: Sequence[Row]) -> list[Row]:
    """The plane's rows of `lenet_jax.analysis.summaries.arm_rows`, with levels as "factor: NAME".

    In the order of the levels of the first factor, then of the second.
    """
    of_arms = {row["arm"]: row for row in rows}
    first, second = plane.levels
    cells = [(a, b) for a in first for b in second if plane.arms.get((a, b)) in of_arms]
    return [
        {f"factor: {name}": level for name, level in zip(plane.factors, cell, strict=True)}
        | of_arms[plane.arms[cell]]
        for cell in cells
    ]
