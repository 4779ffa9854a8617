"""What the validation answers of a tuning sweep say about a sweep that is planned: margins for its tests."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.power import margins
from lenet_jax.analysis.summaries import Row, fingerprint
from lenet_jax.config.arms import Arm, PlannedContrast
from lenet_jax.config.fields import override
from lenet_jax.config.identity import identifying
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.runs.mistakes import mistakes_of, scored_split
from lenet_jax.runs.plan import list_runs
from lenet_jax.runs.store import read_sweep

WEIGHTS_OF_A_DIFFERENCE = 2.0  # between two arms: the sum of their sizes


def margin_rows(
    config: ml_collections.ConfigDict,
    arms: Sequence[Arm],
    planned: Sequence[PlannedContrast],
    directory: pathlib.Path,
) -> list[Row]:
    """One row per planned contrast, in errors per hundred; see `lenet_jax.analysis.power.margins`.

    `sets the margin` says whether `largest_margin` considers it: contrasts with larger weights, such as
    interactions, do not.

    Args:
      config: of the planned sweep, which has `config.seeds` seeds and all test images.
      directory: of a tuning sweep, the pilot, that has runs of each arm's config.

    Raises UserError if the pilot lacks runs of an arm's config or their answers, scores test images, or
    shares seeds with the planned sweep.
    """
    wrong = _pilot_answers(config, arms, planned, directory)
    accuracies = {key: 1 - len(images) / wrong.count for key, images in wrong.images.items()}
    cells = []
    for contrast in planned:
        found = weighted_sum(contrast.weights, accuracies, wrong)
        if len(found.seeds) < 2 or found.of_cell_SI is None:
            raise UserError(
                f"{directory} has fewer than two seeds common to all arms of {contrast.name!r}: tune with "
                "--config.seeds=2 or more."
            )
        cells.append(found.of_cell_SI)
    of_contrasts = margins(cells, config.seeds, resolve(config).dataset.test_count)
    return [
        {
            "contrast": contrast.name,
            "expected standard error": 100 * margin.standard_error,
            "margin": 100 * margin.margin,
            "sets the margin": "yes" if _is_difference(contrast) else "no",
        }
        for contrast, margin in zip(planned, of_contrasts, strict=True)
    ]


def largest_margin(rows: Sequence[Row]) -> float:
    """The largest margin of `margin_rows`, rounded up to hundredths, in errors per hundred.

    Raises UserError if no contrast sets it.
    """
    margins_of = [row["margin"] for row in rows if row["sets the margin"] == "yes"]
    if not margins_of:
        raise UserError(
            "No planned contrast has the weights of a difference between two arms, whose sizes add up to "
            f"{WEIGHTS_OF_A_DIFFERENCE:g}: plan one, or set margins yourself."
        )
    return math.ceil(100 * max(margins_of)) / 100


def _is_difference(contrast: PlannedContrast) -> bool:
    return sum(map(abs, contrast.weights.values())) <= WEIGHTS_OF_A_DIFFERENCE + 1e-9


def _pilot_answers(
    config: ml_collections.ConfigDict,
    arms: Sequence[Arm],
    planned: Sequence[PlannedContrast],
    directory: pathlib.Path,
) -> Wrong:
    """The wrong answers of the pilot's runs to validation images, under the names of the sweep's arms."""
    _, runs = read_sweep(directory)
    by_config: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        if scored_split(run) != "validation":
            raise UserError(
                f"{directory} has runs that scored test images, which must not set a margin: name the folder "
                "of a tuning sweep."
            )
        by_config.setdefault(_identity(run["config"]), []).append(run)
    needed = ",".join(sorted({arm for contrast in planned for arm in contrast.weights}))
    own_seeds = range(config.seed, config.seed + config.seeds)
    images = {}
    for planned_run in list_runs(override(config, {"seeds": 1, "arms": needed}), arms):
        repetitions = by_config.get(_identity(planned_run.resolved.fields), [])
        if not repetitions:
            raise UserError(
                f"{directory} has no runs of the config of arm {planned_run.arm}: tune again, or name "
                "another --pilot."
            )
        if shared := [run["seed"] for run in repetitions if run["seed"] in own_seeds]:
            raise UserError(
                f"{directory} has runs with seed {shared[0]}, which the sweep also uses: tune with other "
                "seeds (--config.seed)."
            )
        mistakes = mistakes_of(directory, repetitions)
        if mistakes is None:
            raise UserError(
                f"{directory} lacks the answers of arm {planned_run.arm}: tune again with --rerun."
            )
        images |= {(planned_run.arm, seed): found.images for (_, seed), found in mistakes.items()}
    return Wrong(images, runs[0]["images"]["validation"])


def _identity(fields: Mapping[str, Any]) -> str:
    """What repetitions have in common."""
    return fingerprint(identifying(fields), without=("seed",))
