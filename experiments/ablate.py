"""Runs a sweep, every arm with every seed, then writes and prints its tables.

    python -m experiments.ablate --config=configs/ablation.py --workdir=DIR

The config file defines get_arms(config), and get_contrasts() where arms are to be compared in pairs.
--config.seeds=N says how many seeds, --config.arms=NAME,NAME which arms. A sweep that was stopped
goes on with the same command.
"""

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.report import write_report, write_results
from lenet_jax.sweep import run_sweep


def main() -> None:
    module, directory = cli.config_module(), cli.workdir()
    if not hasattr(module, "get_arms"):
        raise UserError("This --config defines no get_arms(config): take configs/ablation.py as an example.")
    config = cli.config()
    contrasts = module.get_contrasts() if hasattr(module, "get_contrasts") else {}
    command = cli.command_line("experiments.ablate")
    run_sweep(config, module.get_arms(config), contrasts, command, directory, after_run=write_results)
    print(write_report(directory))


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.run(main)
