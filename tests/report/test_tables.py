"""The text that rows become: CSV, Markdown, LaTeX and columns for a terminal."""

import csv
import io
import re
import shutil
import subprocess

import pytest

from lenet_jax.analysis.summaries import arm_rows
from lenet_jax.report import tables
from lenet_jax.report.pages import write_report
from tests.helpers.commands import PROJECT
from tests.helpers.results import result


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


def test_html_names_rows_and_columns_and_keeps_numbers_together():
    rows = [
        {"arm": "<b> & c", "errors": "1.20 (1.00 to 1.40)", "n": 1234},
        {"arm": "d", "errors": "0.5, above 0", "n": 5},
    ]
    written = tables.to_html(rows, "table-x")
    assert '<td class="left">0.5, above\xa00</td>' in written
    assert written.startswith('<table aria-labelledby="table-x">')
    assert '<th scope="col" class="left">arm</th>' in written
    assert '<th scope="row" class="left">&lt;b&gt; &amp; c</th>' in written
    assert '<td class="left">1.20\xa0(1.00\xa0to\xa01.40)</td><td class="right">1,234</td></tr>' in written
    assert written.count("<tr>") == 3 and written.count("<td") == 4


def test_text_in_a_cell_stands_for_itself():
    rows = [{"what": NASTY, "n": 1}]
    _, _, line = tables.to_markdown(rows).splitlines()
    assert line == r"| a \| \`b\` -- &lt;c> \_d\_ |   1 |"
    _, _, line = tables.to_text(rows).splitlines()
    assert line == "a | `b` -- <c> _d_    1"


def test_latex_has_one_row_per_row():
    rows = [{"what": NASTY, "n": 1}, {"what": "[b]", "n": 2000}]
    assert tables.to_latex(rows).splitlines() == [
        r"{\footnotesize",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"what & n \\",
        r"\midrule",
        r"a \textbar{} \textasciigrave{}b\textasciigrave{} -{}- \ensuremath{<}c\ensuremath{>} \_d\_ & 1 \\",
        r"{[}b] & 2,000 \\",
        r"\bottomrule",
        r"\end{tabular}}",
    ]


@pytest.mark.parametrize("text", ["a,b", 'a "b"', "a\nb", "a\rb", "a\r\nb", "=a", " a ", "a;b\tc"])
def test_any_text_in_csv_is_one_field(text):
    rows = list(csv.DictReader(io.StringIO(tables.to_csv([{"what": text, "n": 1}]), newline="")))
    assert rows == [{"what": text.replace("\r\n", "\n").replace("\r", "\n"), "n": "1"}]


def test_the_lines_of_a_terminal_break_between_words():
    rows = [
        {"what": "one two three four five six", "mean": "10.00 (10.00 to 20.00)", "n": 1_000},
        {"what": "short", "mean": "-", "n": 2},
    ]
    assert tables.to_text(rows, 80).splitlines()[2].split("  ")[0] == "one two three four five six"
    assert tables.to_text(rows, 40).splitlines() == [
        "what           mean                  n",
        "-------------  ----------------  -----",
        "one two three  10.00             1,000",
        "four five six  (10.00 to 20.00)",
        "short          -                     2",
    ]


def test_headings_break_between_words():
    text = tables.to_text([{"test error (%)": "6.25", "multiply-accumulates": 7}] * 2, 24)
    assert [line.split() for line in text.splitlines()][:3] == [
        ["test", "multiply-"], ["error", "accumulates"], ["(%)"],
    ]  # fmt: skip


def test_a_wide_table_of_latex_shares_the_width_of_the_text():
    rows = [{"what": "ten words " * 10, "mean": "10.00 (10.00 to 20.00)", "n": 1_000}]
    lines = tables.to_latex(rows).splitlines()
    assert lines[0] == r"{\footnotesize" and lines[-1] == r"\end{tabular}}"
    shares = re.findall(r"p\{\\dimexpr (0\.\d+)\\textwidth-2\\tabcolsep\}", lines[1])
    assert len(shares) == 3 and sum(map(float, shares)) <= 1.002
    assert r"10.00 (10.00~to~20.00) & 1,000 \\" in lines[5]


DOCUMENT = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage{array,booktabs}
\begin{document}
\begin{table}\centering\caption{A table}\input{TABLE}\end{table}
\begin{quote}\input{TABLE_notes}\end{quote}
\end{document}
"""


@pytest.mark.parametrize("table", ["table", "contrasts", "effects", "papers"])
def test_latex_compiles_and_fits_the_text_of_an_article(table, tmp_path, one_format):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed (texlive-latex-recommended)")
    sweep = PROJECT / "results" / ("history/zipcode" if table == "papers" else "mnist")
    shutil.copytree(sweep, tmp_path / "sweep")
    write_report(tmp_path / "sweep")
    folder = tmp_path / "sweep"
    (folder / "document.tex").write_text(DOCUMENT.replace("TABLE", table))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-2000:]
    of_table = (folder / "document.log").read_text(errors="replace").split(f"(./{table}_notes.tex")[0]
    assert f"(./{table}.tex" in of_table and "Overfull" not in of_table


@pytest.mark.parametrize(
    ("text", "broken_by"),
    [
        ("48,300 (28,700 to > 60,000)", ["48,300", "(28,700~to~>~60,000)"]),
        ("&lt; 1.0 (&lt; 1.0 to 1.1)", ["&lt;~1.0", "(&lt;~1.0~to~1.1)"]),
        ("> 60,000", [">~60,000"]),
        ("0.87 (0.74 to 1.00), 58% (54 to 62)", ["0.87", "(0.74~to~1.00),", "58%~(54~to~62)"]),
        ("-0.45 (-0.65 to -0.26), below 0", ["-0.45", "(-0.65~to~-0.26),", "below~0"]),
        ("a > b", ["a", ">", "b"]),
    ],
)
def test_lines_break_between_a_number_and_its_interval_and_nowhere_else(text, broken_by):
    assert tables.unbroken(text).split(" ") == [part.replace("~", tables.NO_BREAK) for part in broken_by]
