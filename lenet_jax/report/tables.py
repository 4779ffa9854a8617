"""From rows to text: CSV and LaTeX for other programs, Markdown for pages, columns for a terminal."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import tabulate

from lenet_jax.analysis.effects import RATIO, SAVED, SHARE
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import RATES, Row, interval_of
from lenet_jax.report.markup import latex_text, markdown_text, one_line
from lenet_jax.report.numbers import with_interval

DECIMALS = 6  # of numbers in CSV files; one of 10,000 test images is 0.0001
ERROR_RATIO = "error ratio"
P_VALUES = ("p", "p_holm", "p_equivalent")
ONLY_IN_CSV = ("wired_connections",)  # columns that would crowd a page


def to_csv(rows: Sequence[Row]) -> str:
    """CSV with a header; None is an empty field, fractions are rounded to DECIMALS.

    Line breaks in a field are line feeds.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({column: _field(column, value) for column, value in row.items()})
    return text.getvalue()


def to_markdown(rows: Sequence[Row]) -> str:
    """A table for a page."""
    return _table(rows, "pipe", markdown_text)


def to_latex(rows: Sequence[Row]) -> str:
    """A tabular with the rules of the booktabs package."""
    columns = _columns(rows)
    header, *lines = (
        " & ".join(map(latex_text, cells)) + r" \\"
        for cells in (columns, *([_cell(row.get(column)) for column in columns] for row in rows))
    )
    align = "".join(side[0] for side in _sides(rows, columns))
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{align}}}",
            *(r"\toprule", header, r"\midrule", *lines, r"\bottomrule"),
            r"\end{tabular}",
        ]
    )


def to_text(rows: Sequence[Row]) -> str:
    """Columns for a terminal."""
    return _table(rows, "simple", one_line)


def shortened(rows: Sequence[Row]) -> list[Row]:
    """The rows with the columns that fit a terminal of 80 characters.

    For arms, that includes validation accuracy if no run scored the test images.
    """
    if "effect" in rows[0]:
        return [
            {column: value for column, value in for_page(row).items() if column != ERROR_RATIO}
            for row in rows
        ]
    if any(column in rows[0] for column in ("verdict", "images_needed", "sd_wiring")):
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

    With a paper, and for effects and planned contrasts, a mean and its interval share a cell.
    """
    if "effect" in row:
        return {column: row[column] for column in ("group", "effect", "seeds") if column in row} | {
            SAVED.replace("_", " "): with_interval(interval_of(row, SAVED), ".2f"),
            "% of the gap": with_interval(interval_of(row, SHARE), ".0f"),
            ERROR_RATIO: with_interval(interval_of(row, RATIO), ".2f"),
        }
    if "verdict" in row:
        return _only(row, "contrast", "seeds") | {
            SAVED.replace("_", " "): with_interval(interval_of(row, SAVED), ".2f"),
            "p (Holm)": "-" if row["p_holm"] is None else _p_value(row["p_holm"]),
            "verdict": row["verdict"],
        }
    if "sd_wiring" in row:
        return _only(row, "network", "wirings", "seeds") | {
            "sd of wirings": f"{row['sd_wiring']:.3f}",
            "of seeds": f"{row['sd_seed']:.3f}",
            "residual": f"{row['sd_residual']:.3f}",
            "wiring / residual": with_interval(interval_of(row, "wiring_ratio"), ".2f"),
            "p": "-" if row["p"] is None else _p_value(row["p"]),
        }
    if "images_needed" in row:
        low, high = (_size(row, f"images_needed_ci_{end}") for end in ("low", "high"))
        own = row["error_percent"]
        return {
            "network": row["network"],
            "images of the convolution": row["reference_images"],
            "its error %": f"{row['reference_error_percent']:.2f}",
            "error % with as many": "-" if own is None else f"{own:.2f}",
            "images needed": f"{_size(row, 'images_needed')} ({low} to {high})",
        }
    if "paper_error_percent" not in row:
        return {column: value for column, value in row.items() if column not in ONLY_IN_CSV}
    page_row = {}
    for column, value in row.items():
        if column == "compared" or "_ci_" in column:
            continue
        if column in RATES:
            page_row["rates of the first epoch"] = _rate_range(row)
            continue
        if column.endswith("_percent"):
            low, high = (row.get(f"{column}_ci_{end}") for end in ("low", "high"))
            interval = "" if low is None else f" ({low:.2f} to {high:.2f})"
            value = "-" if value is None else f"{value:.2f}{interval}"
        page_row[column.replace("_percent", " %").replace("_", " ")] = value
    return page_row


def _only(row: Row, *columns: str) -> Row:
    return {column: row[column] for column in columns}


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _size(row: Row, column: str) -> str:
    """A number of training images, with three digits, or how it lies beyond the sizes that were trained."""
    value = row[column]
    if not 0 < value < math.inf:
        return f"< {row['smallest']:,}" if value == 0 else f"> {row['largest']:,}"
    decimals = 2 - math.floor(math.log10(value))
    return f"{round(value, decimals):,.{max(0, decimals)}f}"


def _rate_range(row: Row) -> str:
    smallest, median, largest = (row[column] for column in RATES)
    return "-" if median is None else f"{smallest:.2g} to {largest:.2g}, median {median:.2g}"


def _interval(row: Row, name: str) -> Row:
    low, high = row[f"{name}_ci_low"], row[f"{name}_ci_high"]
    return {f"{CONFIDENCE:.0%} interval": "-" if low is None else f"{_cell(low)} to {_cell(high)}"}


def _table(rows: Sequence[Row], style: str, write: Callable[[str], str]) -> str:
    """A table of tabulate's; `write` is how it takes text."""
    columns = _columns(rows)
    cells = [[write(_cell(row.get(column))) for column in columns] for row in rows]
    sides = _sides(rows, columns)
    return tabulate.tabulate(cells, columns, tablefmt=style, colalign=sides, disable_numparse=True)


def _sides(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """To which side each column is aligned."""
    return ["left" if any(isinstance(row.get(c), str) for row in rows) else "right" for c in columns]


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _field(column: str, value: Any) -> Any:
    """A value for the csv module, which leaves a carriage return unquoted."""
    if column in (*P_VALUES, *RATES) and value is not None:
        return f"{value:.3g}"  # small ones too
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    return round(value, DECIMALS) if isinstance(value, float) else value


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:z.4f}"  # z: numbers that round to zero have no sign
    return f"{value:,}" if isinstance(value, int) else str(value)
