"""Selects one candidate for each arm by validation accuracy, or the first that fits the training images."""

import dataclasses
import json
import math
import pathlib
import statistics
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from lenet_jax import files
from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.summaries import accuracies_of
from lenet_jax.config.allowed import Bounds
from lenet_jax.config.arms import Arm, check_arms
from lenet_jax.config.fields import FIELDS
from lenet_jax.errors import UserError

_Runs = dict[str, list[Mapping[str, Any]]]  # arm -> the results of its runs

DIGITS = 12  # of mean accuracies that are compared
FEWEST_FOR_TIES = 3  # with two seeds, Student's t is 12.7, and nearly every candidate is tied


def candidate_arms(arms: Iterable[Arm], needed: Mapping[str, Sequence[str]] | None = None) -> list[Arm]:
    """One arm for each candidate of each arm, named ARM-CANDIDATE.

    Args:
      needed: which candidates of each arm, see `needed_candidates`; None for all.

    Raises UserError for an arm with fewer than two candidates, for arms that are tuned together but have
    different ones, and for what `check_arms` refuses.
    """
    arms = list(arms)
    _tuned_together(arms)
    expanded = []
    for arm in arms:
        if len(arm.candidates) < 2:
            raise UserError(
                f"Arm {arm.name} has {len(arm.candidates)} candidates: tuning selects one of at least two, "
                "which get_arms(config) lists as Arm(candidates={name: overrides})."
            )
        expanded += [
            dataclasses.replace(
                arm,
                name=f"{arm.name}-{name}",
                overrides={**arm.overrides, **overrides},
                baselines={},
                paper=None,
                factors={},
            )
            for name, overrides in arm.candidates.items()
            if needed is None or name in needed[arm.name]
        ]
    return check_arms(expanded)


def needed_candidates(
    arms: Sequence[Arm], results: Iterable[Mapping[str, Any]], seeds: Sequence[int]
) -> dict[str, list[str]]:
    """The candidates that a selection for each arm needs, as far as `results` tell.

    Without `first` and `fit`, these are all. With `first`, they are these, those trained and, once all of
    `first` are, the neighbours of the best in the arm's order, or of all if all diverged. With `fit`, they
    are those up to the first that reaches it or was not trained.

    Args:
      arms: with their candidates.
      results: of some runs of `candidate_arms(arms)`; a candidate that lacks a seed counts as not trained.
      seeds: with which each candidate is trained; results of others do not count.

    Returns arm's name -> names of candidates, in the order of the arm's.
    """
    runs = _runs_of(result for result in results if result["seed"] in seeds)
    needed: dict[str, list[str]] = {}
    for group in _tuned_together(arms):
        needed |= dict.fromkeys((arm.name for arm in group), _needed(group, runs, set(seeds)))
    return needed


def select_candidates(arms: Sequence[Arm], results: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The selected candidate of each arm that has results of all candidates it needs, for the same seeds.

    An arm whose candidates have all diverged has none.

    The candidate with the best mean validation accuracy over its seeds is selected, the first of equals;
    candidates with a diverged run are excluded. Arms with the same `tuned_with` share the candidate with the
    best mean of their means. For an arm with `fit`, the first candidate whose mean training accuracy reaches
    it is selected, or the last if none does. `needed_candidates` says which are needed.

    Args:
      arms: with their candidates.
      results: of the runs of `candidate_arms(arms)`.

    Returns:
      Arm's name -> `candidate`, its `overrides`, `val_accuracy_mean` (a fraction in [0, 1]) and `runs`; with
      `fit` also `train_accuracy_mean`.
    """
    runs = _runs_of(results)
    selected = {}
    for group in _tuned_together(arms):
        of_group = [runs.get(f"{arm.name}-{name}", []) for arm in group for name in group[0].candidates]
        seeds = {result["seed"] for of_candidate in of_group for result in of_candidate}
        trained = _trained(group, runs, seeds)
        if not seeds or not set(_needed(group, runs, seeds)) <= set(trained):
            continue  # not finished
        shared = _means(group, trained, runs, "val_accuracy")
        if not shared:
            continue  # all diverged
        fits = {}
        if fit := group[0].fit:  # an arm alone
            fits = _fits(group, list(shared), runs)
            best = next((name for name in fits if fits[name] >= fit), list(fits)[-1])
        else:
            best = max(shared, key=lambda name: shared[name])
        for arm in group:
            of_best = runs[f"{arm.name}-{best}"]
            selected[arm.name] = {
                "candidate": best,
                "overrides": dict(arm.candidates[best]),
                "val_accuracy_mean": round(_mean_accuracy(of_best, "val_accuracy"), 6),
                "runs": len(of_best),
                **({"train_accuracy_mean": fits[best]} if fits else {}),
            }
    return selected


def diverged_arms(arms: Sequence[Arm], results: Iterable[Mapping[str, Any]]) -> list[str]:
    """The arms that have no selected candidate because every candidate has a diverged run.

    Arguments as of `select_candidates`.
    """
    runs = _runs_of(results)
    found = []
    for group in _tuned_together(arms):
        of_candidates = [
            [result for arm in group for result in runs.get(f"{arm.name}-{name}", [])]
            for name in group[0].candidates
        ]
        if all(any(result["status"] == "diverged" for result in its) for its in of_candidates):
            found += [arm.name for arm in group]
    return found


def tied_candidates(
    arms: Sequence[Arm],
    selected: Mapping[str, Mapping[str, Any]],
    results: Iterable[Mapping[str, Any]],
    wrong: Wrong | None = None,
) -> dict[str, list[str]]:
    """The candidates of each arm whose validation accuracy is tied with that of the selected one.

    The interval of the difference, paired by seed, includes 0. Arms with the same `tuned_with` are compared
    by the mean of their accuracies.

    Args:
      arms: with their candidates, as of `select_candidates`.
      selected: what it returned for `results`.
      wrong: the wrong answers to the validation images, if intervals are to cover the draw of these.

    Returns:
      Arm's name -> names of candidates; arms with `fit`, and arms with fewer than FEWEST_FOR_TIES seeds, are
      left out.
    """
    accuracies = accuracies_of(list(results), "val_accuracy")
    tied = {}
    for group in _tuned_together(arms):
        names = [arm.name for arm in group if arm.name in selected]
        if not names or group[0].fit or selected[names[0]]["runs"] < FEWEST_FOR_TIES:
            continue
        best, runs = selected[names[0]]["candidate"], selected[names[0]]["runs"]
        of_group = []
        for other in group[0].candidates:
            weights = {
                f"{name}-{candidate}": sign / len(names)
                for candidate, sign in ((best, 1), (other, -1))
                for name in names
            }
            sums = weighted_sum(weights, accuracies, wrong)
            # A run that diverged has no accuracy, and its candidate was not up for selection.
            if other != best and len(sums.seeds) == runs and not sums.interval().excludes_zero():
                of_group.append(other)
        tied |= dict.fromkeys(names, of_group)
    return tied


def fields_at_edge(arm: Arm, candidate: str) -> list[str]:
    """The numeric fields whose value in a candidate is the smallest or largest of all candidates.

    A better value may lie beyond it. The bounds of a field itself, such as a dropout of 0, are no edges. An
    arm with `fit` has none, as its candidates are in order.
    """
    if arm.fit:
        return []
    at_edge = []
    for field, value in arm.candidates[candidate].items():
        given = [overrides.get(field) for overrides in arm.candidates.values()]
        numbers = [
            other for other in given if isinstance(other, (int, float)) and not isinstance(other, bool)
        ]
        if len(numbers) < len(given) or len(set(numbers)) == 1:
            continue
        bounds = FIELDS[field].allowed if field in FIELDS else None
        is_bound = isinstance(bounds, Bounds) and value in (bounds.low, bounds.high)
        if value in (min(numbers), max(numbers)) and not is_bound:
            at_edge.append(field)
    return at_edge


def read_selection(path: pathlib.Path, what: str = "selected candidates") -> dict[str, Any]:
    """What was selected, or computed from what was, by name, from a JSON file; {} if there is no file.

    Args:
      what: what the file holds, for messages.

    Raises UserError if it holds something else.
    """
    try:
        selection = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a file of {what} ({error}): name another.") from error
    if not isinstance(selection, dict):
        raise UserError(f"{path} is not a file of {what}: name another.")
    return selection


def merge_selection(
    path: pathlib.Path, selected: Mapping[str, Any], what: str = "selected candidates"
) -> None:
    """Adds what `select_candidates` returned to the JSON file at `path`, in place of earlier selections.

    Raises UserError if the file holds something else or cannot be written.
    """
    with files.locked_folder(path.parent):  # others may merge theirs into the same file
        merged = dict(sorted({**read_selection(path, what), **selected}.items()))
        files.write(path, json.dumps(merged, indent=1) + "\n")


def _tuned_together(arms: Sequence[Arm]) -> list[list[Arm]]:
    """The arms in groups that share a candidate. Raises UserError if their candidates differ."""
    groups: dict[tuple[bool, str], list[Arm]] = {}
    for arm in arms:
        groups.setdefault((bool(arm.tuned_with), arm.tuned_with or arm.name), []).append(arm)
    for group in groups.values():
        orders = {
            (tuple(arm.candidates if arm.first else sorted(arm.candidates)), *arm.first) for arm in group
        }
        if len(orders) > 1:
            raise UserError(
                f"The arms {', '.join(arm.name for arm in group)} are tuned together but have different "
                "candidates or a different first: give them the same, in the same order, or different "
                "tuned_with."
            )
    return list(groups.values())


def _needed(group: Sequence[Arm], runs: _Runs, seeds: Set[int]) -> list[str]:
    """What `needed_candidates` returns, for arms that share a candidate."""
    arm, names = group[0], list(group[0].candidates)
    trained = _trained(group, runs, seeds)
    if arm.fit:
        fits = _fits(group, trained, runs)
        ends = (i for i, name in enumerate(names) if name not in trained or fits.get(name, 0) >= arm.fit)
        return names[: next(ends, len(names)) + 1]
    if not arm.first:
        return names
    needed = {*arm.first, *trained}
    if set(arm.first) <= set(trained):
        means = _means(group, trained, runs, "val_accuracy")
        for best in [max(means, key=lambda name: means[name])] if means else trained:
            place = names.index(best)
            needed |= set(names[max(place - 1, 0) : place + 2])
    return [name for name in names if name in needed]


def _trained(group: Sequence[Arm], runs: _Runs, seeds: Set[int]) -> list[str]:
    """The candidates that every arm has results of with every seed."""
    return [
        name
        for name in group[0].candidates
        if all({result["seed"] for result in runs.get(f"{arm.name}-{name}", [])} >= seeds for arm in group)
    ]


def _means(group: Sequence[Arm], names: Sequence[str], runs: _Runs, column: str) -> dict[str, float]:
    """Candidate -> the mean of a column over the means of the arms; without those with a diverged run.

    Without the last digits, in which equal means may differ.
    """
    means = {
        name: round(
            statistics.fmean(_mean_accuracy(runs[f"{arm.name}-{name}"], column) for arm in group), DIGITS
        )
        for name in names
    }
    return {name: mean for name, mean in means.items() if not math.isnan(mean)}


def _fits(group: Sequence[Arm], names: Sequence[str], runs: _Runs) -> dict[str, float]:
    """Candidate -> its mean training accuracy, as it is recorded and compared with `fit`."""
    return {name: round(mean, 6) for name, mean in _means(group, names, runs, "train_accuracy").items()}


def _runs_of(results: Iterable[Mapping[str, Any]]) -> _Runs:
    runs: _Runs = {}
    for result in results:
        runs.setdefault(result["arm"], []).append(result)
    return runs


def _mean_accuracy(results: Sequence[Mapping[str, Any]], column: str) -> float:
    """The mean of a column; NaN if a run diverged."""
    if any(result["status"] == "diverged" for result in results):
        return math.nan
    return statistics.fmean(result[column] for result in results)
