"""From run results to the rows of the tables, and to CSV, Markdown and LaTeX text."""

import csv
import io
import statistics
from collections.abc import Iterable

import tabulate

from lenet_jax.analysis.stats import CONFIDENCE, Interval, mean_interval, proportion_interval
from lenet_jax.config.fields import complete
from lenet_jax.training.distortion import DISTORTIONS
from lenet_jax.training.optimizer import LEVENBERG_MARQUARDT

# Test accuracies of a result; those behind the first only with config.train.select_epoch=best_validation.
READINGS = {"": "test_accuracy", "test_selected_": "test_selected_accuracy", "last_": "last_accuracy"}
PAPERS_WEIGHTS = {"fan_in": "weights within 2.4 / F", "root_fan_in": "weights within 2.4 / sqrt(F)"}
DECIMALS = 6  # of numbers in CSV files; of 10,000 test images one is 0.0001


def arm_rows(results: list[dict]) -> list[dict]:
    """One row per arm, in the order of the results; means are over the runs that did not diverge."""
    rows = []
    for arm in dict.fromkeys(result["arm"] for result in results):
        runs = [result for result in results if result["arm"] == arm]
        done = [run for run in runs if run["status"] == "done"]
        test = mean_interval([run["test_accuracy"] for run in done], bounds=(0.0, 1.0))
        rows.append({
            "arm": arm,
            "runs": len(runs),
            "diverged": len(runs) - len(done),
            **{count: runs[0][count] for count in ("parameters", "connections", "wired_connections", "macs")},
            "train_accuracy_mean": _mean(run["train_accuracy"] for run in done),
            "val_accuracy_mean": _mean(run["val_accuracy"] for run in done),
            "test_accuracy_mean": test.mean,
            "test_accuracy_ci_low": test.low,
            "test_accuracy_ci_high": test.high,
        })  # fmt: skip
    return rows


def contrast_rows(results: list[dict], contrasts: dict[str, tuple[str, str]]) -> list[dict]:
    """One row per contrast: test accuracy of `arm` minus that of `baseline`, paired by seed.

    A pair counts where neither run diverged. Contrasts whose arms were not run are left out. Where runs
    have other readings, their differences stand behind.
    """
    done = {(result["arm"], result["seed"]): result for result in results if result["status"] == "done"}
    rows = []
    for contrast, (arm, baseline) in contrasts.items():
        pairs = [
            (result, done[baseline, seed])
            for (name, seed), result in sorted(done.items())
            if name == arm and (baseline, seed) in done
        ]
        if not pairs:
            continue
        row = {"contrast": contrast, "arm": arm, "baseline": baseline, "pairs": len(pairs)}
        for prefix, column in READINGS.items():
            if all(column in result for pair in pairs for result in pair):
                differences = [one[column] - other[column] for one, other in pairs]
                mean, low, high = mean_interval(differences, bounds=(-1.0, 1.0))
                row |= {
                    f"{prefix}difference_mean": mean,
                    f"{prefix}difference_ci_low": low,
                    f"{prefix}difference_ci_high": high,
                }
        rows.append(row)
    return rows


def paper_rows(runs: list[dict], references: dict[str, dict]) -> list[dict]:
    """One row per arm: the paper's test error beside ours, in percent, and how ours came about.

    Args:
      runs: records, as `lenet_jax.run.train_and_record` writes them.
      references: arm -> `note`, what the arm is, and where a paper gives a figure `error_percent`, the
        number of its test `images`, their `errors` if it counts them, and `reading` if its figure is to
        be compared with another of READINGS than the first. Arms without an entry are left out.
    """
    rows = []
    for arm in dict.fromkeys(run["result"]["arm"] for run in runs):
        if arm not in references:
            continue
        of_arm = [run for run in runs if run["result"]["arm"] == arm]
        results = [run["result"] for run in of_arm]
        done = [result for result in results if result["status"] == "done"]
        reference = references[arm]
        row = {
            "arm": arm,
            "what": reference["note"],
            "compared": f"{reference.get('reading', '')}error",
            **_percent("paper_error", _paper_interval(reference)),
        }
        for prefix, column in READINGS.items():
            if column in results[0]:
                errors = [1 - result[column] for result in done]
                row |= _percent(f"{prefix}error", mean_interval(errors, bounds=(0.0, 1.0)))
        if "last_train_accuracy" in results[0]:
            row["last_train_error_percent"] = _mean_error_percent(done, "last_train_accuracy")
        rows.append({
            **row,
            "train_error_percent": _mean_error_percent(done, "train_accuracy"),
            "val_error_percent": _mean_error_percent(done, "val_accuracy"),
            "train_loss": _mean(result["train_loss"] for result in done),
            "test_loss": _mean(result["test_loss"] for result in done),
            "runs": len(results),
            "diverged": len(results) - len(done),
            "parameters": results[0]["parameters"],
            "connections": results[0]["connections"],
            "protocol": protocol(of_arm[0]),
        })  # fmt: skip
    return rows


def _paper_interval(reference: dict) -> Interval:
    """The paper's test error, a fraction, with Wilson's interval; Nones where it gives no figure."""
    if "error_percent" not in reference:
        return Interval(None, None, None)
    error, images = reference["error_percent"] / 100, reference["images"]
    interval = proportion_interval(reference.get("errors", round(error * images)), images)
    return interval._replace(mean=error)  # as the paper rounds it


def _mean_error_percent(results: list[dict], accuracy: str) -> float | None:
    return _mean(None if result[accuracy] is None else 100 - 100 * result[accuracy] for result in results)


def with_intervals_joined(row: dict) -> dict:
    """A row of `paper_rows` for a page: each mean with its interval in one cell, in percent."""
    joined = {}
    for column, value in row.items():
        if column == "compared" or "_ci_" in column:
            continue
        if column.endswith("_percent"):
            low, high = (row.get(f"{column}_ci_{end}") for end in ("low", "high"))
            interval = "" if low is None else f" ({low:.2f} to {high:.2f})"
            value = "-" if value is None else f"{value:.2f}{interval}"
        joined[column.replace("_percent", " %").replace("_", " ")] = value
    return joined


def protocol(run: dict) -> str:
    """How a recorded run was trained, in a few words."""
    config = complete(run["config"])
    train = {name.removeprefix("train."): it for name, it in config.items() if name.startswith("train.")}
    words = [
        f"{train['epochs']} epochs of {run['images']['train']:,}",
        f"batch {train['batch_size']}",
        train["loss"].replace("_", " "),
        f"{train['optimizer'].replace('_', ' ')} {train['learning_rate']:g} ({train['schedule']})",
    ]
    if train["optimizer"] == LEVENBERG_MARQUARDT:
        words.append(f"damping {train['damping']:g}")
        words.append(f"{train['curvature']} curvature")
    else:
        words.append(f"momentum {train['momentum']:g}")
    if train["weight_decay"]:
        words.append(f"weight decay {train['weight_decay']:g}")
    if train["loss"] == "rbf_competitive":
        words.append(f"j {train['rbf_j']:g}")
    if train["loss"] == "squared_error":
        words.append(f"targets {train['target_low']:g} and {train['target_high']:g}")
    if train["select_epoch"] == "best_validation":
        words.append("epoch chosen on validation")
    if train["order"] == "constant":
        words.append("constant order")
    if config["data.box"] != complete({})["data.box"]:
        words.append(f"digits of {config['data.box']}x{config['data.box']}")
    if config["data.move"]:
        words.append(f"each moved by up to {config['data.move']}")
    if config["data.positions"] > 1:
        words.append(f"each at {config['data.positions']} positions")
    if config["distortion.probability"]:
        limits = [f"{kind} {config[f'distortion.{kind}']:g}" for kind in DISTORTIONS]
        words.append(f"{config['distortion.probability']:.0%} distorted ({', '.join(limits)})")
    if config["model.initialisation"] in PAPERS_WEIGHTS:
        words.append(PAPERS_WEIGHTS[config["model.initialisation"]])
    if config["model.dropout"]:
        words.append(f"dropout {config['model.dropout']:g}")
    return ", ".join(words)


def _percent(name: str, interval: Interval) -> dict:
    """An interval of fractions as columns in percent."""
    ends = zip(("", "_ci_low", "_ci_high"), interval, strict=True)
    return {f"{name}_percent{end}": None if it is None else 100 * it for end, it in ends}


def to_csv(rows: list[dict]) -> str:
    """CSV with a header; None is an empty field, fractions are rounded to DECIMALS."""
    text = io.StringIO()
    columns = list(dict.fromkeys(column for row in rows for column in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: round(v, DECIMALS) if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue()


def shortened(row: dict) -> dict:
    """A row of a table with the columns that fit a terminal of 80 characters."""
    if "contrast" in row:
        names, value, shown = ("contrast", "pairs"), "difference", "difference"
        mean = row["difference_mean"]
    elif "paper_error_percent" in row:
        names, value = ("arm", "runs", "paper_error_percent"), f"{row['compared']}_percent"
        mean, shown = row[value], value
    else:
        names, value, shown = ("arm", "runs", "diverged", "parameters"), "test_accuracy", "accuracy"
        mean = row["test_accuracy_mean"]
    low, high = (_cell(row[f"{value}_ci_{end}"]) for end in ("low", "high"))
    short = {name: row[name] for name in names} | {shown: mean}
    return short | {f"{CONFIDENCE:.0%} interval": "-" if low == "-" else f"{low} to {high}"}


def to_text(rows: list[dict], style: str) -> str:
    """The table for people, in a style of `tabulate`: "pipe", "latex_booktabs", "simple"."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    align = ["left" if any(isinstance(row.get(it), str) for row in rows) else "right" for it in columns]
    return tabulate.tabulate(cells, columns, tablefmt=style, colalign=align, disable_numparse=True)


def _mean(values: Iterable[float | None]) -> float | None:
    """Of the values that there are."""
    values = [value for value in values if value is not None]
    return statistics.fmean(values) if values else None


def _cell(value) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:z.4f}"  # z: what rounds to zero has no sign
    return f"{value:,}" if isinstance(value, int) else str(value)
