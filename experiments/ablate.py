"""Runs a sweep, every arm with every seed, then writes and prints its tables.

    python -m experiments.ablate --config=configs/ablation.py --workdir=DIR

The config file defines get_config() and get_arms(config), a list of lenet_jax.Arm, and may define
get_planned_contrasts(config), a list of lenet_jax.PlannedContrast. --config.seeds=N sets
the number of seeds, --config.arms=NAME,NAME selects arms. --workers=N processes share the runs. A stopped
sweep continues with the same command, runs in training from their last checkpoint, and two commands on one
folder share its runs. Recorded runs are not computed again. --launcher=slurm sends the open runs to a
cluster, and --distributed trains on the devices of several processes together (docs/cluster.md).
"""

from absl import flags

from experiments import cli, launching
from lenet_jax.config.arms import select_arms
from lenet_jax.config.checks import require_effect
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.loaded import load_sweep
from lenet_jax.runs.plan import Request


def main() -> None:
    config, directory, arms = cli.config(), cli.workdir(), cli.arms()
    selected = select_arms(config.arms, arms)
    require_effect(list(cli.changed_fields()), selected, config)
    request = Request(
        config,
        arms,
        cli.command("experiments.ablate"),
        directory,
        rerun=flags.FLAGS.rerun,
        planned=cli.planned_contrasts(arms),
    )
    if launching.send_if_asked(request, write_results, write_report):
        return
    filled = launching.train(request, write_results)
    if filled.number:
        return  # process 0 writes the report
    if not filled.is_new:
        print(f"Already recorded in {directory}.\n")
    report = write_report(directory)
    print(f"{load_sweep(directory).describe_networks()}\n\n{report}")


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.define_rerun()
    cli.define_threads(default=1)
    launching.define_workers()
    cli.run(main, launching.prepare_devices)
