"""Means, intervals and pairs against worked examples, and the text that they become."""

import csv
import io
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from lenet_jax.analysis.stats import mean_interval
from lenet_jax.report import tables

WIDE = (-math.inf, math.inf)
COUNTS = {"parameters": 61706, "connections": 423038, "wired_connections": 363904, "macs": 416520}


def result(arm, seed, test_accuracy, **fields):
    """A run's result; diverged where its accuracy is None."""
    return {
        "arm": arm, "dataset": "digits", "seed": seed,
        "status": "diverged" if test_accuracy is None else "done",
        **COUNTS, "epochs": 30,
        "train_accuracy": None if test_accuracy is None else 1.0,
        "val_accuracy": None if test_accuracy is None else test_accuracy / 2,
        "test_accuracy": test_accuracy,
        "test_error_percent": None if test_accuracy is None else 100 * (1 - test_accuracy),
        "train_loss": 0.25, "test_loss": 0.5, "wall_seconds": 1.5,
    } | fields  # fmt: skip


# Two-sided 95% quantiles as printed in tables of Student's t, by degrees of freedom.
@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262)])
def test_the_interval_is_students_t(freedom, quantile):
    values = list(range(1, freedom + 2))
    mean, low, high = mean_interval(values, WIDE)
    assert mean == pytest.approx(np.mean(values))
    half = quantile * np.std(values, ddof=1) / np.sqrt(freedom + 1)
    assert (low, high) == pytest.approx((mean - half, mean + half), rel=1e-3)


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_the_interval_agrees_with_scipy(n):
    values = np.random.default_rng(n).uniform(0.4, 0.6, n)
    _, low, high = mean_interval(values.tolist(), WIDE)
    expected = scipy_stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy_stats.sem(values))
    assert (low, high) == pytest.approx(expected)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(3, 1, 4).tolist(), WIDE) for _ in range(1000)]
    covered = np.mean([interval.low < 3 < interval.high for interval in intervals])
    assert 0.93 < covered < 0.97  # 95%, with a standard error of 0.7% over 1,000 draws


def test_few_values():
    assert mean_interval([], WIDE) == (None, None, None)
    assert mean_interval([0.75], WIDE) == (0.75, None, None)
    assert mean_interval([0.75, 0.75, 0.75], WIDE) == (0.75, 0.75, 0.75)


def test_the_interval_is_cut_to_what_is_possible():
    assert mean_interval([0.9, 1.0], (0.0, 1.0)) == (
        pytest.approx(0.95),
        pytest.approx(0.3147, abs=1e-4),
        1.0,
    )
    assert mean_interval([-0.9, -1.0], (-1.0, 1.0))[1] == -1.0


def test_one_row_per_arm_in_the_order_of_the_results():
    results = [result("b", 0, 0.5), result("a", 0, 0.5), result("b", 1, 0.7)]
    rows = tables.arm_rows(results)
    assert [(row["arm"], row["runs"]) for row in rows] == [("b", 2), ("a", 1)]
    assert rows[0]["test_accuracy_mean"] == pytest.approx(0.6)
    assert rows[0]["val_accuracy_mean"] == pytest.approx(0.3)
    assert rows[0]["train_accuracy_mean"] == 1.0
    assert {name: rows[0][name] for name in COUNTS} == COUNTS
    assert (rows[1]["test_accuracy_ci_low"], rows[1]["test_accuracy_ci_high"]) == (None, None)


def test_diverged_runs_are_counted_and_not_averaged():
    with_diverged = [result("a", 0, 0.5), result("a", 1, None), result("a", 2, 0.7)]
    [row] = tables.arm_rows(with_diverged)
    [without] = tables.arm_rows([run for run in with_diverged if run["status"] == "done"])
    assert (row["runs"], row["diverged"]) == (3, 1)
    assert (without["runs"], without["diverged"]) == (2, 0)
    assert row | {"runs": 2, "diverged": 0} == without


def test_an_arm_that_only_diverged_has_no_numbers():
    rows = tables.arm_rows([result("a", seed, None) for seed in range(3)] + [result("b", 0, 0.5)])
    assert (rows[0]["runs"], rows[0]["diverged"]) == (3, 3)
    empty = ["train_accuracy_mean", "val_accuracy_mean", "test_accuracy_mean"]
    empty += ["test_accuracy_ci_low", "test_accuracy_ci_high"]
    assert [rows[0][column] for column in empty] == [None] * 5
    read = list(csv.DictReader(io.StringIO(tables.to_csv(rows))))
    assert [read[0][column] for column in empty] == [""] * 5
    line = tables.to_text(rows, "github").splitlines()[2]
    assert [cell.strip() for cell in line.split("|")[-6:-1]] == ["-"] * 5


def test_contrasts_pair_runs_of_one_seed():
    """The seeds differ much, the arms by 0.10 to 0.12 with each seed: only pairs tell them apart."""
    a = {0: 0.50, 1: 0.70, 2: 0.92}
    b = {2: 0.80, 0: 0.40, 1: 0.59}
    results = [result("b", *run) for run in b.items()] + [result("a", *run) for run in a.items()]
    [row] = tables.contrast_rows(results, {"gain": ("a", "b")})
    assert (row["contrast"], row["arm"], row["baseline"], row["pairs"]) == ("gain", "a", "b", 3)
    differences = mean_interval([0.10, 0.11, 0.12], WIDE)
    found = (row["difference_mean"], row["difference_ci_low"], row["difference_ci_high"])
    assert found == pytest.approx(tuple(differences))
    [reverse] = tables.contrast_rows(results, {"loss": ("b", "a")})
    assert reverse["difference_mean"] == pytest.approx(-row["difference_mean"])


def test_a_pair_needs_both_runs_done():
    results = [result("a", 0, 0.5), result("a", 1, 0.9), result("a", 2, 0.9)]
    results += [result("b", 0, 0.4), result("b", 1, None), result("b", 3, 0.1)]
    [row] = tables.contrast_rows(results, {"gain": ("a", "b")})
    assert row["pairs"] == 1
    assert row["difference_mean"] == pytest.approx(0.1)
    assert (row["difference_ci_low"], row["difference_ci_high"]) == (None, None)


def test_contrasts_without_pairs_are_left_out():
    results = [result("a", 0, 0.5), result("b", 1, 0.5), result("c", 0, None)]
    contrasts = {"seeds": ("a", "b"), "diverged": ("a", "c"), "not run": ("a", "d")}
    assert tables.contrast_rows(results, contrasts) == []


def test_csv_is_read_back():
    rows = [{"arm": 'a "b", c', "n": 3, "mean": 0.12345678, "low": None}, {"arm": "d", "n": 4}]
    text = tables.to_csv(rows)
    assert text.splitlines()[0] == "arm,n,mean,low" and text.endswith("\n") and "\r" not in text
    first, second = csv.DictReader(io.StringIO(text))
    assert first == {"arm": 'a "b", c', "n": "3", "mean": "0.123457", "low": ""}
    assert second == {"arm": "d", "n": "4", "mean": "", "low": ""}


def test_tables_for_people():
    rows = [
        {"arm": "local_shared", "parameters": 61706, "mean": 0.98765},
        {"arm": "full", "parameters": 6763934, "mean": None},
        {"arm": "zero", "parameters": 1, "mean": -0.00001},
    ]
    header, _, *lines = tables.to_text(rows, "pipe").splitlines()
    assert header == "| arm          |   parameters |   mean |"
    assert lines == [
        "| local_shared |       61,706 | 0.9877 |",
        "| full         |    6,763,934 |      - |",
        "| zero         |            1 | 0.0000 |",
    ]
    latex = tables.to_text(rows, "latex_booktabs")
    assert r"local\_shared" in latex and r"\toprule" in latex and "6,763,934" in latex


def test_a_terminal_of_80_columns_shows_the_tables():
    """With the longest names of configs/ablation.py and numbers as large as they come."""
    results = [result("random_unshared", seed, 0.9 + seed / 100) for seed in range(3)]
    results += [result("a" * 15, seed, 0.8) for seed in range(3)]
    [row, _] = tables.arm_rows(results)
    row |= {"runs": 1000, "diverged": 100, "parameters": 123_456_789}
    names = {"sparse random against full, unshared": ("random_unshared", "a" * 15)}
    for rows in ([row], tables.contrast_rows(results, names)):
        text = tables.to_text([tables.shortened(row) for row in rows], "simple")
        assert max(map(len, text.splitlines())) <= 80
        assert "0.9100" in text or "0.1100" in text
        assert "95% interval" in text and " to " in text


def run_record(arm, seed, test_accuracy, config=None, **fields):
    return {
        "result": result(arm, seed, test_accuracy, **fields),
        "config": {
            "train.epochs": 3, "train.batch_size": 1, "train.optimizer": "sgd", "train.learning_rate": 0.5,
            "train.schedule": "constant", "train.momentum": 0.0, "train.weight_decay": 0.0, **(config or {}),
        },
        "images": {"train": 1437, "validation": 0, "test": 360},
    }  # fmt: skip


def test_a_papers_error_stands_beside_ours_in_percent():
    """5 of 100 images wrong: Wilson's interval by hand; ours, Student's t of 4 and 6 percent."""
    runs = [run_record("net", 0, 0.96), run_record("net", 1, 0.94), run_record("net", 2, None)]
    runs += [run_record("other", 0, 0.9, train_accuracy=0.99)]
    [row, other] = tables.paper_rows(
        runs, {"net": {"note": "a net", "error_percent": 5.0, "images": 100}, "other": {"note": "other"}}
    )
    z, p, n = 1.959964, 0.05, 100
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert row["paper_error_percent"] == pytest.approx(5.0)
    found = row["paper_error_percent_ci_low"], row["paper_error_percent_ci_high"]
    assert found == pytest.approx((100 * (middle - half), 100 * (middle + half)), rel=1e-4)
    assert row["error_percent"] == pytest.approx(5.0)
    assert row["error_percent_ci_high"] == pytest.approx(5 + 12.706, rel=1e-3)
    assert (row["runs"], row["diverged"], row["what"]) == (3, 1, "a net")
    assert (other["paper_error_percent"], other["error_percent_ci_low"]) == (None, None)
    assert other["train_error_percent"] == pytest.approx(1.0)
    joined = tables.with_intervals_joined(row)
    assert joined["paper error %"] == "5.00 (2.15 to 11.18)" and joined["error %"].startswith(
        "5.00 (0.00 to "
    )
    assert tables.with_intervals_joined(other)["paper error %"] == "-"
    assert len(tables.to_text([tables.shortened(row)], "simple").splitlines()[0]) <= 80


def test_other_readings_of_an_accuracy_have_rows_and_differences():
    def both(arm, seed, chosen, best, last):
        readings = {"test_selected_accuracy": best, "last_accuracy": last, "last_train_accuracy": 1.0}
        return run_record(arm, seed, chosen, **readings)

    runs = [both("a", 0, 0.8, 0.9, 0.7), both("a", 1, 0.8, 0.9, 0.7), both("b", 0, 0.5, 0.6, 0.3)]
    runs += [both("b", 1, 0.5, 0.6, 0.3)]
    [row, _] = tables.paper_rows(runs, {arm: {"note": arm} for arm in "ab"})
    assert (row["error_percent"], row["test_selected_error_percent"]) == pytest.approx((20, 10))
    assert (row["last_error_percent"], row["last_train_error_percent"]) == pytest.approx((30, 0))
    [contrast] = tables.contrast_rows([run["result"] for run in runs], {"x": ("a", "b")})
    assert contrast["difference_mean"] == pytest.approx(0.3)
    assert contrast["test_selected_difference_mean"] == pytest.approx(0.3)
    assert contrast["last_difference_mean"] == pytest.approx(0.4)


def test_a_protocol_tells_what_training_uses():
    assert tables.protocol(run_record("a", 0, 0.5)) == (
        "3 epochs of 1,437, batch 1, cross entropy, sgd 0.5 (constant), momentum 0"
    )
    config = {
        "train.optimizer": "levenberg_marquardt", "train.damping": 0.02, "train.curvature": "exact",
        "train.loss": "rbf_competitive", "train.rbf_j": 10.0, "train.order": "constant",
        "distortion.probability": 0.9, "distortion.shift": 2.0, "distortion.scale": 0.15,
        "distortion.squeeze": 0.15, "distortion.shear": 0.3,
        "model.initialisation": "root_fan_in", "model.dropout": 0.25,
    }  # fmt: skip
    assert tables.protocol(run_record("a", 0, 0.5, config)) == (
        "3 epochs of 1,437, batch 1, rbf competitive, levenberg marquardt 0.5 (constant), damping 0.02, "
        "exact curvature, j 10, constant order, "
        "90% distorted (shift 2, scale 0.15, squeeze 0.15, shear 0.3), "
        "weights within 2.4 / sqrt(F), dropout 0.25"
    )
