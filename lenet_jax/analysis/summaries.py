"""From the results of runs to rows: one per arm, one per contrast, one per comparison with a paper.

Results are dicts with the columns of results.csv, one per run, in the order of the arms; an accuracy is
None if the run diverged or did not score that split. Arms are dicts with the attributes of
`lenet_jax.config.arms.Arm`, as config.json records them.
"""

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.stats import NO_INTERVAL, Interval, proportion_interval

# Test accuracies of a result; those after the first only with config.train.select_epoch=best_validation.
READINGS = {"": "test_accuracy", "test_selected_": "test_selected_accuracy", "last_": "last_accuracy"}
OTHER_FIGURES = ("train_error_percent", "train_loss", "test_loss")  # of `lenet_jax.config.arms.Paper`
# Of the effective learning rates in the first epoch: name -> what summarizes that of several seeds.
RATES = {"rate_smallest": min, "rate_median": statistics.median, "rate_largest": max}
COUNTS = ("parameters", "connections", "wired_connections", "macs")

Row = dict[str, Any]
ENDS = ("mean", "ci_low", "ci_high")


def columns_of(name: str, interval: Interval, scale: float = 1) -> Row:
    """An interval as the columns NAME_mean, NAME_ci_low and NAME_ci_high, times `scale` > 0."""
    scaled = interval.map(lambda end: scale * end)
    return {f"{name}_{end}": value for end, value in zip(ENDS, scaled, strict=True)}


def interval_of(row: Row, name: str) -> Interval:
    """The inverse of `columns_of`, without the scale."""
    return Interval(*(row[f"{name}_{end}"] for end in ENDS))


def error_percent(row: Row) -> Interval:
    """Of a row of `arm_rows`, in percent; without a mean if the test images were not scored."""
    return interval_of(row, "test_accuracy").map(lambda accuracy: 100 - 100 * accuracy)


def scored(rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """How many runs of each arm have a score, of rows of `arm_rows` or `paper_rows`."""
    return [row["runs"] - row["diverged"] for row in rows]


def arm_rows(
    results: Sequence[Mapping[str, Any]], wrong: Wrong | None = None, convolution: str | None = None
) -> list[Row]:
    """One row per arm, in the order of the results; means are over the runs that did not diverge.

    Args:
      wrong: the runs' wrong answers, if the intervals should cover the draw of the test images.
      convolution: the arm whose test accuracy is subtracted from those of all others, paired by seed, in the
        columns difference_to_convolution_mean, _ci_low and _ci_high; None leaves them out.
    """
    rows = []
    accuracies = accuracies_of(results)
    for arm, runs in _by_arm(results).items():
        done = [run for run in runs if run["status"] == "done"]
        test = weighted_sum({arm: 1.0}, accuracies, wrong).interval(bounds=(0.0, 1.0))
        rows.append({
            "arm": arm,
            "runs": len(runs),
            "diverged": len(runs) - len(done),
            **{count: runs[0][count] for count in COUNTS},
            "train_accuracy_mean": _mean(done, "train_accuracy"),
            "val_accuracy_mean": _mean(done, "val_accuracy"),
            **columns_of("test_accuracy", test),
            **({} if convolution is None else _to_convolution(arm, convolution, accuracies, wrong)),
        })  # fmt: skip
    return rows


def _to_convolution(
    arm: str, convolution: str, accuracies: Mapping[tuple[str, int], float], wrong: Wrong | None
) -> Row:
    """The difference to the convolution's test accuracy; None for itself and without common seeds."""
    difference = NO_INTERVAL
    if arm != convolution:
        sums = weighted_sum({arm: 1.0, convolution: -1.0}, accuracies, wrong)
        difference = sums.interval(bounds=(-1.0, 1.0))
    return columns_of("difference_to_convolution", difference)


def contrast_rows(
    results: Sequence[Mapping[str, Any]], arms: Sequence[Mapping[str, Any]], wrong: Wrong | None = None
) -> list[Row]:
    """One row per contrast, in the order of `arms`: test accuracy of the arm minus that of its baseline.

    Runs are paired by seed; a pair counts if both have a test accuracy. Contrasts without pairs are
    left out. If runs have other READINGS, the differences of those follow, with intervals over seeds.

    Args:
      wrong: as in `arm_rows`.
    """
    scored = [result for result in results if result["test_accuracy"] is not None]
    rows = []
    for arm in arms:
        for contrast, baseline in arm["baselines"].items():
            names = arm["name"], baseline
            runs = [run for run in scored if run["arm"] in names]
            readings = {
                prefix: accuracies_of(runs, column)
                for prefix, column in READINGS.items()
                if all(column in run for run in runs)
            }
            weights = dict(zip(names, (1.0, -1.0), strict=True))
            row: Row = {"contrast": contrast, "arm": arm["name"], "baseline": baseline}
            for prefix, accuracies in readings.items():
                counting = wrong if READINGS[prefix] == "test_accuracy" else None
                sums = weighted_sum(weights, accuracies, counting)
                interval = sums.interval(bounds=(-1.0, 1.0))
                if sums.seeds:
                    row |= {"pairs": len(sums.seeds), **columns_of(f"{prefix}difference", interval)}
            if "pairs" in row:
                rows.append(row)
    return rows


def accuracies_of(
    results: Sequence[Mapping[str, Any]], column: str = "test_accuracy"
) -> dict[tuple[str, int], float]:
    """(arm, seed) -> test accuracy, or another of READINGS, of the runs that have one."""
    return {(run["arm"], run["seed"]): run[column] for run in results if run[column] is not None}


def fingerprint(config: Mapping[str, Any], without: Collection[str]) -> str:
    """Equal for flattened configs that differ in nothing but the fields `without`."""
    return repr(sorted((name, value) for name, value in config.items() if name not in without))


def common_name(arms: Iterable[str]) -> str:
    """The name that arms share whose names end in numbers: that of the first, without its number."""
    first = next(iter(arms))
    return first.rstrip("0123456789").rstrip("_") or first


def missing_seeds(results: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """The seeds that each arm lacks and other arms have; arms that lack none are left out."""
    of_arm: dict[str, set[int]] = {}
    for result in results:
        of_arm.setdefault(result["arm"], set()).add(result["seed"])
    known = set().union(*of_arm.values())
    return {arm: sorted(known - seeds) for arm, seeds in of_arm.items() if seeds != known}


def paper_rows(
    results: Sequence[Mapping[str, Any]],
    arms: Sequence[Mapping[str, Any]],
    protocols: Mapping[str, Sequence[str]],
    wrong: Wrong | None = None,
) -> list[Row]:
    """One row per arm that has a label or a paper: the paper's test error alongside ours, in percent.

    A paper's other figures have columns if one of the arms has them.

    Args:
      protocols: arm -> how its runs were trained, in phrases.
      wrong: as in `arm_rows`; intervals of other READINGS are over seeds.
    """
    by_arm = _by_arm(results)
    shown = [arm for arm in arms if arm["name"] in by_arm and (arm["label"] or arm["paper"])]
    rows = []
    for arm in shown:
        runs = by_arm[arm["name"]]
        done = [run for run in runs if run["status"] == "done"]
        row = {
            "arm": arm["name"],
            "what": arm["label"],
            "compared": f"{arm['reading']}error",
            **_in_percent("paper_error", _paper_interval(arm["paper"])),
            "paper_errors": _paper_errors(arm["paper"]) if arm["paper"] else None,
            "paper_images": arm["paper"]["images"] if arm["paper"] else None,
        }
        for prefix, column in READINGS.items():
            if column in runs[0]:
                counting = wrong if column == "test_accuracy" else None
                sums = weighted_sum({arm["name"]: 1.0}, accuracies_of(done, column), counting)
                errors = sums.interval(bounds=(0.0, 1.0)).map(lambda accuracy: 1 - accuracy)
                row |= _in_percent(f"{prefix}error", errors)
        if "last_train_accuracy" in runs[0]:
            row["last_train_error_percent"] = _mean_error_percent(done, "last_train_accuracy")
        rows.append({
            **row,
            **_figures_of(arm["paper"], shown),
            "train_error_percent": _mean_error_percent(done, "train_accuracy"),
            "val_error_percent": _mean_error_percent(done, "val_accuracy"),
            "train_loss": _mean(done, "train_loss"),
            "test_loss": _mean(done, "test_loss"),
            **_rates(runs, by_arm),
            "runs": len(runs),
            "diverged": len(runs) - len(done),
            "parameters": runs[0]["parameters"],
            "connections": runs[0]["connections"],
            "protocol": ", ".join(protocols[arm["name"]]),
        })  # fmt: skip
    return rows


def _by_arm(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    by_arm: dict[str, list] = {}
    for result in results:
        by_arm.setdefault(result["arm"], []).append(result)
    return by_arm


def _values(results: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    return [result[column] for result in results if result[column] is not None]


def _mean(results: Sequence[Mapping[str, Any]], column: str) -> float | None:
    values = _values(results, column)
    return statistics.fmean(values) if values else None


def _mean_error_percent(results: Sequence[Mapping[str, Any]], accuracy: str) -> float | None:
    errors = [100 - 100 * value for value in _values(results, accuracy)]
    return statistics.fmean(errors) if errors else None


def _paper_interval(paper: Mapping[str, Any] | None) -> Interval:
    """The paper's test error, a fraction, with its Wilson interval; all None without a paper."""
    if paper is None:
        return NO_INTERVAL
    interval = proportion_interval(_paper_errors(paper), paper["images"])
    return interval._replace(mean=paper["error_percent"] / 100)  # as rounded in the paper


def _paper_errors(paper: Mapping[str, Any]) -> int:
    """How many test images the paper's network misclassified, or the count nearest to the percentage."""
    if paper["errors"] is not None:
        return paper["errors"]
    return round(paper["error_percent"] / 100 * paper["images"])


def _rates(runs: Sequence[Mapping[str, Any]], by_arm: Mapping[str, Sequence[Mapping[str, Any]]]) -> Row:
    """The RATES of an arm's runs that have them; {} if no run of any arm has."""
    if not any(name in run for of_arm in by_arm.values() for run in of_arm for name in RATES):
        return {}
    having = [run for run in runs if all(run.get(name) is not None for name in RATES)]
    return {
        name: summarize(run[name] for run in having) if having else None for name, summarize in RATES.items()
    }


def _figures_of(paper: Mapping[str, Any] | None, arms: Sequence[Mapping[str, Any]]) -> Row:
    """Those of a paper's OTHER_FIGURES that the paper of some arm gives, as columns."""
    papers = [arm["paper"] for arm in arms if arm["paper"]]
    given = [name for name in OTHER_FIGURES if any(one.get(name) is not None for one in papers)]
    return {f"paper_{name}": (paper or {}).get(name) for name in given}


def _in_percent(name: str, interval: Interval) -> Row:
    """An interval of fractions as three columns in percent."""
    ends = zip(("", "_ci_low", "_ci_high"), interval, strict=True)
    return {f"{name}_percent{end}": None if value is None else 100 * value for end, value in ends}
