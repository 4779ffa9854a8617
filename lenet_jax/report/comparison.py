"""Whether a sweep that was computed again has the recorded numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row, arm_rows
from lenet_jax.runs.header import Record

NOT_RESULTS = ("wall_seconds",)


class Comparison(NamedTuple):
    """What differs between recorded and new results.

    Attributes:
      sentences: what to print.
      holds: whether each arm's new mean is the recorded one, or lies in its interval.
    """

    sentences: list[str]
    holds: bool


def compare(recorded: Sequence[Record], again: Sequence[Record]) -> Comparison:
    """Compares all results of recorded runs with those of runs of the same arms and seeds.

    Equal means equal in every digit, without the seconds that runs took.
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

    def distance(run: tuple[str, int]) -> float:
        pair = (old[run]["test_accuracy"], new[run]["test_accuracy"])
        return 0.0 if pair == (None, None) else 1.0 if None in pair else abs(pair[0] - pair[1])

    worst = max(differ, key=distance)
    sentences.append(
        f"The largest difference of a test accuracy is {100 * distance(worst):.2f} points, of {_name(worst)}."
    )
    outside = _outside(list(old.values()), [new[run] for run in old if run in new])
    sentences += outside or [
        f"Every arm's new mean lies within the recorded {CONFIDENCE:.0%} interval over seeds."
    ]
    return Comparison(sentences, not missing and not outside)


def _outside(old: Sequence[Row], new: Sequence[Row]) -> list[str]:
    """A sentence for each arm whose new mean is outside of the recorded interval."""
    rows = {row["arm"]: row for row in arm_rows(new)}
    found = []
    for row in arm_rows(old):
        arm, now = row["arm"], rows.get(row["arm"], {})
        if now.get("diverged") != row["diverged"]:
            found.append(f"{arm}: {now.get('diverged', 0)} runs diverged, not {row['diverged']}.")
        low, high, mean = (
            row["test_accuracy_ci_low"],
            row["test_accuracy_ci_high"],
            now.get("test_accuracy_mean"),
        )
        if mean == row["test_accuracy_mean"]:
            continue
        if mean is None or low is None or high is None or not low <= mean <= high:
            interval = "no interval" if low is None or high is None else f"{low:.4f} to {high:.4f}"
            found.append(
                f"{arm}: the new mean {mean} is not in the recorded interval over seeds, {interval}."
            )
    return found


def _by_run(records: Sequence[Record]) -> dict[tuple[str, int], Row]:
    return {(record["arm"], record["seed"]): record["result"] for record in records}


def _numbers(result: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in NOT_RESULTS}


def _name(run: tuple[str, int]) -> str:
    return f"{run[0]} seed {run[1]}"
