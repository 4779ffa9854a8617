"""From a folder's records to the tables and figures that are written next to them."""

import functools
import pathlib
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from absl import logging

from lenet_jax import files
from lenet_jax.analysis import effects, planes, planned, sample_sizes, summaries, wirings
from lenet_jax.analysis.planes import Plane
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row
from lenet_jax.errors import UserError
from lenet_jax.report import (
    captions,
    columns,
    decomposition,
    figures,
    findings,
    markup,
    side_by_side,
    tables,
)
from lenet_jax.report.columns import Cell, Column
from lenet_jax.report.drawing import Figure
from lenet_jax.report.heat_maps import heat_maps
from lenet_jax.report.scores import Scores, Sweep, scores_of
from lenet_jax.report.words import arm_words, convolution_among, network_words
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.merge import merge
from lenet_jax.runs.mistakes import FILE as MISTAKES
from lenet_jax.runs.mistakes import write_mistakes
from lenet_jax.runs.recorded import RUNS
from lenet_jax.runs.store import read_sweep

# What test error is drawn against -> the figure's name.
ACCURACY_FIGURES = {"parameters": "accuracy", "macs": "accuracy_macs"}
TERMINAL = 80  # characters of a line


class Table(NamedTuple):
    """A table of a report.

    Attributes:
      rows: as CSV files have them.
      columns: what people read of them.
      caption: what the numbers are, in Markdown.
      notes: how they came about, and what was found; sentences of Markdown.
    """

    rows: Sequence[Row]
    columns: Sequence[Column]
    caption: str
    notes: Sequence[str] = ()


def write_report(directory: pathlib.Path) -> str:
    """Rewrites all tables and figures from the records; returns the tables for a terminal.

    For a folder still being filled, the report shows what is recorded so far; files of killed commands
    are merged. The same records give the same files, byte for byte. What cannot be written, as in a read-only
    folder, is left out with one warning. Raises UserError if no run is recorded or a record is damaged, and
    then writes nothing.

    Files: results.csv; and of each of these tables that has rows, .csv, .md, .tex and, with caption and notes
    for LaTeX, _notes.tex: table (arms), contrasts (if arms have baselines), papers (if arms have labels or
    papers), effects (if four corners were run), planned (if contrasts were planned), images (if arms differ
    in the number of training images), wirings (if three or more differ in the seed of their wiring) and plane
    (if arms have levels of two factors; of the first two). Figures as .png, .pdf and .svg: images; plane;
    papers if there is such a table, otherwise accuracy, with the test errors of arms, and accuracy_macs,
    against multiply-accumulates, see `figures.errors_of_arms`; none if no run scored the test images.
    mistakes.npz, if predictions are kept.
    """
    header, runs = read_sweep(directory)
    unwritten = _attempt(directory, {f"{RUNS}.jsonl": lambda: merge(directory)})
    unwritten |= _attempt(directory, {MISTAKES: lambda: write_mistakes(directory, runs)})
    scores = scores_of(directory, header, runs)
    results, wrong = scores.results, scores.wrong
    scored = captions.scores_test(header, runs)
    words = arm_words(header, scores.fields, captions.protocols(runs))
    arms = _arms(header, runs, scores, words)
    papers = _papers(header, runs, results) if scored else None
    contrasts = summaries.contrast_rows(results, header["arms"], wrong)
    images = {run["arm"]: run["images"]["train"] for run in runs}
    lines = sample_sizes.find_lines(scores.identifying, images)
    plane = next(iter(planes.find_planes(header["arms"])), None) if scored else None
    found = {
        "table": arms,
        "contrasts": _contrasts(runs, contrasts, words if papers is None else {}, scores),
        "papers": papers,
        "effects": _effects(runs, scores, contrasts, words),
        "planned": _planned(header, scores),
        "images": _images(lines, scores),
        "wirings": _wirings(scores),
        "plane": _plane(plane, header, runs, arms),
    }
    contents: dict[str, str | bytes | None] = {"results.csv": tables.to_csv(results)}
    for name, table in found.items():
        contents |= _table_files(name, table)
    unwritten |= _write(directory, contents)

    dataset = " and ".join(dict.fromkeys(result["dataset"] for result in results))
    drawn: dict[str, Figure | None] = dict.fromkeys((*ACCURACY_FIGURES.values(), "papers"))
    drawn["plane"] = None
    if plane and found["plane"]:
        title = f"{dataset}: test error and trainable parameters"
        drawn["plane"] = heat_maps(plane, found["plane"].rows, title)
    drawn["images"] = _size_figure(lines, scores, arms.rows, dataset)
    if papers:
        title = f"{dataset}: test error and {CONFIDENCE:.0%} intervals"
        drawn["papers"] = figures.errors_alongside_papers(papers.rows, title)
    elif scored:
        over = "seeds and test images" if scores.covers_images else "seeds"
        title = f"{dataset}: mean test error and {CONFIDENCE:.0%} interval over {over}"
        for cost, name in ACCURACY_FIGURES.items():
            drawn[name] = figures.errors_of_arms(cost, arms.rows, words, scores.fields, title)
    for name, figure in drawn.items():
        unwritten |= _write(directory, _figure_files(name, figure))
    _warn(unwritten)
    return "\n\n\n".join(_for_terminal(table) for table in found.values() if table)


def write_side_by_side(directory: pathlib.Path, sweeps: Sequence[Sweep], command: str) -> str:
    """Writes the decompositions and the errors of several sweeps, and returns them for a terminal.

    Files: decomposition.csv, .md and .tex, and the figure as .png, .pdf and .svg; errors.csv, .md and .tex;
    connectivity.md and sharing.md, with what each constraint saves in both orders. What cannot be written is
    left out with one warning. Raises UserError as `decomposition.find_panels`.

    Args:
      command: the words that give these files.
    """
    panels = decomposition.find_panels(sweeps)
    files.make_directory(directory)
    note = f"Command: {markup.code_span(command)}"
    parts = Table(
        decomposition.page_rows(panels),
        decomposition.COLUMNS,
        decomposition.caption(panels),
        [*decomposition.notes(panels), note],
    )
    of_arms = side_by_side.csv_rows(sweeps)
    errors = Table(
        side_by_side.page_rows(of_arms),
        columns.side_by_side_columns(dict.fromkeys(row["dataset"] for row in of_arms)),
        captions.side_by_side_caption(sweeps),
        [note],
    )
    contents = _table_files("decomposition", parts) | _table_files("errors", errors)
    contents["decomposition.csv"] = tables.to_csv(decomposition.csv_rows(panels))
    contents["errors.csv"] = tables.to_csv(of_arms)
    for constraint in decomposition.WORDS:
        orders = Table(
            decomposition.order_rows(panels, constraint),
            decomposition.ORDER_COLUMNS,
            decomposition.order_caption(panels, constraint),
            [note],
        )
        contents[f"{constraint}.md"] = _markdown(orders)
    contents |= _figure_files("decomposition", decomposition.figure(panels))
    _warn(_write(directory, contents))
    return "\n\n\n".join(map(_for_terminal, (errors, parts)))


def write_results(directory: pathlib.Path) -> None:
    """Rewrites results.csv: one row per recorded run. Raises UserError if it cannot be written."""
    _, runs = read_sweep(directory)
    _write_file(directory / "results.csv", tables.to_csv([run["result"] for run in runs]))


def _arms(header: Header, runs: Sequence[Record], scores: Scores, words: Mapping[str, str]) -> Table:
    is_tuning = header["kind"] == "tuning"
    is_compared = captions.scores_test(header, runs) and not is_tuning
    convolution = convolution_among(scores.fields) if is_compared else None
    rows = summaries.arm_rows(scores.results, scores.wrong, convolution)
    to_convolution = words[convolution] if convolution and len(rows) > 1 else ""
    return Table(
        _with_rates(rows, scores),
        columns.arm_columns(words, is_tuning, bool(to_convolution)),
        captions.arm_caption(header, runs, to_convolution),
        captions.arm_notes(header, runs, words, scores.covers_images),
    )


def _with_rates(rows: Sequence[Row], scores: Scores) -> list[Row]:
    """The rows of arms, with their learning rates if these differ."""
    rates = {arm: fields["train.learning_rate"] for arm, fields in scores.fields.items()}
    if len(set(rates.values())) == 1:
        return list(rows)
    return [{"arm": row["arm"], "learning_rate": f"{rates[row['arm']]:g}", **row} for row in rows]


def _contrasts(
    runs: Sequence[Record], rows: Sequence[Row], words: Mapping[str, str], scores: Scores
) -> Table | None:
    """Differences between arms; None without pairs."""
    if not rows:
        return None
    caption = captions.contrast_caption(rows, scores.covers_images)
    return Table(rows, columns.contrast_columns(rows, words), caption, captions.contrast_notes(runs))


def _papers(header: Header, runs: Sequence[Record], results: Sequence[Row]) -> Table | None:
    """Errors alongside those of papers; None without arms that have a label or a paper."""
    rows = summaries.paper_rows(results, header["arms"], captions.protocols(runs))
    if not rows:
        return None
    covers_papers = any(row["paper_error_percent"] is not None for row in rows)
    return Table(
        rows,
        columns.paper_columns(rows),
        captions.paper_caption(runs, covers_papers),
        captions.paper_notes(header, runs, rows),
    )


def _effects(
    runs: Sequence[Record], scores: Scores, contrasts: Sequence[Row], words: Mapping[str, str]
) -> Table | None:
    """What each constraint is worth; None without the four corners."""
    rows = effects.effect_rows(scores.results, scores.corners, scores.wrong)
    if not rows:
        return None
    parameters = {result["arm"]: result["parameters"] for result in scores.results}
    of_corners = {arm for corners in scores.corners.values() for arm in corners}
    about = captions.test_images([run for run in runs if run["arm"] in of_corners])
    return Table(
        rows,
        columns.effect_columns(rows),
        findings.caption(rows, about, scores.covers_draw),
        findings.findings(
            rows, contrasts, scores.corners, scores.fields, parameters, words, scores.covers_draw
        ),
    )


def _planned(header: Header, scores: Scores) -> Table | None:
    """The planned contrasts; None if there are none."""
    contrasts = header.get("planned", [])
    rows = planned.planned_rows(scores.results, contrasts, scores.wrong, scores.covers_draw)
    if not rows:
        return None
    return Table(
        rows,
        columns.planned_columns(),
        captions.planned_caption(len(contrasts), scores.covers_images),
        captions.planned_notes(rows, len(contrasts)),
    )


def _images(lines: sample_sizes.Lines, scores: Scores) -> Table | None:
    """How many images networks need for the convolution's errors; None without such arms."""
    reference = sample_sizes.find_reference(lines, scores.fields)
    if reference is None or scores.wrong is None:
        return None
    rows = sample_sizes.size_rows(lines, reference, scores.wrong)
    if not rows:
        return None
    return Table(rows, columns.size_columns(_line_words(lines, scores)), captions.size_caption(rows))


def _line_words(lines: sample_sizes.Lines, scores: Scores) -> dict[str, str]:
    """Network -> what it is, in words."""
    return {name: network_words(scores.fields[next(iter(line.values()))]) for name, line in lines.items()}


def _wirings(scores: Scores) -> Table | None:
    """How much runs vary by their wiring; None if no arms differ in its seed alone."""
    rows = wirings.wiring_rows(scores.results, scores.identifying)
    if not rows:
        return None
    words = {summaries.common_name([arm]): network_words(fields) for arm, fields in scores.fields.items()}
    return Table(rows, columns.wiring_columns(words), captions.wiring_caption())


def _plane(plane: Plane | None, header: Header, runs: Sequence[Record], arms: Table) -> Table | None:
    """The arms of a plane of two factors; None without one, or without two of its arms."""
    rows = planes.plane_rows(plane, arms.rows) if plane else []
    if not plane or len(rows) < 2:
        return None
    caption = captions.arm_caption(header, runs, "")
    return Table(rows, columns.plane_columns(plane.factors), caption)


def _size_figure(
    lines: sample_sizes.Lines, scores: Scores, rows: Sequence[Row], dataset: str
) -> Figure | None:
    """Test error against training images; None without arms that differ in them, or without test scores."""
    of_arms = {row["arm"]: row for row in rows}
    arms = [arm for line in lines.values() for arm in line.values()]
    if not lines or any(of_arms[arm]["test_accuracy_mean"] is None for arm in arms):
        return None
    title = f"{dataset}: test error by the number of training images, with {CONFIDENCE:.0%} intervals"
    return figures.error_against_images(lines, of_arms, _line_words(lines, scores), scores.fields, title)


def _for_terminal(table: Table) -> str:
    """Notes, caption and table in lines of TERMINAL characters; a command stays one line, to be copied."""
    caption, rows = _laid_out(
        table._replace(columns=[column for column in table.columns if column.in_terminal])
    )
    notes = [
        f"- {note}"
        if note.startswith("Command: ")
        else textwrap.fill(f"- {note}", TERMINAL, subsequent_indent="  ")
        for note in table.notes
    ]
    parts = ["\n".join(notes), textwrap.fill(caption, TERMINAL), tables.to_text(rows, TERMINAL)]
    return "\n\n".join(filter(None, parts))


def _table_files(name: str, table: Table | None) -> dict[str, str | bytes | None]:
    """A table as CSV, Markdown and LaTeX, its caption and notes there apart; None for all without one."""
    if table is None:
        return dict.fromkeys((f"{name}.csv", f"{name}.md", f"{name}.tex", f"{name}_notes.tex"))
    caption, rows = _laid_out(table)
    return {
        f"{name}.csv": tables.to_csv(table.rows),
        f"{name}.md": _markdown(table),
        f"{name}.tex": tables.to_latex(rows) + "\n",
        f"{name}_notes.tex": "\n\n".join(map(markup.latex_note, [caption, *table.notes])) + "\n",
    }


def _markdown(table: Table) -> str:
    caption, rows = _laid_out(table)
    notes = "\n".join(f"- {note}" for note in table.notes)
    return "\n\n".join(filter(None, [caption, tables.to_markdown(rows), notes])) + "\n"


def _laid_out(table: Table) -> tuple[str, list[dict[str, Cell]]]:
    """The caption, with what is the same in all rows, and the rows as people read them."""
    layout = columns.lay_out(table.rows, table.columns)
    in_all = f" In all rows: {', '.join(map(markup.markdown_text, layout.in_all))}." if layout.in_all else ""
    return f"{table.caption}{in_all}", layout.rows


def _figure_files(name: str, figure: Figure | None) -> dict[str, bytes | None]:
    """A figure in all formats; None for each without one."""
    return {
        f"{name}.{form}": None if figure is None else figures.render(figure, form) for form in figures.FORMATS
    }


def _write(directory: pathlib.Path, contents: Mapping[str, str | bytes | None]) -> dict[str, UserError]:
    """Writes files, and removes those without content, which are of an earlier report and out of date.

    Returns the errors as `_attempt`.
    """
    return _attempt(directory, {
        name: functools.partial(_write_file, directory / name, content) for name, content in contents.items()
    })  # fmt: skip


def _write_file(path: pathlib.Path, content: str | bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        # Records can hold text that UTF-8 cannot, such as bytes of a path.
        files.write(path, content.encode(errors="backslashreplace") if isinstance(content, str) else content)


def _warn(unwritten: Mapping[str, UserError]) -> None:
    """One warning about the files that could not be written."""
    if unwritten:
        first, *others = unwritten
        more = f" and {len(others)} more" if others else ""
        logging.warning("%s%s could not be updated: %s", first, more, unwritten[first])


def _attempt(directory: pathlib.Path, changes: Mapping[str, Callable[[], None]]) -> dict[str, UserError]:
    """Makes changes in a folder, {file: function}; returns the errors of files that could not be written."""
    errors = {}
    for name, change in changes.items():
        try:
            with files.writing(directory / name):
                change()
        except UserError as error:
            if not isinstance(error.__cause__, OSError):
                raise  # the records are at fault
            errors[name] = error
    return errors
