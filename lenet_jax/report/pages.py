"""From a folder's records to the tables and figures that are written next to them."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from lenet_jax import files
from lenet_jax.analysis import effects, summaries
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row
from lenet_jax.config.identity import identifies
from lenet_jax.report import captions, figures, findings, tables
from lenet_jax.runs.header import Record
from lenet_jax.runs.merge import merge
from lenet_jax.runs.mistakes import write_mistakes
from lenet_jax.runs.store import read_sweep

TABLE_FORMATS = ("csv", "md", "tex")


def write_results(directory: pathlib.Path) -> None:
    """Rewrites results.csv: one row per recorded run."""
    _, runs = read_sweep(directory)
    _write_results(directory, [run["result"] for run in runs])


def write_report(directory: pathlib.Path) -> str:
    """Rewrites all tables and the figure from the records; returns the tables for a terminal.

    For a folder still being filled, the report shows what is recorded so far; files of killed commands
    are merged. The same records give the same files, byte for byte. Raises UserError if no run is
    recorded or a record is damaged, and then writes nothing.

    Files: results.csv; table.csv, table.md, table.tex; contrasts.* likewise, if arms have baselines and
    both were run; papers.* likewise, if arms have labels or papers; effects.* likewise, if the four corners
    were run; the figure as .png, .pdf and .svg: papers if there is such a table, otherwise accuracy, or none
    if no run scored the test images; mistakes.npz, if predictions are kept.
    """
    header, runs = read_sweep(directory)
    merge(directory)
    results = [run["result"] for run in runs]
    scored = captions.scores_test(header, runs)
    rows = summaries.arm_rows(results)
    contrasts = summaries.contrast_rows(results, header["arms"])
    papers = summaries.paper_rows(results, header["arms"], captions.protocols(runs)) if scored else []

    _write_results(directory, results)
    write_mistakes(directory, runs)
    shown = [_write_table(directory, "table", rows, captions.arm_notes(header, runs))]
    shown.append(_write_table(directory, "contrasts", contrasts, [captions.CONTRAST_NOTE]))
    shown.append(_write_table(directory, "papers", papers, captions.paper_notes(header, runs)))
    fields = {run["result"]["arm"]: run["config"] for run in runs}
    shown.append(_write_effects(directory, runs, contrasts, fields))

    dataset = " and ".join(dict.fromkeys(result["dataset"] for result in results))
    accuracy_figure = papers_figure = None
    if papers:
        title = f"{dataset}: test error and {CONFIDENCE:.0%} intervals"
        papers_figure = figures.errors_alongside_papers(papers, title)
    elif scored:
        title = f"{dataset}: test accuracy, mean and {CONFIDENCE:.0%} interval over seeds"
        accuracy_figure = figures.accuracy_against_parameters(rows, fields, title)
    _write_figure(directory, "papers", papers_figure)
    _write_figure(directory, "accuracy", accuracy_figure)
    return "\n\n".join(filter(None, shown))


def _write_results(directory: pathlib.Path, results: Sequence[Row]) -> None:
    files.write(directory / "results.csv", tables.to_csv(results))


def _write_effects(
    directory: pathlib.Path,
    runs: Sequence[Record],
    contrasts: Sequence[Row],
    fields: Mapping[str, Mapping[str, Any]],
) -> str:
    """Writes what each constraint is worth; returns it for a terminal."""
    corners = effects.find_corners({
        arm: {field: value for field, value in config.items() if identifies(field)}
        for arm, config in fields.items()
    })  # fmt: skip
    results = [run["result"] for run in runs]
    rows = effects.effect_rows(results, corners) if corners else []
    notes = []
    if corners and rows:
        parameters = {result["arm"]: result["parameters"] for result in results}
        of_corners = [run for run in runs if run["arm"] in corners]
        about = captions.test_images(of_corners)
        notes = findings.findings(rows, contrasts, corners, fields, parameters, about)
    return _write_table(directory, "effects", rows, notes)


def _write_table(directory: pathlib.Path, name: str, rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Writes a table in all TABLE_FORMATS, with notes in Markdown and LaTeX; returns it for a terminal.

    Without rows, the files of an earlier report are removed, as they are out of date.
    """
    if not rows:
        _remove(directory, name, TABLE_FORMATS)
        return ""
    for_page = [tables.for_page(row) for row in rows]
    markdown_notes = "\n".join(f"- {note}" for note in notes)
    latex_notes = "\n\n".join(tables.latex_text(note) for note in notes)
    files.write(directory / f"{name}.csv", tables.to_csv(rows))
    files.write(directory / f"{name}.md", f"{tables.to_markdown(for_page)}\n\n{markdown_notes}\n")
    files.write(directory / f"{name}.tex", f"{tables.to_latex(for_page)}\n\n{latex_notes}\n")
    return f"{tables.to_text(tables.shortened(rows))}\n\n{markdown_notes}"


def _write_figure(directory: pathlib.Path, name: str, figure: Figure | None) -> None:
    """Writes a figure in all formats, or removes that of an earlier report, which is out of date."""
    if figure is None:
        _remove(directory, name, figures.FORMATS)
        return
    for form in figures.FORMATS:
        files.write(directory / f"{name}.{form}", figures.render(figure, form))


def _remove(directory: pathlib.Path, name: str, formats: Sequence[str]) -> None:
    for form in formats:
        (directory / f"{name}.{form}").unlink(missing_ok=True)
