"""From a folder's records to the tables and figures that are written next to them."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence

from absl import logging

from lenet_jax import files
from lenet_jax.analysis import effects, planned, sample_sizes, summaries, wirings
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row
from lenet_jax.errors import UserError
from lenet_jax.report import captions, decomposition, figures, findings, markup, tables
from lenet_jax.report.decomposition import Panel
from lenet_jax.report.drawing import Figure
from lenet_jax.report.scores import Scores, scores_of
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.merge import merge
from lenet_jax.runs.mistakes import FILE as MISTAKES
from lenet_jax.runs.mistakes import write_mistakes
from lenet_jax.runs.recorded import RUNS
from lenet_jax.runs.store import read_sweep

# What accuracy is drawn against -> the figure's name.
ACCURACY_FIGURES = {"parameters": "accuracy", "macs": "accuracy_macs"}
TABLE_FORMATS = ("csv", "md", "tex")


def write_report(directory: pathlib.Path) -> str:
    """Rewrites all tables and figures from the records; returns the tables for a terminal.

    For a folder still being filled, the report shows what is recorded so far; files of killed commands
    are merged. The same records give the same files, byte for byte. What cannot be written, as in a read-only
    folder, is left out with one warning. Raises UserError if no run is recorded or a record is damaged, and
    then writes nothing.

    Files: results.csv; and of each of these tables that has rows, .csv, .md and .tex: table (arms), contrasts
    (if arms have baselines), papers (if arms have labels or papers), effects (if four corners were run),
    planned (if contrasts were planned), images (if arms differ in the number of training images) and wirings
    (if three or more differ in the seed of their wiring). Figures as .png, .pdf and .svg: images; papers if
    there is such a table, otherwise accuracy, against parameters, and accuracy_macs, against
    multiply-accumulates, if arms differ in them; none if no run scored the test images. mistakes.npz, if
    predictions are kept.
    """
    header, runs = read_sweep(directory)
    unwritten = _attempt(directory, {f"{RUNS}.jsonl": lambda: merge(directory)})
    unwritten |= _attempt(directory, {MISTAKES: lambda: write_mistakes(directory, runs)})
    scores = scores_of(directory, header, runs)
    results, wrong = scores.results, scores.wrong
    scored = captions.scores_test(header, runs)
    rows = _with_rates(summaries.arm_rows(results, wrong), scores)
    contrasts = summaries.contrast_rows(results, header["arms"], wrong)
    images = {run["arm"]: run["images"]["train"] for run in runs}
    lines = sample_sizes.find_lines(scores.identifying, images)
    papers = summaries.paper_rows(results, header["arms"], captions.protocols(runs)) if scored else []
    tables_and_notes = {
        "table": (rows, captions.arm_notes(header, runs, scores.covers_images)),
        "contrasts": (contrasts, captions.contrast_notes(contrasts, runs, scores.covers_images)),
        "papers": (papers, captions.paper_notes(header, runs)),
        "effects": _effects(runs, scores, contrasts),
        "planned": _planned(header, scores),
        "images": _images(lines, scores),
        "wirings": _wirings(scores),
    }
    contents: dict[str, str | bytes | None] = {"results.csv": tables.to_csv(results)}
    for name, (its_rows, notes) in tables_and_notes.items():
        contents |= _table_files(name, its_rows, notes)
    unwritten |= _write(directory, contents)

    dataset = " and ".join(dict.fromkeys(result["dataset"] for result in results))
    drawn: dict[str, Figure | None] = dict.fromkeys((*ACCURACY_FIGURES.values(), "papers"))
    drawn["images"] = _size_figure(lines, scores, rows, dataset)
    if papers:
        title = f"{dataset}: test error and {CONFIDENCE:.0%} intervals"
        drawn["papers"] = figures.errors_alongside_papers(papers, title)
    elif scored:
        over = "seeds and test images" if scores.covers_images else "seeds"
        title = f"{dataset}: test accuracy, mean and {CONFIDENCE:.0%} interval over {over}"
        for cost, name in ACCURACY_FIGURES.items():
            if cost == "parameters" or len({row[cost] for row in rows}) > 1:
                drawn[name] = figures.accuracy_against(cost, rows, scores.fields, title)
    for name, figure in drawn.items():
        unwritten |= _write(directory, _figure_files(name, figure))
    _warn(unwritten)
    return "\n\n".join(_for_terminal(*shown) for shown in tables_and_notes.values() if shown[0])


def write_decomposition(directory: pathlib.Path, panels: Sequence[Panel], command: str) -> str:
    """Writes the decompositions of several sweeps, and returns them for a terminal.

    Files: decomposition.csv, .md and .tex, and the figure as .png, .pdf and .svg. What cannot be written is
    left out with one warning.

    Args:
      panels: of `lenet_jax.report.decomposition.read_panels`.
      command: the words that give these files.
    """
    files.make_directory(directory)
    rows = decomposition.page_rows(panels)
    notes = [*decomposition.notes(panels), f"Command: {markup.code_span(command)}"]
    contents: dict[str, str | bytes | None] = {**_table_files("decomposition", rows, notes)}
    contents["decomposition.csv"] = tables.to_csv(decomposition.csv_rows(panels))
    contents |= _figure_files("decomposition", decomposition.figure(panels))
    _warn(_write(directory, contents))
    return f"{tables.to_text(rows)}\n\n{_list(notes)}"


def write_results(directory: pathlib.Path) -> None:
    """Rewrites results.csv: one row per recorded run. Raises UserError if it cannot be written."""
    _, runs = read_sweep(directory)
    _write_file(directory / "results.csv", tables.to_csv([run["result"] for run in runs]))


def _with_rates(rows: Sequence[Row], scores: Scores) -> list[Row]:
    """The rows of arms, with their learning rates if these differ."""
    rates = {arm: fields["train.learning_rate"] for arm, fields in scores.fields.items()}
    if len(set(rates.values())) == 1:
        return list(rows)
    return [{"arm": row["arm"], "learning_rate": f"{rates[row['arm']]:g}", **row} for row in rows]


def _effects(runs: Sequence[Record], scores: Scores, contrasts: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """What each constraint is worth, as rows and sentences; both empty without the four corners."""
    rows = effects.effect_rows(scores.results, scores.corners, scores.wrong)
    if not rows:
        return [], []
    parameters = {result["arm"]: result["parameters"] for result in scores.results}
    of_corners = {arm for corners in scores.corners.values() for arm in corners}
    about = captions.test_images([run for run in runs if run["arm"] in of_corners])
    return rows, findings.findings(
        rows, contrasts, scores.corners, scores.fields, parameters, about, scores.covers_draw
    )


def _planned(header: Header, scores: Scores) -> tuple[list[Row], list[str]]:
    """The planned contrasts with their notes; both empty if there are none."""
    contrasts = header.get("planned", [])
    rows = planned.planned_rows(scores.results, contrasts, scores.wrong, scores.covers_draw)
    return rows, captions.planned_notes(rows, len(contrasts), scores.covers_images)


def _images(lines: sample_sizes.Lines, scores: Scores) -> tuple[list[Row], list[str]]:
    """How many images networks need for the convolution's errors; both empty without such arms."""
    reference = sample_sizes.find_reference(lines, scores.fields)
    if reference is None or scores.wrong is None:
        return [], []
    rows = sample_sizes.size_rows(lines, reference, scores.wrong)
    return rows, captions.size_notes(rows)


def _wirings(scores: Scores) -> tuple[list[Row], list[str]]:
    """How much runs vary by their wiring; both empty if no arms differ in its seed alone."""
    rows = wirings.wiring_rows(scores.results, scores.identifying)
    return rows, captions.wiring_notes() if rows else []


def _size_figure(
    lines: sample_sizes.Lines, scores: Scores, rows: Sequence[Row], dataset: str
) -> Figure | None:
    """Test error against training images; None without arms that differ in them, or without test scores."""
    of_arms = {row["arm"]: row for row in rows}
    arms = [arm for line in lines.values() for arm in line.values()]
    if not lines or any(of_arms[arm]["test_accuracy_mean"] is None for arm in arms):
        return None
    title = f"{dataset}: test error by the number of training images, with {CONFIDENCE:.0%} intervals"
    return figures.error_against_images(lines, of_arms, scores.fields, title)


def _for_terminal(rows: Sequence[Row], notes: Sequence[str]) -> str:
    return f"{tables.to_text(tables.shortened(rows))}\n\n{_list(notes)}"


def _table_files(name: str, rows: Sequence[Row], notes: Sequence[str]) -> dict[str, str | None]:
    """A table in all TABLE_FORMATS, with notes in Markdown and LaTeX; None for each without rows."""
    if not rows:
        return {f"{name}.{form}": None for form in TABLE_FORMATS}
    for_page = [tables.for_page(row) for row in rows]
    latex_notes = "\n\n".join(map(markup.latex_note, notes))
    return {
        f"{name}.csv": tables.to_csv(rows),
        f"{name}.md": f"{tables.to_markdown(for_page)}\n\n{_list(notes)}\n",
        f"{name}.tex": f"{tables.to_latex(for_page)}\n\n{latex_notes}\n",
    }


def _list(notes: Sequence[str]) -> str:
    return "\n".join(f"- {note}" for note in notes)


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
