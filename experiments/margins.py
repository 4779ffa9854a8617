"""Margins for a sweep's equivalence tests, by a power calculation from a pilot's validation answers.

    python -m experiments.margins --config=configs/finding/core.py:mnist \\
        --pilot=results/finding/choices_mnist --output=configs/finding/margins.json

For each planned contrast of the config file, prints the standard error to expect with the config's number of
seeds and all test images, and the smallest margin that two one-sided tests at 5% find with a probability of
80% if the true difference is 0. The pilot is a tuning sweep with runs of each arm's config, by seeds of its
own. The largest margin, rounded up to hundredths, goes into --output=FILE under the dataset's name. Contrasts
whose weights are larger in sum than those of a difference between two arms, such as interactions, do not
count there.
"""

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
from absl import flags

from experiments import cli
from lenet_jax import files
from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.power import margins
from lenet_jax.analysis.summaries import Row
from lenet_jax.config.arms import Arm, PlannedContrast
from lenet_jax.config.fields import override
from lenet_jax.config.identity import identifies
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.report import tables
from lenet_jax.runs.mistakes import mistakes_of, scored_split
from lenet_jax.runs.plan import list_runs
from lenet_jax.runs.store import read_sweep


def main() -> None:
    config, arms = cli.config(), cli.arms()
    planned = cli.planned_contrasts(arms)
    if not planned:
        raise UserError("This --config plans no contrasts: it needs get_planned_contrasts(config).")
    if not flags.FLAGS.pilot:
        raise UserError("--pilot=DIR is missing: name the folder of a tuning sweep.")
    rows = margin_rows(config, arms, planned, pathlib.Path(flags.FLAGS.pilot))
    print(tables.to_text(rows))
    margin = max(row["margin"] for row in rows if row["counts"] == "yes")
    rounded = math.ceil(100 * margin) / 100
    print(f"\nMargin for {config.dataset}: {rounded:g} errors per hundred.")
    if flags.FLAGS.output:
        write_margin(pathlib.Path(flags.FLAGS.output), config.dataset, rounded)


def margin_rows(
    config: ml_collections.ConfigDict,
    arms: Sequence[Arm],
    planned: Sequence[PlannedContrast],
    pilot: pathlib.Path,
) -> list[Row]:
    """One row per planned contrast, in errors per hundred.

    Raises UserError if the pilot lacks runs of an arm's config or their answers, or if it shares seeds.
    """
    wrong = _pilot_answers(config, arms, planned, pilot)
    accuracies = {key: 1 - len(images) / wrong.count for key, images in wrong.images.items()}
    sums = [weighted_sum(contrast.weights, accuracies, wrong) for contrast in planned]
    cells = []
    for contrast, one in zip(planned, sums, strict=True):
        if len(one.seeds) < 2 or one.of_cell_SI is None:
            raise UserError(
                f"{pilot} has fewer than two seeds of all arms in {contrast.name!r}: tune with two."
            )
        cells.append(one.of_cell_SI)
    found = margins(cells, config.seeds, resolve(config).dataset.test_count)
    return [
        {
            "contrast": contrast.name,
            "expected standard error": 100 * margin.standard_error,
            "margin": 100 * margin.margin,
            "counts": "yes" if sum(map(abs, contrast.weights.values())) <= 2 else "no",
        }
        for contrast, margin in zip(planned, found, strict=True)
    ]


def _pilot_answers(
    config: ml_collections.ConfigDict,
    arms: Sequence[Arm],
    planned: Sequence[PlannedContrast],
    pilot: pathlib.Path,
) -> Wrong:
    """The wrong answers of the pilot's runs to validation images, under the names of the sweep's arms."""
    _, runs = read_sweep(pilot)
    by_config: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        if scored_split(run) != "validation":
            raise UserError(
                f"{pilot} scores test images, which choose nothing: name the folder of a tuning sweep."
            )
        by_config.setdefault(_identity(run["config"]), []).append(run)
    needed = {arm for contrast in planned for arm in contrast.weights}
    images = {}
    for planned_run in list_runs(override(config, {"seeds": 1, "arms": ",".join(sorted(needed))}), arms):
        repetitions = by_config.get(_identity(planned_run.resolved.fields), [])
        if not repetitions:
            raise UserError(
                f"{pilot} has no runs of the config of arm {planned_run.arm}: tune again, or name another "
                "--pilot."
            )
        if shared := [
            run["seed"] for run in repetitions if config.seed <= run["seed"] < config.seed + config.seeds
        ]:
            raise UserError(
                f"{pilot} has runs with seed {shared[0]}, which the sweep uses: a pilot has its own."
            )
        mistakes = mistakes_of(pilot, repetitions)
        if mistakes is None:
            raise UserError(f"{pilot} lacks the answers of arm {planned_run.arm}: tune again with --rerun.")
        images |= {(planned_run.arm, seed): found.images for (_, seed), found in mistakes.items()}
    return Wrong(images, runs[0]["images"]["validation"])


def _identity(fields: Mapping[str, Any]) -> str:
    """What repetitions have in common."""
    return json.dumps({name: fields[name] for name in sorted(fields) if identifies(name) and name != "seed"})


def write_margin(path: pathlib.Path, dataset: str, margin: float) -> None:
    """Merges a dataset's margin into a JSON file. Raises UserError if it holds something else."""
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a file of margins ({error}): name another.") from error
    if not isinstance(known, dict):
        raise UserError(f"{path} is not a file of margins: name another.")
    files.write(path, json.dumps(dict(sorted({**known, dataset: margin}.items())), indent=1) + "\n")


if __name__ == "__main__":
    cli.define_config()
    cli.define_path("pilot", "Folder of a tuning sweep with runs of each arm's config.")
    cli.define_path("output", "JSON file into which the margin is merged.")
    cli.run(main)
