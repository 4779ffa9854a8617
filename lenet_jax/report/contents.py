"""What a folder's records amount to: the tables of its report, its figures, and what was found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lenet_jax.analysis import effects, planes, planned, sample_sizes, summaries, wirings
from lenet_jax.analysis.planes import Plane
from lenet_jax.analysis.summaries import Row, scored
from lenet_jax.report import captions, columns, figures, findings, markup, numbers, size_figures
from lenet_jax.report.columns import Cell, Column
from lenet_jax.report.contrast_figures import contrasts_in_rows
from lenet_jax.report.drawing import Figure
from lenet_jax.report.names import dataset_words
from lenet_jax.report.plane_figures import draw_plane
from lenet_jax.report.scores import Scores, Sweep
from lenet_jax.report.words import convolution_among, network_words, with_words, words_of_runs
from lenet_jax.runs.header import Header, Record

# What test error is drawn against -> the figure's name.
ACCURACY_FIGURES = {"parameters": "accuracy", "macs": "accuracy_macs"}
FIGURES = (*ACCURACY_FIGURES.values(), "papers", "plane", "images", "contrasts")
HEADINGS = {  # of tables, and of what was found in them
    "table": "Arms",
    "planned": "Contrasts that were planned",
    "effects": "What each constraint is worth",
    "contrasts": "Contrasts between arms",
    "papers": "Alongside the papers",
    "images": "Training images needed",
    "wirings": "How much wirings vary",
    "plane": "Arms by two factors",
}


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

    def laid_out(self) -> tuple[str, list[dict[str, Cell]]]:
        """The caption, with what is the same in all rows, and the rows as people read them."""
        layout = columns.lay_out(self.rows, self.columns)
        same = ", ".join(map(markup.markdown_text, layout.in_all))
        return f"{self.caption}{f' In all rows: {same}.' if same else ''}", layout.rows


class Finding(NamedTuple):
    """What was found in one table, in sentences of Markdown.

    Attributes:
      table: its name.
      sentences: each with its numbers.
      about: what these numbers are, and what their intervals cover.
    """

    table: str
    sentences: Sequence[str]
    about: str


class Drawing(NamedTuple):
    """A figure, the name of its files without ending, and its title."""

    name: str
    figure: Figure
    title: str


class Contents(NamedTuple):
    """The contents of a report.

    Attributes:
      sweep: what the folder records.
      words: arm -> what it is, in words.
      lines: the arms that differ in their numbers of training images.
      plane: of the arms, if they have levels of two factors.
      tables: by name; None for those without rows.
      found: what was found, the most important first.
    """

    sweep: Sweep
    words: Mapping[str, str]
    lines: sample_sizes.Lines
    plane: Plane | None
    tables: Mapping[str, Table | None]
    found: Sequence[Finding]

    @property
    def dataset(self) -> str:
        """Its name in words; of several, all names. It says so if the pixels of all images are permuted."""
        names = dict.fromkeys(result["dataset"] for result in self.sweep.scores.results)
        are_permuted = all(run["config"]["data.permutation_seed"] >= 0 for run in self.sweep.runs)
        return f"{' and '.join(map(dataset_words, names))}{' with permuted pixels' if are_permuted else ''}"

    @property
    def is_scored(self) -> bool:
        """Whether the runs score the test images."""
        return captions.scores_test(self.sweep.header, self.sweep.runs)


def contents_of(sweep: Sweep) -> Contents:
    """The contents of the report on a sweep."""
    _, header, runs, scores = sweep
    is_scored = captions.scores_test(header, runs)
    words = words_of_runs(header, runs)
    images = {run["arm"]: run["images"]["train"] for run in runs}
    lines = sample_sizes.find_lines(scores.identifying, images)
    arms = _arms(header, runs, scores, words, lines)
    papers = _papers(header, runs, scores) if is_scored else None
    contrasts = summaries.contrast_rows(scores.results, header["arms"], scores.wrong)
    of_contrasts = _of_contrasts(words, papers)
    plane = next(iter(planes.find_planes(header["arms"])), None) if is_scored else None
    tables = {
        "table": arms,
        "contrasts": _contrasts(runs, contrasts, of_contrasts, scores),
        "papers": papers,
        "effects": _effects(runs, scores, contrasts, words),
        "planned": _planned(header, scores, words),
        "images": _images(lines, scores),
        "wirings": _wirings(scores),
        "plane": _plane(plane, header, runs, arms, words),
    }
    found = _found(tables, words, of_contrasts)
    return Contents(sweep, words, lines, plane, tables, found)


def draw(contents: Contents) -> Iterator[Drawing]:
    """Draws those of FIGURES that a report has, one by one."""
    dataset, scores = contents.dataset, contents.sweep.scores
    arms, papers, plane = (contents.tables[name] for name in ("table", "papers", "plane"))
    assert arms
    sizes = _sizes(contents, arms.rows)
    if papers:
        title = numbers.with_intervals(f"{dataset}: test error", scored(papers.rows), scores.covers_images)
        yield Drawing("papers", figures.errors_alongside_papers(figures.pairs_of(papers.rows), title), title)
    elif contents.is_scored and not (sizes and _arms_of(contents.lines) >= scores.fields.keys()):
        title = numbers.with_intervals(f"{dataset}: mean test error", scored(arms.rows), scores.covers_images)
        for cost, name in ACCURACY_FIGURES.items():
            figure = figures.errors_of_arms(cost, arms.rows, contents.words, scores.fields, title)
            if figure is not None:
                against = "" if cost == "parameters" else f", against {figures.COSTS[cost]}"
                yield Drawing(name, figure, f"{title}{against}")
    if contents.plane and plane:
        errors = {row["arm"]: summaries.error_percent(row).mean for row in arms.rows}
        arm = contents.plane.reference or ""
        error = errors.get(arm)
        reference = None if error is None else (contents.words[arm], error)
        drawn = draw_plane(contents.plane, plane.rows, dataset, scores.covers_images, reference)
        if drawn:
            yield Drawing("plane", *drawn)
    if sizes:
        yield sizes
    contrasts = contents.tables["contrasts"]
    if contrasts and len(contrasts.rows) > 1:
        pairs = [row["pairs"] for row in contrasts.rows]
        title = numbers.with_intervals(f"{dataset}: differences between arms", pairs, scores.covers_images)
        looks = figures.looks_of(scores.fields)
        figure = contrasts_in_rows(contrasts.rows, _of_contrasts(contents.words, papers), looks, title)
        yield Drawing("contrasts", figure, title)


def _of_contrasts(words: Mapping[str, str], papers: Table | None) -> Mapping[str, str]:
    """Arm -> its words next to contrasts; {} next to a table of papers, which has arms by their names."""
    return words if papers is None else {}


def _found(
    tables: Mapping[str, Table | None], words: Mapping[str, str], of_contrasts: Mapping[str, str]
) -> list[Finding]:
    """What the tables say, in sentences.

    Args:
      words: arm -> what it is, in words.
      of_contrasts: the same, as the table of contrasts has it.
    """
    found = []
    if planned_table := tables["planned"]:
        sentences = findings.of_planned(planned_table.rows, planned_table.columns)
        about = " ".join([planned_table.laid_out()[0], *planned_table.notes])
        found.append(Finding("planned", sentences, about))
    if effects_table := tables["effects"]:
        _, *sentences = effects_table.notes  # the first says what effects are
        found.append(Finding("effects", sentences, effects_table.caption))
    if papers := tables["papers"]:
        sentences = findings.of_papers(papers.rows)
        found.append(Finding("papers", sentences, papers.laid_out()[0]))
    if contrasts := tables["contrasts"]:
        sentences = findings.of_contrasts(contrasts.rows, of_contrasts)
        found.append(Finding("contrasts", sentences, contrasts.laid_out()[0]))
    if arms := tables["table"]:
        sentences = findings.of_arms(arms.rows, arms.columns, words)
        found.append(Finding("table", sentences, arms.laid_out()[0]))
    return [finding for finding in found if finding.sentences]


def _arms(
    header: Header,
    runs: Sequence[Record],
    scores: Scores,
    words: Mapping[str, str],
    lines: sample_sizes.Lines,
) -> Table:
    """All arms; with differences to the convolution, if there is one and it has one number of images."""
    is_tuning = header["kind"] == "tuning"
    has_sizes = sample_sizes.find_reference(lines, scores.fields) is not None
    is_compared = captions.scores_test(header, runs) and not is_tuning and not has_sizes
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


def _papers(header: Header, runs: Sequence[Record], scores: Scores) -> Table | None:
    """Errors alongside those of papers; None without arms that have a label or a paper."""
    rows = summaries.paper_rows(scores.results, header["arms"], captions.protocols(runs), scores.wrong)
    if not rows:
        return None
    return Table(
        rows,
        columns.paper_columns(rows),
        captions.paper_caption(runs, rows, scores.covers_images),
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


def _planned(header: Header, scores: Scores, words: Mapping[str, str]) -> Table | None:
    """The planned contrasts; None if there are none."""
    contrasts = header.get("planned", [])
    rows = planned.planned_rows(scores.results, contrasts, scores.wrong, scores.covers_draw)
    if not rows:
        return None
    return Table(
        rows,
        columns.planned_columns({row["contrast"]: with_words(row["contrast"], words) for row in rows}),
        captions.planned_caption(rows, len(contrasts), scores.covers_images),
        captions.planned_notes(rows, len(contrasts)),
    )


def _images(lines: sample_sizes.Lines, scores: Scores) -> Table | None:
    """How many images networks need for the convolution's errors; None without such arms."""
    reference = sample_sizes.find_reference(lines, scores.fields)
    if reference is None or scores.wrong is None:
        return None
    accuracies = summaries.accuracies_of(scores.results)
    rows = sample_sizes.size_rows(lines, reference, accuracies, scores.wrong)
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


def _plane(
    plane: Plane | None, header: Header, runs: Sequence[Record], arms: Table, words: Mapping[str, str]
) -> Table | None:
    """The arms of a plane of two factors; None without one, or without two of its arms."""
    rows = planes.plane_rows(plane, arms.rows) if plane else []
    if not plane or len(rows) < 2:
        return None
    caption = captions.arm_caption(header, runs, "")
    notes = [
        f"For comparison, {markup.markdown_text(words[row['arm']])}: "
        f"{numbers.with_interval(summaries.error_percent(row), '.2f')}."
        for row in arms.rows
        if row["arm"] == plane.reference
    ]
    return Table(rows, columns.plane_columns(plane.factors), caption, notes)


def _arms_of(lines: sample_sizes.Lines) -> set[str]:
    return {arm for line in lines.values() for arm in line.values()}


def _sizes(contents: Contents, rows: Sequence[Row]) -> Drawing | None:
    """Test error against training images; None without arms that differ in them, or without test scores."""
    lines, scores = contents.lines, contents.sweep.scores
    of_arms = {row["arm"]: row for row in rows}
    if not lines or any(of_arms[arm]["test_accuracy_mean"] is None for arm in _arms_of(lines)):
        return None
    effects_table = contents.tables["effects"]
    ratios = size_figures.ratios_of(lines, scores.corners, effects_table.rows if effects_table else [])
    worth = ", and what each constraint is worth" if ratios else ""
    title = f"{contents.dataset}: test error by the number of training images{worth}"
    seeds = scored(of_arms[arm] for arm in _arms_of(lines))
    title = numbers.with_intervals(title, seeds, scores.covers_images)
    words = _line_words(lines, scores)
    figure = size_figures.error_against_images(lines, of_arms, words, scores.fields, ratios, title)
    return Drawing("images", figure, title)
