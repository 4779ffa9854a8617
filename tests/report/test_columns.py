"""What people read of each table."""

import math

import pytest

from lenet_jax.analysis.summaries import arm_rows, contrast_rows, paper_rows
from lenet_jax.report import columns, tables
from lenet_jax.report.columns import Column, lay_out
from tests.helpers.results import arm, result, unscored

WORDS = {"conv": "local, shared (LeNet-5)", "mlp": "MLP 300"}


def cell(row, name):
    return row[name]


def test_what_all_rows_say_stands_once():
    shown = (Column("a", "A", cell), Column("b", "B", cell, "{} of b"), Column("c", "C", cell, "{} of c"))
    rows = [{"a": "x", "b": 1_000, "c": 1}, {"a": "x", "b": 1_000, "c": 2}]
    assert lay_out(rows, shown) == ([{"A": "x", "C": 1}, {"A": "x", "C": 2}], ["1,000 of b"])
    assert lay_out(rows[:1], shown) == ([{"A": "x", "B": 1_000, "C": 1}], [])  # of one row, all is said


def test_empty_columns_are_left_out_and_no_table_is_wider_than_a_page():
    rows = [dict.fromkeys("abcdefgh", 1) | {"b": "-"}]
    [row] = lay_out(rows, [Column(name, name, cell) for name in "abcdefgh"]).rows
    assert list(row) == ["a", "c", "d", "e", "f", "g"]


def test_arms_have_errors_in_percent_and_differences_in_percentage_points():
    results = [result("conv", seed, accuracy) for seed, accuracy in enumerate((0.99, 0.97))]
    results += [result("mlp", seed, accuracy, macs=7) for seed, accuracy in enumerate((0.95, 0.93))]
    layout = lay_out(arm_rows(results, convolution="conv"), columns.arm_columns(WORDS, False, True))
    assert layout.in_all == ["61,706 parameters", "2 runs"]
    first, second = layout.rows
    assert list(first) == ["arm", "multiply-accumulates", "test error (%)", "difference"]
    assert first["arm"] == "local, shared (LeNet-5)" and second["arm"] == "MLP 300"
    assert first["test error (%)"] == "2.00 (0.00 to 14.71)"  # of 1 and 3, clipped
    assert (first["difference"], second["difference"]) == ("-", "+4.00 (4.00 to 4.00)")


def test_diverged_runs_are_counted():
    results = [
        result("conv", 0, 0.5),
        result("conv", 1, None),
        result("mlp", 0, None),
        result("mlp", 1, None),
    ]
    first, second = lay_out(arm_rows(results), columns.arm_columns(WORDS, False, False)).rows
    assert (first["runs"], second["runs"]) == ("2 (1 diverged)", "2 (2 diverged)")
    assert (first["test error (%)"], second["test error (%)"]) == ("50.00", "-")


def test_candidates_are_shown_with_their_validation_error():
    rows = arm_rows([unscored("a", 0, 0.75), unscored("b", 0, 0.5)])
    shown, in_all = lay_out(rows, columns.arm_columns({}, True, False))
    assert [row["validation error (%)"] for row in shown] == ["25.00", "50.00"]
    assert list(shown[0]) == ["arm", "validation error (%)", "training error (%)"]
    assert in_all == ["61,706 parameters", "1 run"]


@pytest.mark.parametrize(("name", "is_shown"), [("size", True), ("conv against mlp", False)])
def test_contrasts_count_errors_and_are_named_where_the_name_says_more(name, is_shown):
    results = [result("conv", 0, 0.75), result("mlp", 0, 0.5)]
    rows = contrast_rows(results, [arm("conv", baselines={name: "mlp"})])
    [row] = lay_out(rows, columns.contrast_columns(rows, WORDS)).rows
    assert ("contrast" in row) == is_shown and row["compared with"] == "MLP 300"
    assert row["fewer errors per hundred"] == "25.00"


def test_papers_stand_alongside_ours_in_every_reading():
    paper = {"error_percent": 5.0, "images": 100, "errors": None}
    runs = [result("net", seed, 0.5, test_selected_accuracy=0.9, last_accuracy=0.4) for seed in range(2)]
    rows = paper_rows(runs, [arm("net", label="a net", paper=paper)], {"net": ""})
    [row] = lay_out(rows, columns.paper_columns(rows)).rows
    assert row == {
        "arm": "net",
        "what": "a net",
        "the paper's (%)": "5.00 (2.15 to 11.18)",
        "test error (%)": "50.00 (50.00 to 50.00)",
        "test error (%), best epoch on the test images": "10.00 (10.00 to 10.00)",
        "test error (%), last epoch": "60.00 (60.00 to 60.00)",
    }


def test_a_terminal_of_80_columns_shows_the_tables():
    """With the longest names of configs/ablation.py and numbers as large as they come."""
    results = [result("conv", seed, 0.9 + seed / 100) for seed in range(3)]
    results += [result("mlp", seed, 0.8, parameters=123_456_789, macs=10**12) for seed in range(3)]
    arms = [arm("conv", baselines={"sparse random against full, unshared": "mlp"})]
    words = {"conv": "random, unshared, average pooling", "mlp": "MLP matched to 61,706 parameters"}
    of_arms = arm_rows(results, convolution="conv"), columns.arm_columns(words, False, True)
    contrasts = contrast_rows(results, arms)
    for rows, its_columns in (of_arms, (contrasts, columns.contrast_columns(contrasts, words))):
        shown = [column for column in its_columns if column.in_terminal]
        text = tables.to_text(lay_out(rows, shown).rows, 80)
        assert max(map(len, text.splitlines())) <= 80
        assert " to " in text


def test_p_values_that_are_tiny_are_bounded():
    rows = [{"contrast": "a", "p_holm": p, "verdict": "above 0", "seeds": 3} for p in (0.0004, 0.0321, None)]
    interval = dict.fromkeys(("_mean", "_ci_low", "_ci_high"), 1.0)
    rows = [
        row | {f"fewer_errors_per_hundred{end}": value for end, value in interval.items()} for row in rows
    ]
    shown = lay_out(rows, columns.planned_columns({"a": "A, in words"}))
    assert shown.rows[0]["contrast"] == "A, in words"
    assert [row["p (Holm)"] for row in shown.rows] == ["< 0.001", "0.032", "-"]
    assert shown.in_all == ["3 seeds"]


def test_images_needed_have_three_digits_or_a_bound():
    row = {
        "network": "net", "reference_images": 100, "reference_error_percent": 5.0, "error_percent": None,
        "smallest": 100, "largest": 1_000, "images_needed": 456.78, "images_needed_ci_low": 0.0,
        "images_needed_ci_high": float("inf"),
    }  # fmt: skip
    beyond = row | {"images_needed": math.inf, "images_needed_ci_low": math.inf}
    near = row | {"images_needed": 99.96, "images_needed_ci_low": 99.6, "images_needed_ci_high": 995.9}
    shown, past, close, alone = lay_out(
        [row, beyond, near, row | {"images_needed_ci_low": None, "images_needed_ci_high": None}],
        columns.size_columns({"net": "local, unshared"}),
    ).rows
    assert (
        shown["images needed"] == "457 (< 100 to > 1,000)" and shown["times as many"] == "4.6 (< 1.0 to > 10)"
    )
    assert past["images needed"] == "> 1,000" and past["times as many"] == "> 10"
    assert close["images needed"] == "100 (99.6 to 996)" and close["times as many"] == "1.0 (1.0 to 10)"
    assert alone["images needed"] == "457" and alone["times as many"] == "4.6"


def test_the_range_of_effective_rates_covers_all_seeds_and_has_one_cell():
    def by_newton(seed, smallest, median, largest):
        rates = {"rate_smallest": smallest, "rate_median": median, "rate_largest": largest}
        return result("newton", seed, 0.9, **rates)

    results = [by_newton(0, 7.1e-5, 0.01, 0.016), by_newton(1, 7.4e-5, 0.02, 0.025)]
    results += [by_newton(2, None, None, None), result("plain", 0, 0.8)]
    arms = [arm("newton", label="a"), arm("plain", label="b")]
    rows = paper_rows(results, arms, {"newton": "", "plain": ""})
    cells = [row["rates of the first epoch"] for row in lay_out(rows, columns.paper_columns(rows)).rows]
    assert cells == ["7.1e-05 to 0.025, median 0.015", "-"]
    assert "7.1e-05" in tables.to_csv(rows)
    without = paper_rows(results[-1:], arms[1:], {"plain": ""})
    assert "rates of the first epoch" not in lay_out(without, columns.paper_columns(without)).rows[0]
