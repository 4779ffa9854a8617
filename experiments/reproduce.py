"""Runs the command of a recorded table again, and says whether its numbers are the same.

    python -m experiments.reproduce --recorded=results/mnist_5k --workdir=runs/reproduce/mnist_5k

The command is read from config.json in the folder --recorded, and its results go to --workdir. On the same
kind of machine, with the same versions, every digit is equal; otherwise the largest difference is shown, and
whether each arm's mean lies in the recorded interval. If one does not, the exit status is 1. The number of
threads is the recorded one; tables that do not record it may differ in last digits.
"""

import pathlib
import re
import subprocess
import sys
from collections.abc import Sequence

from absl import flags

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.report.comparison import compare
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.store import read_sweep

COMMANDS = ("experiments.ablate", "experiments.train")
FIELD = re.compile(r"--config(\.[\w.]+)?=.*", re.DOTALL)


def main() -> None:
    if not flags.FLAGS.recorded:
        raise UserError("--recorded=DIR is missing: name the folder of a table, such as results/mnist_5k.")
    recorded, directory = pathlib.Path(flags.FLAGS.recorded), cli.workdir()
    header, runs = read_sweep(recorded)
    ended = subprocess.run([*command_of(recorded, header, runs), "--rerun", f"--workdir={directory}"])
    if ended.returncode:
        sys.exit(ended.returncode)
    comparison = compare(runs, read_sweep(directory)[1])
    table = "table.csv"
    if (recorded / table).exists():
        is_same = (recorded / table).read_bytes() == (directory / table).read_bytes()
        print(f"\n{recorded / table}: {'identical' if is_same else 'different'}.")
    print("\n".join(comparison.sentences))
    sys.exit(not comparison.holds)


def command_of(directory: pathlib.Path, header: Header, runs: Sequence[Record]) -> list[str]:
    """The words of the recorded command, for this Python and with the recorded number of threads.

    Raises UserError if it is not one of COMMANDS with fields of a config.
    """
    match header["command"]:
        case ["python", "-m", name, *fields] if name in COMMANDS and all(map(FIELD.fullmatch, fields)):
            threads = {run["provenance"].get("threads") for run in runs} - {None}
            return [sys.executable, "-m", name, *fields, *(f"--threads={number}" for number in threads)]
    raise UserError(
        f"The command of {directory}, {' '.join(header['command'])!r}, is not one of "
        f"{', '.join(COMMANDS)}: name the folder of a sweep or of a run."
    )


if __name__ == "__main__":
    cli.define_path("recorded", "Folder of the recorded table.")
    cli.define_workdir()
    cli.run(main)
