"""What a sweep found, in sentences: each number with its interval, and what is not resolved."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.analysis.effects import SAVED, Corners
from lenet_jax.analysis.summaries import Row, columns_of, interval_of
from lenet_jax.report import columns
from lenet_jax.report.columns import NONE, Cell, Column
from lenet_jax.report.markup import markdown_text
from lenet_jax.report.numbers import intervals_in_words, seeds_in_words, share_of_gap, with_interval

# Effects whose sign may be open, in words.
UNRESOLVED = {
    "connectivity": "what connectivity saves",
    "sharing": "what sharing saves",
    "interaction": "whether sharing saves more with local or with full connectivity",
    "gap": "the gap",
}
# Of planned contrasts that no test decides: what is said before their numbers.
UNDECIDED = {
    "inconclusive": "not resolved",
    "unfinished": "nothing is claimed yet, as runs are missing",
    "untested": "not tested",
}
MAX_NAMED = 4  # contrasts that are not resolved; of more, their number stands in the sentence
SAME_SIZE = 0.02  # relative difference of the parameters up to which two networks are of about the same size


def caption(effects: Sequence[Row], about: str, covers_images: bool) -> str:
    """What the numbers of the table of effects are, in Markdown; the arguments are as in `findings`.

    Args:
      about: on which images, "all 2,000 test images of mnist_5k".
    """
    seeds = [row["seeds"] for row in effects]
    return f"What each constraint is worth, on {about}; {intervals_in_words(seeds, covers_images)}."


def findings(
    effects: Sequence[Row],
    contrasts: Sequence[Row],
    corners: Mapping[str, Corners],
    fields: Mapping[str, Mapping[str, Any]],
    parameters: Mapping[str, int],
    words: Mapping[str, str],
    covers_images: bool,
) -> list[str]:
    """Sentences about the effects, the convolution against an MLP of its size, and what is not resolved.

    They are Markdown, as the notes under the tables.

    Args:
      effects: of `lenet_jax.analysis.effects.effect_rows`, not empty.
      contrasts: of `lenet_jax.analysis.summaries.contrast_rows`.
      corners: by group, as of `lenet_jax.analysis.effects.find_corners`.
      fields: arm -> its flattened config.
      parameters: arm -> its number of parameters.
      words: arm -> what it is, in words.
      covers_images: whether the intervals cover the draw of the test images.
    """
    by_group: dict[str, dict[str, Row]] = {}
    for row in effects:
        by_group.setdefault(row.get("group", ""), {})[row["effect"]] = row
    numbers = [row["seeds"] for row in effects]
    sentences = [
        'Connectivity and sharing are each averaged over the other; "connectivity, unshared" is what '
        "connectivity saves where weights are not shared. Interaction: what sharing saves with local "
        "connectivity minus what it saves with full connectivity. Gap: the errors of the fully connected "
        "network minus those of the convolution, which is the sum of the two effects. Error ratio: errors "
        "with the constraint divided by errors without it.",
    ]
    unresolved = []
    for group, rows in by_group.items():
        with_group = f"With {markdown_text(group)}: " if group else ""
        sentences += [f"{with_group}{sentence}" for sentence in _decomposition(rows)]
        of_group = f" with {markdown_text(group)}" if group else ""
        unresolved += [
            f"{what}{of_group}, {_number(rows[effect])}"
            for effect, what in UNRESOLVED.items()
            if not _is_resolved(rows[effect])
        ]
    compared = []  # arms
    convolutions = {of_wirings.local_shared: group for group, of_wirings in corners.items()}
    for row in map(_per_hundred, contrasts):
        arm, baseline = row["arm"], row["baseline"]
        ratio = parameters[arm] / parameters[baseline]
        is_mlp = fields[baseline]["model.name"] == "mlp"
        if arm in convolutions and is_mlp and abs(ratio - 1) <= SAME_SIZE:
            group = convolutions[arm]
            start = f"With {markdown_text(group)}: the" if group else "The"
            sentences.append(
                f"{start} convolution {_saves(row)}, compared with an MLP of about the same size "
                f"({markdown_text(words[baseline])})."
            )
        if not _is_resolved(row):
            names = " against ".join(markdown_text(f"({words[name]})") for name in (arm, baseline))
            compared.append(f"{names}, {_number(row)}")
    if len(compared) > MAX_NAMED:
        compared = [f"{len(compared)} of the {len(contrasts)} contrasts between arms"]
    unresolved += compared
    by = f"{seeds_in_words(numbers)}{' and these test images' if covers_images else ''}"
    others = ", their interaction and all contrasts between arms" if contrasts else ", and their interaction"
    of_all = f"The gap, both effects, averaged over both orders{others} are resolved with {by}."
    return [*sentences, f"Not resolved with {by}: {'; '.join(unresolved)}." if unresolved else of_all]


def of_planned(rows: Sequence[Row], forms: Sequence[Column]) -> list[str]:
    """One sentence per row of `lenet_jax.analysis.planned.planned_rows`, with its verdict.

    Args:
      forms: the columns of their table.
    """
    cells = [_cells(row, forms) for row in rows]
    return [
        f"{markdown_text(str(its['contrast']))}: {_verdict(row, str(its['p_holm']))}."
        for row, its in zip(rows, cells, strict=True)
    ]


def _verdict(row: Row, p: str) -> str:
    p = markdown_text(f"p {p}" if p.startswith("<") else f"p = {p}")
    verdict = row["verdict"]
    if verdict in UNDECIDED:
        return f"{UNDECIDED[verdict]}, {_number(row)} fewer errors per hundred test images"
    if verdict == "equivalent":
        return f"no difference beyond {row['margin']:g} errors per hundred test images, {_number(row)}"
    return f"{_saves(row)} errors per hundred test images ({p})"


def of_contrasts(rows: Sequence[Row], words: Mapping[str, str]) -> list[str]:
    """One sentence per resolved row of `lenet_jax.analysis.summaries.contrast_rows`, then the others.

    Args:
      words: arm -> what it is, in words; arms without words have their names.
    """
    forms = columns.contrast_columns(rows, words)
    sentences, unresolved = [], []
    for row in map(_per_hundred, rows):
        cells = {name: markdown_text(str(cell)) for name, cell in _cells(row, forms).items()}
        name = f"{cells['contrast']}: " if "contrast" in cells else ""
        if _is_resolved(row):
            sentences.append(
                f"{name}{cells['arm']} {_saves(row)} errors per hundred test images, compared with "
                f"{cells['baseline']}."
            )
        else:
            unresolved.append(f"{name}{cells['arm']} against {cells['baseline']}, {_number(row)}")
    if unresolved:
        by = seeds_in_words([row["pairs"] for row in rows])
        sentences.append(f"Not resolved with {by}: {'; '.join(unresolved)}.")
    return sentences


def of_papers(rows: Sequence[Row]) -> list[str]:
    """One sentence per row of `lenet_jax.analysis.summaries.paper_rows` that has a paper's error."""
    forms = columns.paper_columns(rows)
    sentences = []
    for row in rows:
        cells = _cells(row, forms)
        if (paper := cells["paper_error_percent"]) != NONE:
            ours = cells.get(f"{row['compared']}_percent", cells["error_percent"])
            what = markdown_text(row["what"] or row["arm"])
            sentences.append(f"{what}: test error {ours}, the paper's {paper}.")
    return sentences


def of_arms(rows: Sequence[Row], forms: Sequence[Column], words: Mapping[str, str]) -> list[str]:
    """Which arm has the lowest error, and which the highest, of rows of `summaries.arm_rows`.

    Args:
      forms: the columns of their table.
      words: arm -> what it is, in words.
    """
    [error] = [column for column in forms if column.name == "test_accuracy"]
    accuracy = "test_accuracy_mean"
    if all(row[accuracy] is None for row in rows):
        accuracy = "val_accuracy_mean"
        error = next((column for column in forms if column.name == accuracy), error)
    known = sorted((row for row in rows if row[accuracy] is not None), key=lambda row: -row[accuracy])
    if not known:
        return ["No run has a mean error: all diverged."]

    def said(row: Row) -> str:
        n = f"{row['runs']} run{'s' if row['runs'] > 1 else ''}"
        return f"{markdown_text(words[row['arm']])}, {error.form(row, error.name)} in {n}"

    if len(known) == 1:
        return [f"{error.heading.capitalize()}: {said(known[0])}."]
    return [f"The lowest {error.heading}: {said(known[0])}. The highest: {said(known[-1])}."]


def _cells(row: Row, forms: Sequence[Column]) -> dict[str, Cell]:
    """The cells of a row as its table has them, by the names of their columns."""
    return {column.name: column.form(row, column.name) for column in forms}


def _decomposition(rows: Mapping[str, Row]) -> list[str]:
    """Sentences about the effects in one group of arms."""
    connectivity, sharing, interaction, gap = (
        rows[name] for name in ("connectivity", "sharing", "interaction", "gap")
    )
    if _is_cost(gap):
        parts = (
            f"The convolution costs {_positive(gap)} compared with the fully connected network: local "
            f"connectivity {_saves(connectivity)}, and weight sharing {_saves(sharing)}."
        )
    else:
        parts = (
            f"Of the gap of {_number(gap)} between the fully connected network and the convolution, local "
            f"connectivity accounts for {_number(connectivity)}{share_of_gap(connectivity)}, and weight "
            f"sharing for {_number(sharing)}{share_of_gap(sharing)}."
        )
    sentences = [
        parts,
        f"In one order, connectivity comes first and {_saves(rows['connectivity, unshared'])}, then sharing "
        f"{_saves(rows['sharing, local'])}; in the other, sharing comes first and "
        f"{_saves(rows['sharing, full'])}, then connectivity {_saves(rows['connectivity, shared'])}.",
    ]
    if _is_resolved(interaction):
        more, less = ("local", "full") if interaction[f"{SAVED}_mean"] > 0 else ("full", "local")
        sentences.append(
            f"Sharing saves more with {more} than with {less} connectivity: the interaction is "
            f"{_number(interaction)}."
        )
    return sentences


def _saves(row: Row) -> str:
    """ "saves 1.2 (0.9 to 1.5)", or what it costs if the whole interval is below 0."""
    if _is_cost(row):
        return f"costs {_positive(row)}"
    return f"saves {_number(row)}"


def _positive(row: Row) -> str:
    """What a row below 0 costs, as a positive number with its interval."""
    return with_interval(interval_of(row, SAVED).map(operator.neg), ".2f")


def _per_hundred(contrast: Row) -> Row:
    """A contrast, a difference of accuracies, as fewer errors per hundred."""
    return {**contrast, **columns_of(SAVED, interval_of(contrast, "difference"), 100)}


def _number(row: Row) -> str:
    """A mean with its interval."""
    return with_interval(interval_of(row, SAVED), ".2f")


def _is_cost(row: Row) -> bool:
    """Whether the whole interval is below 0."""
    return _is_resolved(row) and row[f"{SAVED}_mean"] < 0


def _is_resolved(row: Row) -> bool:
    """Whether the interval excludes 0."""
    return interval_of(row, SAVED).excludes_zero()
