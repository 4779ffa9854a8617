"""From a folder's records to the tables and figures that are written next to them."""

import functools
import pathlib
import textwrap
from collections.abc import Callable, Mapping, Sequence

from absl import logging

from lenet_jax import files
from lenet_jax.analysis.summaries import Row
from lenet_jax.errors import UserError
from lenet_jax.report import (
    captions,
    changes,
    columns,
    decomposition,
    figures,
    markup,
    published,
    side_by_side,
    tables,
    web_page,
)
from lenet_jax.report.contents import FIGURES, Table, contents_of, draw
from lenet_jax.report.drawing import Figure
from lenet_jax.report.replaced_corners import with_replaced_corners
from lenet_jax.report.scores import Sweep, scores_of
from lenet_jax.report.tables import TERMINAL
from lenet_jax.runs.merge import merge
from lenet_jax.runs.mistakes import FILE as MISTAKES
from lenet_jax.runs.mistakes import write_mistakes
from lenet_jax.runs.recorded import RUNS
from lenet_jax.runs.store import read_sweep


def write_report(directory: pathlib.Path, status: str = "") -> str:
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
    against multiply-accumulates, see `figures.errors_of_arms`; contrasts, if there are two or more; none if
    no run scored the test images. mistakes.npz, if predictions are kept. report.html, all of this on one
    page, see `lenet_jax.report.web_page`.

    Args:
      status: of runs that were sent to jobs, in lines, for that page.
    """
    header, runs = read_sweep(directory)
    unwritten = _attempt(directory, {f"{RUNS}.jsonl": lambda: merge(directory)})
    unwritten |= _attempt(directory, {MISTAKES: lambda: write_mistakes(directory, runs)})
    scores = scores_of(directory, header, runs)
    found = contents_of(Sweep(directory, header, runs, scores))
    contents: dict[str, str | bytes | None] = {"results.csv": tables.to_csv(scores.results)}
    for name, table in found.tables.items():
        contents |= _table_files(name, table)
    unwritten |= _write(directory, contents)

    images: dict[str, web_page.Image] = {}
    for drawing in draw(found):
        drawn = _figure_files(drawing.name, drawing.figure)
        unwritten |= _write(directory, drawn)
        images[drawing.name] = web_page.Image(drawing.title, drawn)
    for name in FIGURES:
        if name not in images:
            unwritten |= _write(directory, dict.fromkeys(_figure_names(name)))
    unwritten |= _write(directory, {"report.html": web_page.to_html(found, list(images.values()), status)})
    _warn(unwritten)
    return "\n\n\n".join(_for_terminal(table) for table in found.tables.values() if table)


def write_side_by_side(directory: pathlib.Path, sweeps: Sequence[Sweep], command: str) -> str:
    """Writes the decompositions and the errors of several sweeps, and returns them for a terminal.

    Files: decomposition.csv, .md and .tex, and the figure as .png, .pdf and .svg; errors.csv, .md and .tex;
    connectivity.md and sharing.md, with what each constraint saves in both orders; answer.md, which says what
    the larger part of the gap is; training.md, with errors on the training images; planned.md, if contrasts
    were planned; and if a dataset has several groups of corners, also those of `with_replaced_corners`,
    changes and changed_arms (.csv, .md and .tex), with what changes from the first to the others in effects
    and in errors. What cannot be written is left out with one warning. Raises UserError as
    `decomposition.find_panels`.

    Args:
      command: the words that give these files.
    """
    compared = with_replaced_corners(sweeps)
    panels = decomposition.find_panels(compared)
    files.make_directory(directory)
    notes = [*decomposition.notes(panels), f"Command: {markup.code_span(command)}"]
    of_arms = side_by_side.csv_rows(sweeps)
    found = {
        "errors": _errors_side_by_side(sweeps, of_arms, notes),
        "decomposition": Table(
            decomposition.page_rows(panels),
            decomposition.COLUMNS,
            decomposition.caption(panels),
            notes,
        ),
        "changes": _changes(
            changes.effect_rows(compared), changes.EFFECT_COLUMNS, changes.effect_caption, notes
        ),
        "changed_arms": _changes(changes.arm_rows(compared), changes.ARM_COLUMNS, changes.arm_caption, notes),
    }
    contents: dict[str, str | bytes | None] = {}
    for name, table in found.items():
        contents |= _table_files(name, table)
    contents["decomposition.csv"] = tables.to_csv(decomposition.csv_rows(panels))
    contents["errors.csv"] = tables.to_csv(of_arms)
    for name, table in _pages_of(panels, notes).items():
        contents[f"{name}.md"] = _markdown(table)
    planned = _planned_side_by_side([sweep for sweep in sweeps if sweep.header.get("planned")], notes)
    contents["planned.md"] = _markdown(planned) if planned else None
    answers = decomposition.answers(panels)
    contents["answer.md"] = "".join(f"- {answer}\n" for answer in answers)
    contents |= _figure_files("decomposition", decomposition.figure(panels))
    _warn(_write(directory, contents))
    parts = found["decomposition"]
    shown = found["errors"], parts._replace(notes=[*answers, *parts.notes])
    return "\n\n\n".join(map(_for_terminal, shown))


def _errors_side_by_side(sweeps: Sequence[Sweep], rows: Sequence[Row], notes: Sequence[str]) -> Table:
    """The test errors of all arms; `rows` are `side_by_side.csv_rows`."""
    return Table(
        side_by_side.page_rows(rows),
        columns.side_by_side_columns(dict.fromkeys(row["dataset"] for row in rows)),
        captions.side_by_side_caption(sweeps),
        notes,
    )


def _pages_of(panels: Sequence[decomposition.Panel], notes: Sequence[str]) -> dict[str, Table]:
    """What each constraint saves in both orders, by its name, and the errors on the training images."""
    orders = {
        constraint: Table(
            decomposition.order_rows(panels, constraint),
            decomposition.ORDER_COLUMNS,
            decomposition.order_caption(panels, constraint),
            notes,
        )
        for constraint in decomposition.WORDS
    }
    training = Table(
        decomposition.training_rows(panels),
        decomposition.TRAINING_COLUMNS,
        decomposition.training_caption(panels),
        notes,
    )
    return {**orders, "training": training}


def _planned_side_by_side(sweeps: Sequence[Sweep], notes: Sequence[str]) -> Table | None:
    """The planned contrasts of sweeps that have some; None without sweeps."""
    rows = side_by_side.planned_rows(sweeps)
    if not rows:
        return None
    datasets = dict.fromkeys(dataset for row in rows for dataset in row["datasets"])
    return Table(
        rows,
        columns.planned_side_by_side_columns(datasets),
        captions.planned_side_by_side_caption(sweeps, rows),
        notes,
    )


def _changes(
    rows: Sequence[Row],
    its_columns: Sequence[columns.Column],
    caption: Callable[[Sequence[Row]], str],
    notes: Sequence[str],
) -> Table | None:
    """A table of changes; None without rows."""
    return Table(rows, its_columns, caption(rows), notes) if rows else None


def write_published(directory: pathlib.Path, rows: Sequence[Row], command: str) -> str:
    """Writes what papers found next to what the same comparisons give here; returns it for a terminal.

    Files: published.csv, .md and .tex, and the figure as .png, .pdf and .svg. What cannot be written is left
    out with one warning.

    Args:
      rows: of `lenet_jax.analysis.published.published_row`, not empty, whose intervals cover the draw of the
        test images.
      command: the words that give these files.
    """
    files.make_directory(directory)
    table = Table(
        published.page_rows(rows),
        columns.published_columns(published.datasets_of(rows)),
        published.caption(rows),
        [f"Command: {markup.code_span(command)}"],
    )
    contents = _table_files("published", table)
    contents["published.csv"] = tables.to_csv(rows)
    _warn(_write(directory, contents | _figure_files("published", published.figure(rows))))
    return _for_terminal(table)


def write_results(directory: pathlib.Path) -> None:
    """Rewrites results.csv: one row per recorded run. Raises UserError if it cannot be written."""
    _, runs = read_sweep(directory)
    _write_file(directory / "results.csv", tables.to_csv([run["result"] for run in runs]))


def _for_terminal(table: Table) -> str:
    """Notes, caption and table in lines of TERMINAL characters; a command stays one line, to be copied."""
    shown = [column for column in table.columns if column.in_terminal]
    caption, rows = table._replace(columns=shown).laid_out()
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
    caption, rows = table.laid_out()
    return {
        f"{name}.csv": tables.to_csv(table.rows),
        f"{name}.md": _markdown(table),
        f"{name}.tex": tables.to_latex(rows) + "\n",
        f"{name}_notes.tex": "\n\n".join(map(markup.latex_note, [caption, *table.notes])) + "\n",
    }


def _markdown(table: Table) -> str:
    caption, rows = table.laid_out()
    notes = "\n".join(f"- {note}" for note in table.notes)
    return "\n\n".join(filter(None, [caption, tables.to_markdown(rows), notes])) + "\n"


def _figure_files(name: str, figure: Figure) -> dict[str, bytes]:
    """A figure in all formats."""
    return {
        file: figures.render(figure, form)
        for file, form in zip(_figure_names(name), figures.FORMATS, strict=True)
    }


def _figure_names(name: str) -> list[str]:
    return [f"{name}.{form}" for form in figures.FORMATS]


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
