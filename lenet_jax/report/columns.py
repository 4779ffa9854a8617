"""The columns of each table that people read: which of a row's numbers, in which words and form.

The same cells go to Markdown, LaTeX and a terminal. CSV files hold the rows themselves.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from lenet_jax.analysis.effects import RATIO, SAVED, SHARE
from lenet_jax.analysis.stats import Interval
from lenet_jax.analysis.summaries import READINGS, Row, error_percent, interval_of
from lenet_jax.report.names import dataset_words
from lenet_jax.report.numbers import with_interval

MOST = 6  # columns that fit a page
NONE = "-"
READING_WORDS = {"test_selected_": "best epoch on the test images", "last_": "last epoch"}

Cell = str | int
Form = Callable[[Row, str], Cell]  # a row and a column's name -> the cell


class Column(NamedTuple):
    """A column of a table for people.

    Attributes:
      name: of its column in CSV; of an interval, without _mean and the other ends.
      heading: in words.
      form: how the cell is written.
      in_all: how a caption says a cell that is the same in all rows, "{} parameters"; "" for a column that
        stays.
      in_terminal: whether a terminal of 80 characters has room for it.
    """

    name: str
    heading: str
    form: Form
    in_all: str = ""
    in_terminal: bool = True


class Layout(NamedTuple):
    """A table for people.

    Attributes:
      rows: heading -> cell, the same headings in each.
      in_all: what is the same in all rows, in words.
    """

    rows: list[dict[str, Cell]]
    in_all: list[str]


def lay_out(rows: Sequence[Row], columns: Sequence[Column]) -> Layout:
    """The rows as people read them, without columns that are empty or say the same in all rows.

    At most the first MOST of the others are shown.
    """
    shown, in_all = [], []
    for column in columns:
        cells = [column.form(row, column.name) for row in rows]
        if all(cell == NONE for cell in cells):
            continue
        if column.in_all and len(rows) > 1 and len(set(cells)) == 1:
            in_all.append(_once(column.in_all, cells[0]))
        else:
            shown.append((column.heading, cells))
    headings = [heading for heading, _ in shown[:MOST]]
    cells_by_row = zip(*(cells for _, cells in shown[:MOST]), strict=True)
    return Layout([dict(zip(headings, cells, strict=True)) for cells in cells_by_row], in_all)


def arm_columns(words: Mapping[str, str], is_tuning: bool, is_compared: bool) -> list[Column]:
    """Of the table of arms.

    Args:
      words: arm -> what it is, in words.
      is_tuning: whether validation images select among the arms.
      is_compared: whether rows have a difference to the convolution.
    """
    test_error = Column("test_accuracy", "test error (%)", _test_error)
    parameters = Column("parameters", "parameters", _value, "{} parameters")
    if is_tuning:
        others = [
            parameters,
            Column("val_accuracy_mean", "validation error (%)", _error),
            Column("train_accuracy_mean", "training error (%)", _error),
            test_error,
        ]
    else:
        others = [
            parameters,
            Column("macs", "multiply-accumulates", _value, "{} multiply-accumulates per image", False),
            test_error,
            *([Column("difference_to_convolution", "difference", _more_errors)] if is_compared else []),
        ]
    return [Column("arm", "arm", _in(words)), *others, Column("runs", "runs", _runs, "{} runs")]


def side_by_side_columns(datasets: Iterable[str]) -> list[Column]:
    """Of the table of `lenet_jax.report.side_by_side.page_rows`: a column for each dataset."""
    return [
        Column("words", "arm", _value),
        Column("parameters", "parameters", _value),
        Column("macs", "multiply-accumulates", _value, in_terminal=False),
        *(Column(dataset, f"{dataset_words(dataset)}, error (%)", _error_of) for dataset in datasets),
    ]


def planned_side_by_side_columns(datasets: Iterable[str]) -> list[Column]:
    """Of the table of `lenet_jax.report.side_by_side.planned_rows`: a column for each dataset."""
    return [
        Column("contrast", "contrast", _value),
        *(Column(dataset, dataset_words(dataset), _verdict_of) for dataset in datasets),
    ]


def published_columns(datasets: Iterable[str]) -> list[Column]:
    """Of the table of `lenet_jax.report.published.page_rows`: a column for each dataset."""
    return [
        Column("paper", "paper", _value),
        Column("finding", "finding", _value),
        *(Column(dataset, dataset_words(dataset), _verdict_of) for dataset in datasets),
    ]


def contrast_columns(rows: Sequence[Row], words: Mapping[str, str]) -> list[Column]:
    """Of the table of contrasts; their names are left out if all of them are "ARM against BASELINE"."""
    is_named = any(row["contrast"] != f"{row['arm']} against {row['baseline']}" for row in rows)
    readings = [
        Column(f"{prefix}difference", f"fewer errors per hundred{_of_reading(prefix)}", _saved)
        for prefix in READINGS
        if all(f"{prefix}difference_mean" in row for row in rows)
    ]
    return [
        *([Column("contrast", "contrast", _value)] if is_named else []),
        Column("arm", "arm", _in(words)),
        Column("baseline", "compared with", _in(words)),
        *readings,
        Column("pairs", "seeds", _value, "{} seeds"),
    ]


def paper_columns(rows: Sequence[Row]) -> list[Column]:
    """Of the table of papers."""
    readings = [
        Column(f"{prefix}error_percent", f"test error (%){_of_reading(prefix)}", _percent_interval)
        for prefix in READINGS
        if all(f"{prefix}error_percent" in row for row in rows)
    ]
    return [
        Column("arm", "arm", _value),
        Column("what", "what", _value),
        Column("paper_error_percent", "the paper's (%)", _percent_interval),
        *readings,
        *(
            [Column("rate_median", "rates of the first epoch", _rate_range)]
            if "rate_median" in rows[0]
            else []
        ),
        Column("parameters", "parameters", _value, "{} parameters"),
        Column("runs", "runs", _runs, "{} runs"),
    ]


def score_columns() -> list[Column]:
    """Of the scorecard of papers."""
    return [
        Column("network", "network", _value),
        Column("year", "year", lambda row, name: str(row[name])),
        Column("paper_error_percent", "the paper's error (%)", _percent_interval),
        Column("error_percent", "ours (%)", _percent_interval),
        Column("verdict", "verdict", _value),
        Column("page", "more", _value),
    ]


def plane_columns(factors: Sequence[str]) -> list[Column]:
    """Of the table of a plane of two factors."""
    return [
        *(Column(f"factor: {factor}", factor, _value) for factor in factors),
        Column("parameters", "parameters", _value, "{} parameters"),
        Column("test_accuracy", "test error (%)", _test_error),
        Column("runs", "runs", _runs, "{} runs"),
    ]


def effect_columns(rows: Sequence[Row]) -> list[Column]:
    """Of the table of effects, whose caption has the number of seeds if it is the same in all rows."""
    return [
        Column("group", "networks", lambda row, name: row.get(name) or NONE, "{}"),
        Column("effect", "effect", _value),
        Column(SAVED, "fewer errors per hundred", _interval(".2f")),
        Column(SHARE, "% of the gap", _interval(".0f")),
        Column(RATIO, "error ratio", _interval(".2f"), in_terminal=False),
        *([Column("seeds", "seeds", _value)] if len({row["seeds"] for row in rows}) > 1 else []),
    ]


def planned_columns(words: Mapping[str, str]) -> list[Column]:
    """Of the table of planned contrasts.

    Args:
      words: name of a contrast -> the name that people read.
    """
    return [
        Column("contrast", "contrast", _in(words)),
        Column(SAVED, "fewer errors per hundred", _interval(".2f")),
        Column("p_holm", "p (Holm)", _p_value),
        Column("verdict", "verdict", _value),
        Column("seeds", "seeds", _value, "{} seeds"),
    ]


def size_columns(words: Mapping[str, str]) -> list[Column]:
    """Of the table of training images.

    Args:
      words: network -> what it is, in words.
    """
    return [
        Column("network", "network", _in(words)),
        Column("reference_images", "the convolution's training images", _value),
        Column("reference_error_percent", "its test error (%)", _percent),
        Column("error_percent", "test error with the same images (%)", _percent),
        Column("images_needed", "images needed", _sizes),
        Column("images_needed", "times as many", _times),
    ]


def wiring_columns(words: Mapping[str, str]) -> list[Column]:
    """Of the table of wirings; `words` as in `size_columns`."""
    return [
        Column("network", "network", _in(words)),
        Column("sd_wiring", "sd of wirings", _deviation),
        Column("sd_seed", "of seeds", _deviation),
        Column("sd_residual", "residual", _deviation),
        Column("wiring_ratio", "wiring / residual", _interval(".2f")),
        Column("p", "p", _p_value),
        Column("wirings", "wirings", _value, "{} wirings"),
        Column("seeds", "seeds", _value, "{} seeds"),
    ]


def _value(row: Row, name: str) -> Cell:
    return NONE if row[name] is None else row[name]


def _in(words: Mapping[str, str]) -> Form:
    return lambda row, name: words.get(row[name], row[name])


def _runs(row: Row, name: str) -> str:
    diverged = f" ({row['diverged']} diverged)" if row["diverged"] else ""
    return f"{row[name]}{diverged}"


def _error(row: Row, name: str) -> str:
    """Of an accuracy."""
    return NONE if row[name] is None else f"{100 - 100 * row[name]:z.2f}"


def _test_error(row: Row, _name: str) -> str:
    return with_interval(error_percent(row), ".2f")


def _error_of(row: Row, name: str) -> str:
    """On the dataset of that name, which may lack the arm."""
    datasets = row["datasets"]
    return with_interval(error_percent(datasets[name]), ".2f") if name in datasets else NONE


def _verdict_of(row: Row, name: str) -> str:
    """On the dataset of that name, which may lack the contrast: "0.35 (0.05 to 0.65), above 0"."""
    datasets = row["datasets"]
    if name not in datasets:
        return NONE
    return f"{_interval('.2f')(datasets[name], SAVED)}, {datasets[name]['verdict']}"


def _more_errors(row: Row, name: str) -> str:
    """Of a difference of accuracies: its errors per hundred minus the other's."""
    return with_interval(interval_of(row, name).map(lambda end: -100 * end), ".2f", "+")


def _saved(row: Row, name: str) -> str:
    """Of a difference of accuracies."""
    return with_interval(interval_of(row, name).map(lambda end: 100 * end), ".2f")


def _percent(row: Row, name: str) -> str:
    return NONE if row[name] is None else f"{row[name]:z.2f}"


def _percent_interval(row: Row, name: str) -> str:
    ends = (row.get(f"{name}{end}") for end in ("", "_ci_low", "_ci_high"))
    return with_interval(Interval(*ends), ".2f")


def _interval(form: str) -> Form:
    return lambda row, name: with_interval(interval_of(row, name), form)


def _deviation(row: Row, name: str) -> str:
    return f"{row[name]:.3f}"


def _p_value(row: Row, name: str) -> str:
    p = row[name]
    return NONE if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _rate_range(row: Row, name: str) -> str:
    """Of effective learning rates, of all weights and seeds."""
    if row[name] is None:
        return NONE
    return f"{row['rate_smallest']:.2g} to {row['rate_largest']:.2g}, median {row[name]:.2g}"


def _sizes(row: Row, name: str) -> str:
    return _with_bounds(row, name, lambda images: _rounded(images, 3))


def _times(row: Row, name: str) -> str:
    return _with_bounds(row, name, lambda images: _rounded(images / row["reference_images"], 2))


def _with_bounds(row: Row, name: str, show: Callable[[float], str]) -> str:
    """A number of training images and its interval, or how they lie beyond the sizes that were trained."""

    def shown(value: float) -> str:
        if 0 < value < math.inf:
            return show(value)
        return f"< {show(row['smallest'])}" if value == 0 else f"> {show(row['largest'])}"

    low, high = (row[f"{name}{end}"] for end in ("_ci_low", "_ci_high"))
    needed = shown(row[name])
    return needed if low is None or low == high else f"{needed} ({shown(low)} to {shown(high)})"


def _rounded(value: float, digits: int) -> str:
    """With a number of significant digits, and no exponent."""
    rounded = float(f"{value:.{digits - 1}e}")
    return f"{rounded:,.{max(0, digits - 1 - math.floor(math.log10(rounded)))}f}"


def _of_reading(prefix: str) -> str:
    """The end of a heading."""
    return f", {READING_WORDS[prefix]}" if prefix else ""


def _once(phrase: str, cell: Cell) -> str:
    """A cell in a phrase, "1 run" or "5 runs"."""
    if cell in (1, "1"):
        phrase = phrase.removesuffix("s")
    return phrase.format(f"{cell:,}" if isinstance(cell, int) else cell)
