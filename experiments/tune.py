"""Selects one candidate for each arm of a config on validation images.

    python -m experiments.tune --config=configs/history/choices.py:1989 --workdir=DIR

The arms of the config file have candidates. Each candidate is trained with every seed; the one with the
best mean validation accuracy is selected. Test images are not scored. The selected values go to
DIR/selected.json, or are merged into --output=FILE, from which configs read them. --config.arms names arms,
all of whose candidates are trained.
"""

import pathlib

from absl import flags

from experiments import cli
from lenet_jax.config.arms import require_effect, select_arms
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.sweep import run_sweep
from lenet_jax.runs.tuning import candidate_arms, merge_selection, select_candidates


def main() -> None:
    config, directory, arms = cli.config(), cli.workdir(), cli.arms()
    selected = select_arms(config.arms, arms)
    candidates = candidate_arms(arms)
    require_effect(list(cli.changed_fields()), candidate_arms(selected))
    config.arms = ",".join(arm.name for arm in candidate_arms(selected))
    command = cli.command("experiments.tune")
    if not run_sweep(
        config,
        candidates,
        command,
        directory,
        kind="tuning",
        after_runs=write_results,
        rerun=flags.FLAGS.rerun,
    ):
        print(f"Already recorded in {directory}.\n")
    print(write_report(directory))
    _, runs = read_sweep(directory)
    chosen = select_candidates(selected, [run["result"] for run in runs])
    path = pathlib.Path(flags.FLAGS.output) if flags.FLAGS.output else directory / "selected.json"
    merge_selection(path, chosen)
    print()
    for name, selection in chosen.items():
        print(f"{name}: {selection['candidate']} (validation accuracy {selection['val_accuracy_mean']:.4f})")
    print(f"Selected on validation images; written to {path}")


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.define_rerun()
    flags.DEFINE_string("output", None, "JSON file into which the selected values are merged.")
    cli.run(main)
