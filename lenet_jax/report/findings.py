"""What a sweep found, in sentences: each number with its interval, and what can't be told."""

from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.analysis.effects import SAVED, SHARE, Corners
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row
from lenet_jax.report.markup import markdown_text

# Effects whose sign may be open, in words.
UNTOLD = {
    "connectivity": "what connectivity saves",
    "sharing": "what sharing saves",
    "interaction": "whether sharing saves more with local or with full connectivity",
    "gap": "the gap",
}
SAME_SIZE = 0.02  # relative difference of the parameters up to which two networks are of about the same size


def findings(
    effects: Sequence[Row],
    contrasts: Sequence[Row],
    corners: Mapping[str, Corners],
    fields: Mapping[str, Mapping[str, Any]],
    parameters: Mapping[str, int],
    about: str,
    covers_images: bool,
) -> list[str]:
    """Sentences about the effects, the convolution against an MLP of its size, and what can't be told.

    They are Markdown, as the notes under the tables.

    Args:
      effects: of `lenet_jax.analysis.effects.effect_rows`, not empty.
      contrasts: of `lenet_jax.analysis.summaries.contrast_rows`.
      corners: by group, as of `lenet_jax.analysis.effects.find_corners`.
      fields: arm -> its flattened config.
      parameters: arm -> its number of parameters.
      about: on which images, "all 2,000 test images of mnist_5k".
      covers_images: whether the intervals cover the draw of these images.
    """
    by_group: dict[str, dict[str, Row]] = {}
    for row in effects:
        by_group.setdefault(row.get("arms", ""), {})[row["effect"]] = row
    numbers = sorted({row["seeds"] for row in effects})
    seeds = " or ".join(map(str, numbers)) + (" seed" if numbers == [1] else " seeds")
    covered = "one seed, so no intervals"
    if numbers != [1]:
        images = "and the draw of these images" if covers_images else "which do not cover test-set sampling"
        comma = "" if covers_images else ","
        covered = f"{CONFIDENCE:.0%} intervals over {seeds}{comma} {images}"
    sentences = [
        f"Numbers are errors per hundred, on {about}; {covered}.",
        "Connectivity and sharing are each averaged over the other. Interaction: what sharing saves with "
        "local connectivity minus what it saves with full connectivity. Gap: the errors of the fully "
        "connected network minus those of the convolution, which is the sum of the two effects. Errors, "
        "times: by how much the constraint multiplies the errors.",
    ]
    unknown = []
    for group, rows in by_group.items():
        with_group = f"With {markdown_text(group)}: " if group else ""
        sentences += [f"{with_group}{sentence}" for sentence in _decomposition(rows)]
        of_group = f" with {markdown_text(group)}" if group else ""
        unknown += [
            f"{what}{of_group}, {_number(rows[effect])}"
            for effect, what in UNTOLD.items()
            if not _is_told(rows[effect])
        ]
    convolutions = {of_group.local_shared for of_group in corners.values()}
    for row in map(_per_hundred, contrasts):
        arm, baseline = row["arm"], row["baseline"]
        ratio = parameters[arm] / parameters[baseline]
        is_mlp = fields[baseline]["model.name"] == "mlp"
        if arm in convolutions and is_mlp and abs(ratio - 1) <= SAME_SIZE:
            sentences.append(
                f"The convolution {_saves(row)}, compared with {markdown_text(baseline)}, "
                "an MLP of about the same size."
            )
        if not _is_told(row):
            unknown.append(f"{markdown_text(arm)} against {markdown_text(baseline)}, {_number(row)}")
    nothing = "nothing; every interval above and in the contrasts excludes 0"
    by = f"{seeds} and these test images" if covers_images else seeds
    return [*sentences, f"Can't be told with {by}: {'; '.join(unknown) or nothing}."]


def _decomposition(rows: Mapping[str, Row]) -> list[str]:
    """Sentences about the effects in one group of arms."""
    connectivity, sharing, interaction, gap = (
        rows[name] for name in ("connectivity", "sharing", "interaction", "gap")
    )
    sentences = [
        f"Of the gap of {_number(gap)} between the fully connected network and the convolution, local "
        f"connectivity accounts for {_number(connectivity)}{_share(connectivity)}, and weight sharing for "
        f"{_number(sharing)}{_share(sharing)}.",
        f"In one order, connectivity comes first and {_saves(rows['connectivity, unshared'])}, then sharing "
        f"{_saves(rows['sharing, local'])}; in the other, sharing comes first and "
        f"{_saves(rows['sharing, full'])}, then connectivity {_saves(rows['connectivity, shared'])}.",
    ]
    if _is_told(interaction):
        more, less = ("local", "full") if interaction[f"{SAVED}_mean"] > 0 else ("full", "local")
        sentences.append(
            f"Sharing saves more with {more} than with {less} connectivity: the interaction is "
            f"{_number(interaction)}."
        )
    return sentences


def _share(row: Row) -> str:
    """ ", 49% (41 to 57)", where the gap is clear enough for an interval."""
    mean, low, high = (row[f"{SHARE}_{end}"] for end in ("mean", "ci_low", "ci_high"))
    return "" if low is None else f", {mean:.0f}% ({low:.0f} to {high:.0f})"


def _saves(row: Row) -> str:
    """ "saves 1.2 (0.9 to 1.5)", or what it costs if the whole interval is below 0."""
    if _is_told(row) and row[f"{SAVED}_mean"] < 0:
        ends = zip(("mean", "ci_low", "ci_high"), ("mean", "ci_high", "ci_low"), strict=True)
        return f"costs {_number({f'{SAVED}_{end}': -row[f'{SAVED}_{opposite}'] for end, opposite in ends})}"
    return f"saves {_number(row)}"


def _per_hundred(contrast: Row) -> Row:
    """A contrast, a difference of accuracies, as errors saved per hundred."""
    ends = {
        end: None if contrast[f"difference_{end}"] is None else 100 * contrast[f"difference_{end}"]
        for end in ("mean", "ci_low", "ci_high")
    }
    return {**contrast, **{f"{SAVED}_{end}": value for end, value in ends.items()}}


def _number(row: Row) -> str:
    """A mean with its interval."""
    mean, low, high = (row[f"{SAVED}_{end}"] for end in ("mean", "ci_low", "ci_high"))
    interval = "" if low is None else f" ({low:z.1f} to {high:z.1f})"
    return f"{mean:z.1f}{interval}"


def _is_told(row: Row) -> bool:
    """Whether the interval excludes 0."""
    low, high = row[f"{SAVED}_ci_low"], row[f"{SAVED}_ci_high"]
    return low is not None and not low <= 0 <= high
