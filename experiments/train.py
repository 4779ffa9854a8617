"""Trains and scores one run.

    python -m experiments.train --config=configs/lenet5.py --workdir=DIR

DIR holds metrics.jsonl, a line an epoch, and record.json: the result, the resolved config, the
library versions, the device and the git revision. A run already recorded is not run again; one
that was stopped starts over.
"""

from experiments import cli
from lenet_jax.config import fields as config_lib
from lenet_jax.runs import records, workdir
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.run import Job, check, describe, prepare, train_and_record


def main() -> None:
    config, directory = cli.config(), cli.workdir()
    check(config)
    flat = config_lib.to_record(config)
    with workdir.claim_directory(directory):
        workdir.check_config(directory, flat, sweep=False)
        if recorded := workdir.read_or_set_aside(directory / records.RECORD):
            workdir.refuse_differences(directory, recorded["config"], flat)
            print(f"Already recorded in {directory}: {describe(recorded['result'])}")
            return
        prepared = prepare(config)
        command = cli.command_line("experiments.train")
        records.write_record(directory / workdir.CONFIG, {"command": command, "config": flat})
        with Progress(config.train.epochs) as progress:
            [result] = train_and_record([Job(config.model.name, config, directory)], prepared, progress)
    print(f"{describe(result)}; recorded in {directory}")


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.run(main)
