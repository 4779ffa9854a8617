"""Measures what the trained networks of a sweep have learned, then writes and prints the tables.

    python -m experiments.ablate --config=configs/probes.py --workdir=DIR
    python -m experiments.probe --config=configs/probes.py --workdir=DIR

DIR is the folder of any sweep that has kept its networks. The config file defines get_probes(config), a list
of probes with their settings; --probes=NAME,NAME selects some, --config.arms=NAME,NAME arms of the folder;
tables show all that is recorded. A stopped command continues, and nothing is measured twice. Writes
probes.jsonl, probes.csv, probe_differences.csv, tables (.md) and figures.
"""

import copy

from absl import flags

from experiments import cli
from experiments.config_files import user_code
from lenet_jax.errors import UserError
from lenet_jax.probes.images import Images
from lenet_jax.probes.measuring import Choice, check_probes, measure
from lenet_jax.probes.probe import Probe
from lenet_jax.report.probe_pages import write_probes


def main() -> None:
    config, directory, probes = cli.config(), cli.workdir(), _probes()
    if changed := cli.changed_fields():
        raise UserError(
            f"--config.{next(iter(changed))} has no effect, as networks are measured as they were trained: "
            "leave it out."
        )
    arms = tuple(filter(None, (name.strip() for name in config.arms.split(","))))
    choice = Choice(tuple(flags.FLAGS.probes), arms)
    images = Images(config.data.data_dir, config.data.manual_dir)
    if not measure(directory, probes, images, choice, flags.FLAGS.rerun):
        print(f"Already measured in {directory}.\n")
    selected = [f"--probes={','.join(choice.probes)}"] if choice.probes else []
    print(write_probes(directory, probes, " ".join([*cli.command("experiments.probe"), *selected])))


def _probes() -> list[Probe]:
    """The probes that the config file lists. Raises UserError if it lists none."""
    file = cli.config_file()
    if not hasattr(file.module, "get_probes"):
        raise UserError(
            "This --config has no probes: it needs get_probes(config), as configs/probes.py has it."
        )
    with user_code("get_probes(config) of this --config raised"):
        listed = file.module.get_probes(copy.deepcopy(cli.config()), *file.arguments)
    return check_probes(listed)


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.define_rerun()
    flags.DEFINE_list("probes", [], "Which probes of the config file; by default all.")
    cli.run(main)
