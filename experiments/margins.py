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

import pathlib

from absl import flags

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.report import tables
from lenet_jax.runs.pilot import largest_margin, margin_rows
from lenet_jax.runs.tuning import merge_selection


def main() -> None:
    config, arms = cli.config(), cli.arms()
    planned = cli.planned_contrasts(arms)
    if not planned:
        raise UserError("This --config plans no contrasts: it needs get_planned_contrasts(config).")
    if not flags.FLAGS.pilot:
        raise UserError("--pilot=DIR is missing: name the folder of a tuning sweep.")
    rows = margin_rows(config, arms, planned, pathlib.Path(flags.FLAGS.pilot))
    margin = largest_margin(rows)
    print(f"{tables.to_text(rows)}\n\nMargin for {config.dataset}: {margin:g} errors per hundred.")
    if flags.FLAGS.output:
        merge_selection(pathlib.Path(flags.FLAGS.output), {config.dataset: margin}, "margins")


if __name__ == "__main__":
    cli.define_config()
    cli.define_path("pilot", "Folder of a tuning sweep with runs of each arm's config.")
    cli.define_path("output", "JSON file into which the margin is merged.")
    cli.run(main)
