"""From rows to text: CSV and LaTeX for other programs, Markdown for pages, columns for a terminal."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import tabulate

from lenet_jax.analysis.effects import SAVED
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row

DECIMALS = 6  # of numbers in CSV files; one of 10,000 test images is 0.0001
ONLY_IN_CSV = ("wired_connections",)  # columns that would crowd a page
LATEX_ESCAPES = str.maketrans(tabulate.LATEX_ESCAPE_RULES)  # as tabulate escapes the cells of LaTeX tables


def to_csv(rows: Sequence[Row]) -> str:
    """CSV with a header; None is an empty field, fractions are rounded to DECIMALS."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: round(v, DECIMALS) if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue()


def to_markdown(rows: Sequence[Row]) -> str:
    """A table for a page; a `|` in a cell does not end it."""
    escaped = [
        {
            column: value.replace("|", r"\|") if isinstance(value, str) else value
            for column, value in row.items()
        }
        for row in rows
    ]
    return _table(escaped, "pipe")


def to_latex(rows: Sequence[Row]) -> str:
    """A tabular with the rules of the booktabs package."""
    return _table(rows, "latex_booktabs")


def to_text(rows: Sequence[Row]) -> str:
    """Columns for a terminal."""
    return _table(rows, "simple")


def latex_text(markdown: str) -> str:
    """A sentence of Markdown for LaTeX: each character stands for itself, and code is in typewriter font."""
    escaped = markdown.translate(LATEX_ESCAPES).replace("--", "-{}-")  # two hyphens, not one dash
    return re.sub(r"`([^`]*)`", r"\\texttt{\1}", escaped)


def shortened(rows: Sequence[Row]) -> list[Row]:
    """The rows with the columns that fit a terminal of 80 characters.

    For arms, that includes validation accuracy if no run scored the test images.
    """
    if "effect" in rows[0]:
        return [for_page(row) for row in rows]
    if "contrast" in rows[0]:
        return [
            _only(row, "contrast", "pairs")
            | {"difference": row["difference_mean"]}
            | _interval(row, "difference")
            for row in rows
        ]
    if "paper_error_percent" in rows[0]:
        return [
            _only(for_page(row), "arm", "runs", "paper error %", f"{row['compared'].replace('_', ' ')} %")
            for row in rows
        ]
    names = ("arm", "runs", "diverged", "parameters")
    if all(row["test_accuracy_mean"] is None for row in rows):
        return [_only(row, *names) | {"val_accuracy": row["val_accuracy_mean"]} for row in rows]
    return [
        _only(row, *names) | {"accuracy": row["test_accuracy_mean"]} | _interval(row, "test_accuracy")
        for row in rows
    ]


def for_page(row: Row) -> Row:
    """A row of a table with the columns and cells of a page.

    With a paper, and for effects, a mean and its interval share a cell.
    """
    if "effect" in row:
        low, high = row[f"{SAVED}_ci_low"], row[f"{SAVED}_ci_high"]
        interval = "" if low is None else f" ({low:z.2f} to {high:z.2f})"
        return _only(row, "effect", "seeds") | {
            "errors saved per hundred": f"{row[f'{SAVED}_mean']:z.2f}{interval}"
        }
    if "paper_error_percent" not in row:
        return {column: value for column, value in row.items() if column not in ONLY_IN_CSV}
    page_row = {}
    for column, value in row.items():
        if column == "compared" or "_ci_" in column:
            continue
        if column.endswith("_percent"):
            low, high = (row.get(f"{column}_ci_{end}") for end in ("low", "high"))
            interval = "" if low is None else f" ({low:.2f} to {high:.2f})"
            value = "-" if value is None else f"{value:.2f}{interval}"
        page_row[column.replace("_percent", " %").replace("_", " ")] = value
    return page_row


def _only(row: Row, *columns: str) -> Row:
    return {column: row[column] for column in columns}


def _interval(row: Row, name: str) -> Row:
    low, high = row[f"{name}_ci_low"], row[f"{name}_ci_high"]
    return {f"{CONFIDENCE:.0%} interval": "-" if low is None else f"{_cell(low)} to {_cell(high)}"}


def _table(rows: Sequence[Row], style: str) -> str:
    columns = _columns(rows)
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    align = ["left" if any(isinstance(row.get(c), str) for row in rows) else "right" for c in columns]
    return tabulate.tabulate(cells, columns, tablefmt=style, colalign=align, disable_numparse=True)


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:z.4f}"  # z: numbers that round to zero have no sign
    return f"{value:,}" if isinstance(value, int) else str(value)
