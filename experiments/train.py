"""Trains and scores one run.

    python -m experiments.train --config=configs/lenet5.py --workdir=DIR

DIR holds the records of a sweep with one run: config.json, runs.jsonl and epochs.jsonl, from which
experiments.report makes the tables. A run that is already recorded is not computed again; one that was
stopped goes on from its last checkpoint.
"""

from absl import flags

from experiments import cli
from lenet_jax.config.fields import SWEEP_FIELDS
from lenet_jax.config.identity import flatten
from lenet_jax.errors import UserError
from lenet_jax.runs.loaded import load_sweep
from lenet_jax.runs.result import describe
from lenet_jax.runs.single import train_in_folder


def main() -> None:
    config, directory = cli.config(), cli.workdir()
    fields, own = flatten(config), flatten(cli.config_file().get_config())
    if of_sweep := [field for field in SWEEP_FIELDS if fields.get(field) != own.get(field)]:
        raise UserError(
            f"--config.{of_sweep[0]} is for sweeps, but this command trains one run: leave it out, or use "
            "experiments.ablate."
        )
    is_new = train_in_folder(config, cli.command("experiments.train"), directory, rerun=flags.FLAGS.rerun)
    sweep = load_sweep(directory)
    [run] = sweep
    if is_new:
        print(f"{describe(run.result)}; recorded in {directory}")
    else:
        print(f"Already recorded in {directory}: {describe(run.result)}")
    print(sweep.describe_networks())


if __name__ == "__main__":
    cli.define_config(has_default=True)
    cli.define_workdir()
    cli.define_rerun()
    cli.define_threads(default=0)
    cli.run(main)
