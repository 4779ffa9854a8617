"""Runs a sweep, every arm with every seed, then writes and prints its tables.

    python -m experiments.ablate --config=configs/ablation.py --workdir=DIR

The config file defines get_arms(config), get_contrasts() where arms are to be compared in pairs, and
get_references() where they are to stand beside a paper's figures.
--config.seeds=N says how many seeds, --config.arms=NAME,NAME which arms. A sweep that was stopped
goes on with the same command.
"""

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.sweep import require_effect, run_sweep, select_arms


def main() -> None:
    config, directory, module = cli.config(), cli.workdir(), cli.config_module()
    if not hasattr(module, "get_arms") or "seeds" not in config or "arms" not in config:
        raise UserError(
            "This --config is no sweep: it needs get_arms(config) and the fields seeds and arms, as "
            "configs/ablation.py has them."
        )
    try:
        arms = module.get_arms(config)
        contrasts = module.get_contrasts() if hasattr(module, "get_contrasts") else {}
        references = module.get_references() if hasattr(module, "get_references") else {}
    except UserError:
        raise
    except Exception as error:  # whatever a user's file raises
        raise UserError(f"This --config's arms cannot be made: {cli.one_line(error)}.") from error
    require_effect(cli.changed_fields(), select_arms(config, arms))
    command = cli.command_line("experiments.ablate")
    run_sweep(config, arms, contrasts, command, directory, write_results, references)
    print(write_report(directory))


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.run(main)
