"""What a sweep has found, in sentences: each number with its interval, and what can't be told."""

from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.analysis.effects import SAVED, Corners
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row


def findings(
    effects: Sequence[Row],
    contrasts: Sequence[Row],
    corners: Corners,
    fields: Mapping[str, Mapping[str, Any]],
    about: str,
) -> list[str]:
    """Sentences about the main effects, the convolution against an MLP of its size, and open questions.

    Args:
      effects: of `lenet_jax.analysis.effects.effect_rows`, not empty.
      contrasts: of `lenet_jax.analysis.summaries.contrast_rows`.
      fields: arm -> its flattened config.
      about: on which images, "all 2,000 test images of mnist_5k".
    """
    by_effect = {row["effect"]: row for row in effects}
    seeds = effects[0]["seeds"]
    covered = f"{CONFIDENCE:.0%} intervals over {seeds} seeds" if seeds > 1 else "one seed, so no intervals"
    sentences = [
        f"In errors per hundred, on {about}; {covered}, which do not cover the choice of test images.",
        _saves("Local instead of full connectivity", by_effect["connectivity"], "both kinds of weights"),
        _saves("Sharing weights", by_effect["sharing"], "local and full connectivity"),
        f"Together that is the gap of {_number(by_effect['gap'])} between the fully connected network "
        "and the convolution.",
    ]
    open_questions = []
    if not _is_told(by_effect["interaction"]):
        open_questions.append(
            "whether sharing saves more with local or with full connectivity, "
            f"{_number(by_effect['interaction'])}"
        )
    for row in contrasts:
        row = _per_hundred(row)
        if row["arm"] == corners.local_shared and fields[row["baseline"]].get("model.parameter_budget"):
            sentences.append(_against_mlp(row))
        if not _is_told(row):
            open_questions.append(f"{row['arm']} against {row['baseline']}, {_number(row)}")
    told = "; ".join(open_questions) or "nothing: every interval above and in the contrasts excludes 0"
    return [*sentences, f"Can't be told with {_seeds(seeds)}: {told}."]


def _saves(what: str, row: Row, averaged_over: str) -> str:
    unclear = "" if _is_told(row) else "; whether it saves any can't be told"
    return f"{what} {_verb(row)}, averaged over {averaged_over}{unclear}."


def _against_mlp(row: Row) -> str:
    unclear = "" if _is_told(row) else "; which is better can't be told"
    return f"The convolution {_verb(row)} against {row['baseline']}, an MLP with as many parameters{unclear}."


def _verb(row: Row) -> str:
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
    mean, low, high = (row[f"{SAVED}_{end}"] for end in ("mean", "ci_low", "ci_high"))
    interval = "" if low is None else f" ({low:z.1f} to {high:z.1f})"
    return f"{mean:z.1f}{interval}"


def _is_told(row: Row) -> bool:
    """Whether the interval excludes 0."""
    low, high = row[f"{SAVED}_ci_low"], row[f"{SAVED}_ci_high"]
    return low is not None and not low <= 0 <= high


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
