"""From results to rows: means, pairs and papers against worked examples."""

import math

import pytest

from lenet_jax.analysis.stats import mean_interval
from lenet_jax.analysis.summaries import arm_rows, contrast_rows, paper_rows
from tests.helpers.results import COUNTS, arm, result, unscored

WIDE = (-math.inf, math.inf)
TEST_COLUMNS = ["test_accuracy_mean", "test_accuracy_ci_low", "test_accuracy_ci_high"]


def test_one_row_per_arm_in_the_order_of_the_results():
    results = [result("b", 0, 0.5), result("a", 0, 0.5), result("b", 1, 0.7)]
    rows = arm_rows(results)
    assert [(row["arm"], row["runs"]) for row in rows] == [("b", 2), ("a", 1)]
    assert rows[0]["test_accuracy_mean"] == pytest.approx(0.6)
    assert rows[0]["val_accuracy_mean"] == pytest.approx(0.3)
    assert rows[0]["train_accuracy_mean"] == 1.0
    assert {name: rows[0][name] for name in COUNTS} == COUNTS
    assert (rows[1]["test_accuracy_ci_low"], rows[1]["test_accuracy_ci_high"]) == (None, None)


def test_diverged_runs_are_counted_and_not_averaged():
    with_diverged = [result("a", 0, 0.5), result("a", 1, None), result("a", 2, 0.7)]
    [row] = arm_rows(with_diverged)
    [without] = arm_rows([run for run in with_diverged if run["status"] == "done"])
    assert (row["runs"], row["diverged"]) == (3, 1)
    assert (without["runs"], without["diverged"]) == (2, 0)
    assert row | {"runs": 2, "diverged": 0} == without


def test_an_arm_that_only_diverged_has_no_numbers():
    rows = arm_rows([result("a", seed, None) for seed in range(3)] + [result("b", 0, 0.5)])
    assert (rows[0]["runs"], rows[0]["diverged"]) == (3, 3)
    empty = ["train_accuracy_mean", "val_accuracy_mean", *TEST_COLUMNS]
    assert [rows[0][column] for column in empty] == [None] * 5


def test_runs_that_do_not_score_the_test_images_show_validation():
    results = [unscored("a", 0, 0.5), unscored("a", 1, 0.7), unscored("b", 0, None)]
    rows = arm_rows(results)
    assert [(row["runs"], row["diverged"]) for row in rows] == [(2, 0), (1, 1)]
    assert rows[0]["val_accuracy_mean"] == pytest.approx(0.6)
    assert [rows[0][column] for column in TEST_COLUMNS] == [None] * 3
    assert contrast_rows(results, [arm("a", baselines={"gain": "b"}), arm("b")]) == []
    [row] = paper_rows(results, [arm("a", label="a net")], {"a": ["ten epochs"]})
    assert (row["error_percent"], row["test_loss"]) == (None, None)
    assert row["val_error_percent"] == pytest.approx(40)


def test_contrasts_pair_runs_of_one_seed():
    """The seeds differ much, the arms by 0.10 to 0.12 with each seed: only pairs tell them apart."""
    a = {0: 0.50, 1: 0.70, 2: 0.92}
    b = {2: 0.80, 0: 0.40, 1: 0.59}
    results = [result("b", *run) for run in b.items()] + [result("a", *run) for run in a.items()]
    arms = [arm("a", baselines={"gain": "b"}), arm("b", baselines={"loss": "a"})]
    row, reverse = contrast_rows(results, arms)
    assert (row["contrast"], row["arm"], row["baseline"], row["pairs"]) == ("gain", "a", "b", 3)
    differences = mean_interval([0.10, 0.11, 0.12], WIDE)
    found = (row["difference_mean"], row["difference_ci_low"], row["difference_ci_high"])
    assert found == pytest.approx(tuple(differences))
    assert reverse["difference_mean"] == pytest.approx(-row["difference_mean"])


def test_contrasts_come_in_the_order_of_the_arms():
    results = [result(name, 0, 0.5) for name in "abc"]
    arms = [arm("c", baselines={"2": "a", "1": "b"}), arm("a"), arm("b", baselines={"0": "a"})]
    assert [row["contrast"] for row in contrast_rows(results, arms)] == ["2", "1", "0"]


def test_a_pair_needs_both_runs_done():
    results = [result("a", 0, 0.5), result("a", 1, 0.9), result("a", 2, 0.9)]
    results += [result("b", 0, 0.4), result("b", 1, None), result("b", 3, 0.1)]
    [row] = contrast_rows(results, [arm("a", baselines={"gain": "b"}), arm("b")])
    assert row["pairs"] == 1
    assert row["difference_mean"] == pytest.approx(0.1)
    assert (row["difference_ci_low"], row["difference_ci_high"]) == (None, None)


def test_contrasts_without_pairs_are_left_out():
    results = [result("a", 0, 0.5), result("b", 1, 0.5), result("c", 0, None)]
    assert contrast_rows(results, [arm("a", baselines={"seeds": "b", "diverged": "c", "not run": "d"})]) == []


def test_a_papers_error_stands_alongside_ours_in_percent():
    """5 of 100 images wrong: Wilson's interval by its formula; ours, Student's t of 4 and 6 percent."""
    results = [result("net", 0, 0.96), result("net", 1, 0.94), result("net", 2, None)]
    results += [result("other", 0, 0.9, train_accuracy=0.99), result("plain", 0, 0.5)]
    paper = {"error_percent": 5.0, "images": 100, "errors": None}
    arms = [arm("net", label="a net", paper=paper), arm("other", label="other"), arm("plain"), arm("gone")]
    [row, other] = paper_rows(results, arms, {"net": ["3 epochs", "SGD"], "other": ["4 epochs"]})
    z, p, n = 1.959964, 0.05, 100
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert row["paper_error_percent"] == pytest.approx(5.0)
    found = row["paper_error_percent_ci_low"], row["paper_error_percent_ci_high"]
    assert found == pytest.approx((100 * (middle - half), 100 * (middle + half)), rel=1e-4)
    assert row["error_percent"] == pytest.approx(5.0)
    assert row["error_percent_ci_high"] == pytest.approx(5 + 12.706, rel=1e-3)
    assert (row["runs"], row["diverged"], row["what"], row["protocol"]) == (3, 1, "a net", "3 epochs, SGD")
    assert (other["paper_error_percent"], other["error_percent_ci_low"]) == (None, None)
    assert other["train_error_percent"] == pytest.approx(1.0)
    assert list(row)[-1] == "protocol"


def test_a_papers_other_figures_have_columns_if_an_arm_has_them():
    paper = {"error_percent": 5.0, "images": 100, "errors": None, "train_loss": 0.25, "test_loss": None}
    earlier = {"error_percent": 8.0, "images": 100, "errors": None}  # recorded before papers had them
    arms = [arm("net", paper=paper), arm("other", paper=earlier), arm("third", label="without a paper")]
    results = [result(its["name"], 0, 0.9) for its in arms]
    rows = paper_rows(results, arms, dict.fromkeys(("net", "other", "third"), ""))
    assert [row["paper_train_loss"] for row in rows] == [0.25, None, None]
    assert not any("paper_test_loss" in row or "paper_train_error_percent" in row for row in rows)


def test_errors_that_a_paper_counts_give_its_interval_and_its_rounding_the_error():
    counted = {"error_percent": 5.0, "images": 2007, "errors": 102}
    rounded = {"error_percent": 8.1, "images": 2007, "errors": None}  # 162.6 images
    arms = [arm("a", paper=counted), arm("b", paper=rounded), arm("c", label="without a paper")]
    row, *others = paper_rows([result(name, 0, 0.5) for name in "abc"], arms, dict.fromkeys("abc", ""))
    assert (row["paper_errors"], *(other["paper_errors"] for other in others)) == (102, 163, None)
    assert [row["paper_images"], others[-1]["paper_images"]] == [2007, None]
    assert row["paper_error_percent"] == 5.0
    assert row["paper_error_percent_ci_low"] == pytest.approx(4.204, abs=1e-3)
    assert row["paper_error_percent_ci_high"] == pytest.approx(6.131, abs=1e-3)


def test_other_readings_of_an_accuracy_have_columns_and_differences():
    def both(arm, seed, chosen, best, last):
        readings = {"test_selected_accuracy": best, "last_accuracy": last, "last_train_accuracy": 1.0}
        return result(arm, seed, chosen, **readings)

    results = [both("a", 0, 0.8, 0.9, 0.7), both("a", 1, 0.8, 0.9, 0.7)]
    results += [both("b", 0, 0.5, 0.6, 0.3), both("b", 1, 0.5, 0.6, 0.3)]
    arms = [arm("a", label="a", baselines={"x": "b"}, reading="test_selected_"), arm("b", label="b")]
    [row, other] = paper_rows(results, arms, dict.fromkeys("ab", ""))
    assert (row["compared"], other["compared"]) == ("test_selected_error", "error")
    assert (row["error_percent"], row["test_selected_error_percent"]) == pytest.approx((20, 10))
    assert (row["last_error_percent"], row["last_train_error_percent"]) == pytest.approx((30, 0))
    [contrast] = contrast_rows(results, arms)
    assert contrast["difference_mean"] == pytest.approx(0.3)
    assert contrast["test_selected_difference_mean"] == pytest.approx(0.3)
    assert contrast["last_difference_mean"] == pytest.approx(0.4)
