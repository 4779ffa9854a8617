"""The text that rows become: CSV, Markdown, LaTeX and columns for a terminal."""

import csv
import io
import re

import pytest

from lenet_jax.analysis.summaries import arm_rows, contrast_rows, paper_rows
from lenet_jax.report import tables
from tests.helpers.results import arm, result, unscored


def test_csv_is_read_back():
    rows = [{"arm": 'a "b", c', "n": 3, "mean": 0.12345678, "low": None}, {"arm": "d", "n": 4}]
    text = tables.to_csv(rows)
    assert text.splitlines()[0] == "arm,n,mean,low" and text.endswith("\n") and "\r" not in text
    first, second = csv.DictReader(io.StringIO(text))
    assert first == {"arm": 'a "b", c', "n": "3", "mean": "0.123457", "low": ""}
    assert second == {"arm": "d", "n": "4", "mean": "", "low": ""}


def test_an_arm_that_only_diverged_has_empty_cells():
    rows = arm_rows([result("a", seed, None) for seed in range(3)] + [result("b", 0, 0.5)])
    empty = ["train_accuracy_mean", "val_accuracy_mean", "test_accuracy_mean"]
    empty += ["test_accuracy_ci_low", "test_accuracy_ci_high"]
    read = list(csv.DictReader(io.StringIO(tables.to_csv(rows))))
    assert [read[0][column] for column in empty] == [""] * 5
    line = tables.to_markdown(rows).splitlines()[2]
    assert [cell.strip() for cell in line.split("|")[-6:-1]] == ["-"] * 5


def test_tables_for_people():
    rows = [
        {"arm": "local_shared", "parameters": 61706, "mean": 0.98765},
        {"arm": "full", "parameters": 6763934, "mean": None},
        {"arm": "zero", "parameters": 1, "mean": -0.00001},
    ]
    header, _, *lines = tables.to_markdown(rows).splitlines()
    assert header == "| arm          |   parameters |   mean |"
    assert lines == [
        "| local_shared |       61,706 | 0.9877 |",
        "| full         |    6,763,934 |      - |",
        "| zero         |            1 | 0.0000 |",
    ]
    latex = tables.to_latex(rows)
    assert r"local\_shared" in latex and r"\toprule" in latex and "6,763,934" in latex


NASTY = "a | `b` -- <c>\n_d_"


def test_text_in_a_cell_stands_for_itself():
    rows = [{"what": NASTY, "n": 1}]
    _, _, line = tables.to_markdown(rows).splitlines()
    assert line == r"| a \| \`b\` -- &lt;c> \_d\_ |   1 |"
    _, _, line = tables.to_text(rows).splitlines()
    assert line == "a | `b` -- <c> _d_    1"


def test_latex_has_one_row_per_row():
    rows = [{"what": NASTY, "n": 1}, {"what": "[b]", "n": 2000}]
    assert tables.to_latex(rows).splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"what & n \\",
        r"\midrule",
        r"a \textbar{} \textasciigrave{}b\textasciigrave{} -{}- \ensuremath{<}c\ensuremath{>} \_d\_ & 1 \\",
        r"{[}b] & 2,000 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


@pytest.mark.parametrize("text", ["a,b", 'a "b"', "a\nb", "a\rb", "a\r\nb", "=a", " a ", "a;b\tc"])
def test_any_text_in_csv_is_one_field(text):
    rows = list(csv.DictReader(io.StringIO(tables.to_csv([{"what": text, "n": 1}]), newline="")))
    assert rows == [{"what": text.replace("\r\n", "\n").replace("\r", "\n"), "n": "1"}]


def test_a_terminal_of_80_columns_shows_the_tables():
    """With the longest names of configs/ablation.py and numbers as large as they come."""
    results = [result("random_unshared", seed, 0.9 + seed / 100) for seed in range(3)]
    results += [result("a" * 15, seed, 0.8) for seed in range(3)]
    [row, _] = arm_rows(results)
    row |= {"runs": 1000, "diverged": 100, "parameters": 123_456_789}
    arms = [arm("random_unshared", baselines={"sparse random against full, unshared": "a" * 15})]
    for rows in ([row], contrast_rows(results, arms)):
        text = tables.to_text(tables.shortened(rows))
        assert max(map(len, text.splitlines())) <= 80
        assert "0.9100" in text or "0.1100" in text
        assert "95% interval" in text and " to " in text


def test_a_terminal_shows_the_reading_that_a_row_compares():
    paper = {"error_percent": 5.0, "images": 100, "errors": None}
    runs = [result("net", seed, 0.5, test_selected_accuracy=0.9) for seed in range(2)]
    rows = paper_rows(runs, [arm("net", paper=paper, reading="test_selected_")], {"net": ""})
    header, _, line = tables.to_text(tables.shortened(rows)).splitlines()
    assert re.split(r"  +", header.strip()) == ["arm", "runs", "paper error %", "test selected error %"]
    assert "5.00 (2.15 to 11.18)" in line and "10.00 (10.00 to 10.00)" in line and len(line) <= 80


def test_a_terminal_shows_validation_where_no_test_image_is_scored():
    rows = arm_rows([unscored("a", 0, 0.75), unscored("b", 0, None)])
    header, _, *lines = tables.to_text(tables.shortened(rows)).splitlines()
    assert header.split()[-1] == "val_accuracy"
    assert [line.split()[-1] for line in lines] == ["0.7500", "-"]


def test_a_page_shows_a_mean_and_its_interval_in_one_cell():
    paper = {"error_percent": 5.0, "images": 100, "errors": None}
    results = [result("net", 0, 0.96), result("net", 1, 0.94), result("other", 0, 0.9)]
    arms = [arm("net", label="a net", paper=paper), arm("other", label="other")]
    [row, other] = paper_rows(results, arms, {"net": "", "other": ""})
    assert tables.for_page(row)["paper error %"] == "5.00 (2.15 to 11.18)"
    assert tables.for_page(row)["error %"].startswith("5.00 (0.00 to ")
    assert tables.for_page(other)["paper error %"] == "-"
    assert tables.for_page(other)["error %"] == "10.00"
    assert "compared" not in tables.for_page(row)


def test_a_page_leaves_out_what_would_crowd_it():
    [row] = arm_rows([result("a", 0, 0.5)])
    assert "wired_connections" in row
    assert list(tables.for_page(row)) == [column for column in row if column != "wired_connections"]


def test_the_range_of_effective_rates_covers_all_seeds_and_has_one_cell():
    def by_newton(seed, smallest, median, largest):
        rates = {"rate_smallest": smallest, "rate_median": median, "rate_largest": largest}
        return result("newton", seed, 0.9, **rates)

    results = [by_newton(0, 7.1e-5, 0.01, 0.016), by_newton(1, 7.4e-5, 0.02, 0.025)]
    results += [by_newton(2, None, None, None), result("plain", 0, 0.8)]
    arms = [arm("newton", label="a"), arm("plain", label="b")]
    rows = paper_rows(results, arms, {"newton": "", "plain": ""})
    cells = [tables.for_page(row)["rates of the first epoch"] for row in rows]
    assert cells == ["7.1e-05 to 0.025, median 0.015", "-"]
    assert not any("rate_" in column for column in tables.for_page(rows[0]))
    assert "7.1e-05" in tables.to_csv(rows)
    [without] = paper_rows(results[-1:], arms[1:], {"plain": ""})
    assert "rates of the first epoch" not in tables.for_page(without)
