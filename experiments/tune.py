"""Selects what a config leaves open, per arm, on validation images.

    python -m experiments.tune --config=configs/history/choices.py:1989 --workdir=DIR

The arms of the config file have candidates. Each candidate is trained with every seed; the one with the
best mean validation accuracy is selected. Test images are not scored. The selected values go to
DIR/selected.json, or are merged into --output=FILE, from which configs read them.
"""

import json
import pathlib

from absl import flags

from experiments import cli
from lenet_jax import files
from lenet_jax.config.arms import require_effect, select_arms
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.sweep import run_sweep
from lenet_jax.runs.tuning import candidate_arms, require_validation, select_candidates, selection_of


def main() -> None:
    config, directory, arms = cli.config(), cli.workdir(), cli.arms()
    selected = select_arms(config.arms, arms)
    require_effect(list(cli.changed_fields()), selected)
    config.arms = ",".join(arm.name for arm in candidate_arms(selected))
    run_sweep(
        config,
        candidate_arms(arms),
        cli.command("experiments.tune"),
        directory,
        kind="tuning",
        after_runs=write_results,
        rerun=flags.FLAGS.rerun,
    )
    print(write_report(directory))
