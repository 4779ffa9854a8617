"""From run results to the rows of the tables, and to CSV, Markdown and LaTeX text."""

import csv
import io
import statistics
from collections.abc import Iterable

import tabulate

from lenet_jax.stats import CONFIDENCE, mean_interval

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

    A pair counts where neither run diverged. Contrasts whose arms were not run are left out.
    """
    accuracy = {
        (result["arm"], result["seed"]): result["test_accuracy"]
        for result in results
        if result["status"] == "done"
    }
    rows = []
    for contrast, (arm, baseline) in contrasts.items():
        differences = [
            value - accuracy[baseline, seed]
            for (name, seed), value in sorted(accuracy.items())
            if name == arm and (baseline, seed) in accuracy
        ]
        if differences:
            mean, low, high = mean_interval(differences, bounds=(-1.0, 1.0))
            rows.append({
                "contrast": contrast, "arm": arm, "baseline": baseline, "pairs": len(differences),
                "difference_mean": mean, "difference_ci_low": low, "difference_ci_high": high,
            })  # fmt: skip
    return rows


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
    """A row of `arm_rows` or `contrast_rows` with the columns that fit a terminal of 80 characters."""
    if "contrast" in row:
        names, value, shown = ("contrast", "pairs"), "difference", "difference"
    else:
        names, value, shown = ("arm", "runs", "diverged", "parameters"), "test_accuracy", "accuracy"
    low, high = (_cell(row[f"{value}_ci_{end}"]) for end in ("low", "high"))
    short = {name: row[name] for name in names} | {shown: row[f"{value}_mean"]}
    return short | {f"{CONFIDENCE:.0%} interval": "-" if low == "-" else f"{low} to {high}"}


def to_text(rows: list[dict], style: str) -> str:
    """The table for people, in a style of `tabulate`: "pipe", "latex_booktabs", "simple"."""
    columns = list(rows[0])
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    align = ["left" if any(isinstance(row[column], str) for row in rows) else "right" for column in columns]
    return tabulate.tabulate(cells, columns, tablefmt=style, colalign=align, disable_numparse=True)


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return statistics.fmean(values) if values else None


def _cell(value) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:z.4f}"  # z: what rounds to zero has no sign
    return f"{value:,}" if isinstance(value, int) else str(value)
