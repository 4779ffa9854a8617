"""From rows to text: CSV and LaTeX for programs, Markdown and HTML for pages, columns for a terminal."""

import csv
import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import tabulate

from lenet_jax.analysis.summaries import RATES, Row
from lenet_jax.report.markup import html_text, latex_text, markdown_text, one_line

DECIMALS = 6  # of numbers in CSV files; one of 10,000 test images is 0.0001
P_VALUES = ("p", "p_holm", "p_equivalent")
NO_BREAK = "\N{NO-BREAK SPACE}"
SIGN = "(?:[<>]|&[lg]t;) "  # of a bound, also as Markdown has it
BRACKETS = rf"\((?:{SIGN})?\S+ to (?:{SIGN})?\S+\)"
VERDICT = r"\b(?:above|below) 0"
UNBROKEN = re.compile(rf"(?:\S+% )?{BRACKETS}|{VERDICT}|{SIGN}(?=[\d.])")
NUMBER = re.compile(rf"(?:{SIGN})?\S+ {BRACKETS}|{VERDICT}|{SIGN}(?=[\d.])")  # with its interval
BREAK = re.compile(r"(?<=[^\W\d_]-)(?=[^\W\d_])| ")  # where lines may break
GAP, PADDING = 2, 2 * NO_BREAK  # between tabulate's columns, and of each line of a heading, in a terminal
TERMINAL = 80  # characters of a line
# Of the text of `article` and between columns, in characters of \footnotesize.
LATEX_WIDTH, LATEX_GAP = 80, 3


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


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table for a page, in which intervals are `unbroken`."""
    grid = [[unbroken(markdown_text(cell)) for cell in cells] for cells in _grid(rows)]
    return _table(grid, _sides(rows), "pipe")


def to_latex(rows: Sequence[Mapping[str, Any]]) -> str:
    """A tabular with the rules of the booktabs package that fits the text of LaTeX's `article`.

    Columns are as wide as their cells or, if these do not fit, shares of the text's width, in which lines
    break; that takes the array package.
    """
    grid, align = _grid(rows), "".join(side[0] for side in _sides(rows))
    gaps = LATEX_GAP * len(align)
    if sum(_lengths(grid)) + gaps > LATEX_WIDTH:
        grid, widths = _fit(grid, LATEX_WIDTH - gaps)
        shares = (999 * (width + LATEX_GAP) // (sum(widths) + gaps) / 1000 for width in widths)
        align = "".join(
            rf">{{\raggedright\arraybackslash}}p{{\dimexpr {share:.3f}\textwidth-2\tabcolsep}}"
            for share in shares
        )
    header, *lines = (
        " & ".join("~".join(map(latex_text, cell.split(NO_BREAK))) for cell in cells) + r" \\"
        for cells in grid
    )
    return "\n".join(
        [
            r"{\footnotesize",
            rf"\begin{{tabular}}{{{align}}}",
            *(r"\toprule", header, r"\midrule", *lines, r"\bottomrule"),
            r"\end{tabular}}",
        ]
    )


def to_html(rows: Sequence[Mapping[str, Any]], heading: str) -> str:
    """A table for a web page, in which each row is named by its first cell.

    Args:
      heading: the id of the heading that names the table.
    """
    sides = _sides(rows)
    header, *lines = (
        [
            f'<{tag} class="{side}">{NUMBER.sub(_no_break, html_text(text))}</{tag.split()[0]}>'
            for tag, text, side in zip(_tags(number, len(sides)), texts, sides, strict=True)
        ]
        for number, texts in enumerate(_grid(rows))
    )
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in lines)
    return (
        f'<table aria-labelledby="{heading}">\n<thead><tr>{"".join(header)}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _tags(row: int, cells: int) -> list[str]:
    """The tags of a row's cells; row 0 has the headings."""
    return ['th scope="col"'] * cells if row == 0 else ['th scope="row"', *["td"] * (cells - 1)]


def unbroken(text: str) -> str:
    """The text, in which no line breaks inside "above 0", "> 5" or an interval, nor between it and "42%"."""
    return UNBROKEN.sub(_no_break, text)


def _no_break(found: re.Match[str]) -> str:
    return found.group().replace(" ", NO_BREAK)


def to_text(rows: Sequence[Mapping[str, Any]], width: int = 0) -> str:
    """Columns for a terminal.

    Args:
      width: of the terminal in characters, into which cells break their lines; 0 for lines of any length.
    """
    grid = _grid(rows)
    if width:
        headings = [" ".join(PADDING + word for word in BREAK.split(heading)) for heading in grid[0]]
        (_, *cells), widths = _fit([headings, *grid[1:]], width - GAP * (len(headings) - 1))
        narrower = [width - len(PADDING) for width in widths]
        grid = [list(map(_wrap, grid[0], narrower)), *(list(map(_wrap, texts, widths)) for texts in cells)]
    return _table(grid, _sides(rows), "simple")


Grid = list[list[str]]  # the headings, then the cells of each row


def _grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    columns = _columns(rows)
    cells = [[one_line(_cell(row.get(column))) for column in columns] for row in rows]
    return [list(map(one_line, columns)), *cells]


def _fit(grid: Grid, width: int) -> tuple[Grid, list[int]]:
    """Widths of columns, in characters, that add up to at most `width` if their longest words allow it.

    If there is room, the grid that is returned has NO_BREAK for the spaces within intervals.
    """
    joined = [list(map(unbroken, cells)) for cells in grid]
    widths = _longest_words(joined)
    if sum(widths) > width:
        joined, widths = grid, _longest_words(grid)
    lengths = _lengths(grid)
    for _ in range(width - sum(widths)):
        # The next character goes to the column that has the most lines.
        lines = [length / given for length, given in zip(lengths, widths, strict=True)]
        if max(lines) <= 1:
            break
        widths[lines.index(max(lines))] += 1
    return joined, widths


def _longest_words(grid: Grid) -> list[int]:
    """The length of each column's longest word."""
    return [
        max(len(word) for text in texts for word in BREAK.split(text)) for texts in zip(*grid, strict=True)
    ]


def _lengths(grid: Grid) -> list[int]:
    """The length of each column's longest text."""
    return [max(map(len, texts)) for texts in zip(*grid, strict=True)]


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(text, width).replace(NO_BREAK, " ")


def _table(grid: Grid, sides: Sequence[str], style: str) -> str:
    """A table of tabulate's."""
    header, *cells = grid
    return tabulate.tabulate(cells, header, tablefmt=style, colalign=sides, disable_numparse=True)


def _sides(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """To which side each column is aligned."""
    return ["left" if any(isinstance(row.get(c), str) for row in rows) else "right" for c in _columns(rows)]


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
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
