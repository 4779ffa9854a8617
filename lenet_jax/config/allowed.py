"""Allowed values of a field: one of several names, a number within bounds, or a list of such numbers."""

import dataclasses
import math
from collections.abc import Collection, Iterable
from typing import Any, Protocol

from lenet_jax.errors import unknown_name

LARGEST = 3.4e38  # nearly the largest number of single precision


class Allowed(Protocol):
    """The values that a field allows."""

    def fault(self, field: str, value: Any) -> str:
        """A sentence that says what is wrong with `config.{field}`; "" if the value is allowed."""
        ...

    def words(self) -> str:
        """The allowed values, for a list of all fields."""
        ...


@dataclasses.dataclass(frozen=True)
class OneOf:
    """One of several names."""

    names: Collection[str]

    def fault(self, field: str, value: str) -> str:
        return "" if value in self.names else unknown_name(field, value, self.names)

    def words(self) -> str:
        return ", ".join(self.names)


@dataclasses.dataclass(frozen=True)
class OneOrPerStage(OneOf):
    """One name for all stages, or one per stage, comma-separated."""

    def fault(self, field: str, value: str) -> str:
        for name in per_stage(value):
            if fault := super().fault(field, name):
                return fault
        return ""


@dataclasses.dataclass(frozen=True)
class OneOrPath(OneOf):
    """One of several names, or a path, which its reader checks."""

    def fault(self, field: str, value: str) -> str:
        return ""

    def words(self) -> str:
        return f"{super().words()}, or a path"


@dataclasses.dataclass(frozen=True)
class Bounds:
    """A number that single precision holds, within bounds, each inclusive unless it is open."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def fault(self, field: str, value: float) -> str:
        if LARGEST < abs(value) < math.inf:
            return f"config.{field}={value} is too large: numbers must be at most {LARGEST:g} in size."
        return "" if self.holds(value) else f"config.{field}={value} must be {self.words()}."

    def holds(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return abs(value) <= LARGEST and above and below

    def words(self) -> str:
        if math.isinf(self.low) and math.isinf(self.high):
            return "a finite number"
        if math.isinf(self.high):
            return f"greater than {self.low:g}" if self.low_open else f"at least {self.low:g}"
        if self.high > 1:
            return f"from {self.low} to {self.high}"
        return (
            f"in {'(' if self.low_open else '['}{self.low:g}, {self.high:g}{')' if self.high_open else ']'}"
        )


@dataclasses.dataclass(frozen=True)
class Each:
    """A list of numbers, all within bounds.

    Attributes:
      must: how the message continues after "must"; {field} stands for the field's name.
      whole: whether they must be whole numbers.
      may_be_empty: whether the list may be empty.
    """

    bounds: Bounds
    must: str
    whole: bool = True
    may_be_empty: bool = True

    def fault(self, field: str, value: Iterable[Any]) -> str:
        numbers = tuple(value)
        kinds = (int,) if self.whole else (int, float)
        fits = all(type(number) in kinds and self.bounds.holds(number) for number in numbers)
        if fits and (numbers or self.may_be_empty):
            return ""
        return f"config.{field}={numbers} must {self.must.format(field=field)}."

    def words(self) -> str:
        return f"{'whole numbers' if self.whole else 'numbers'}, each {self.bounds.words()}"


def per_stage(text: str) -> tuple[str, ...]:
    """The names in `text`, comma-separated."""
    return tuple(name.strip() for name in text.split(","))
