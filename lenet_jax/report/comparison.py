"""Whether a sweep that was computed again has the recorded numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.stats import CONFIDENCE, Interval, mean_interval
from lenet_jax.analysis.summaries import Row
from lenet_jax.runs.header import Record

NOT_RESULTS = ("wall_seconds",)


class Comparison(NamedTuple):
    """What differs between recorded and new results.

    Attributes:
      sentences: what to print.
      holds: whether all runs were computed again, as many diverged, and each arm's new mean accuracy is the
        recorded one, or lies in its interval.
    """

    sentences: list[str]
    holds: bool


def compare(recorded: Sequence[Record], again: Sequence[Record]) -> Comparison:
    """Compares all results of recorded runs with those of runs of the same arms and seeds.

    Equal means equal in every digit, without the seconds that runs took. Where results differ, test
    accuracies are compared, or those on validation images if no test image was scored.
    """
    old, new = _by_run(recorded), _by_run(again)
    missing = [run for run in old if run not in new]
    differ = [run for run in old if run in new and _numbers(old[run]) != _numbers(new[run])]
    equal = len(old) - len(missing) - len(differ)
    sentences = [f"{equal} of {len(old)} runs have the recorded results, to the last digit."]
    if missing:
        sentences.append(f"{len(missing)} runs were not computed again, such as {_name(missing[0])}.")
    if not differ:
        return Comparison(sentences, not missing)

    has_test = any(result["test_accuracy"] is not None for result in (*old.values(), *new.values()))
    split, column = ("test", "test_accuracy") if has_test else ("validation", "val_accuracy")

    def distance(run: tuple[str, int]) -> float:
        pair = (old[run][column], new[run][column])
        return 0.0 if pair == (None, None) else 1.0 if None in pair else abs(pair[0] - pair[1])

    worst = max(differ, key=distance)
    sentences.append(
        f"The largest difference in {split} errors is {100 * distance(worst):.2f} per hundred, of "
        f"{_name(worst)}."
    )
    outside = _outside(list(old.values()), [new[run] for run in old if run in new], column)
    sentences += outside or [
        f"Every arm's new mean lies within the recorded {CONFIDENCE:.0%} interval over seeds."
    ]
    return Comparison(sentences, not missing and not outside)


def _outside(old: Sequence[Row], new: Sequence[Row], column: str) -> list[str]:
    """A sentence for each arm whose new mean of an accuracy is outside of the recorded interval."""
    found = []
    for arm in dict.fromkeys(row["arm"] for row in old):
        (recorded, diverged), (now, now_diverged) = (_mean(rows, arm, column) for rows in (old, new))
        if now_diverged != diverged:
            found.append(f"{arm}: {now_diverged} runs diverged, not {diverged}.")
        mean, low, high = recorded
        if now.mean == mean:
            continue
        if now.mean is None or low is None or high is None or not low <= now.mean <= high:
            interval = "no interval" if low is None or high is None else f"{low:.4f} to {high:.4f}"
            found.append(
                f"{arm}: the new mean {now.mean} is not in the recorded interval over seeds, {interval}."
            )
    return found


def _mean(rows: Sequence[Row], arm: str, column: str) -> tuple[Interval, int]:
    """An arm's mean of an accuracy with its interval over seeds, and how many of its runs diverged."""
    its_rows = [row for row in rows if row["arm"] == arm]
    values = [row[column] for row in its_rows if row[column] is not None]
    diverged = sum(row["status"] == "diverged" for row in its_rows)
    return mean_interval(values, bounds=(0.0, 1.0)), diverged


def _by_run(records: Sequence[Record]) -> dict[tuple[str, int], Row]:
    return {(record["arm"], record["seed"]): record["result"] for record in records}


def _numbers(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in NOT_RESULTS}


def _name(run: tuple[str, int]) -> str:
    return f"{run[0]} seed {run[1]}"
