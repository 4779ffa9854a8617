"""Runs the command of a recorded table again, and says whether its numbers are the same.

    python -m experiments.reproduce --recorded=results/mnist_5k --workdir=runs/reproduce/mnist_5k

The command is read from config.json in the folder --recorded, and its results go to --workdir. On the same
kind of machine, with the same versions, every digit is equal; otherwise the largest difference is shown, and
whether each arm's mean lies in the recorded interval. If one does not, the exit status is 1. The number of
threads is the recorded one; runs that do not record it used all cores. Runs that matrix products computed are
computed by them again, and those of the native kernel by it, see docs/performance.md.
"""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from absl import flags

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.report.captions import recorded_command
from lenet_jax.report.comparison import compare
from lenet_jax.report.pages import write_report
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.provenance import recorded_form
from lenet_jax.runs.store import read_sweep

COMMANDS = ("experiments.ablate", "experiments.train")
FIELD = re.compile(r"--config(\.[\w.]+)?=.*", re.DOTALL)


def main() -> None:
    if not flags.FLAGS.recorded:
        raise UserError("--recorded=DIR is missing: name the folder of a table, such as results/mnist_5k.")
    recorded, directory = pathlib.Path(flags.FLAGS.recorded), cli.workdir()
    if directory.resolve() == recorded.resolve():
        raise UserError(
            f"--workdir={directory} is the recorded folder, whose runs would be replaced: choose another one."
        )
    header, runs = read_sweep(recorded)
    command = [*command_of(recorded, header, runs), "--rerun", f"--workdir={directory}"]
    if status := _run(command, environment_of(runs)):
        sys.exit(status)
    write_report(directory)  # experiments.train writes none
    comparison = compare(runs, read_sweep(directory)[1])
    tables = [folder / "table.csv" for folder in (recorded, directory)]
    if all(table.exists() for table in tables):
        is_same = tables[0].read_bytes() == tables[1].read_bytes()
        print(f"\n{tables[0]}: {'identical' if is_same else 'different'}.")
    print("\n".join(comparison.sentences))
    sys.exit(not comparison.holds)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit status of a command that gets the signals of this process."""
    child = subprocess.Popen(command, env=environment)
    # Ctrl-C reaches the child as well; it saves, and ends.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    status = child.wait()
    return status if status >= 0 else 128 - status


def environment_of(runs: Sequence[Record]) -> dict[str, str]:
    """The variables of this process, with the native kernel or without it, as the runs were computed."""
    environment = dict(os.environ)
    forms = {recorded_form(run["provenance"]) for run in runs}
    if forms == {form.PRODUCTS}:
        environment[form.SWITCH] = "0"
    elif forms == {form.NATIVE}:
        environment.pop(form.SWITCH, None)
    return environment


def command_of(directory: pathlib.Path, header: Header, runs: Sequence[Record]) -> list[str]:
    """The words of the command that gives the recorded runs, with this Python and their number of threads.

    Runs that do not record it used all cores.

    Raises UserError if the recorded command is not one of COMMANDS with fields of a config.
    """
    match header["command"]:
        case ["python", "-m", name, *fields] if name in COMMANDS and all(map(FIELD.fullmatch, fields)):
            words = shlex.split(recorded_command(header, runs))[3:-1]  # without --workdir=DIR
            threads = {run["provenance"].get("threads", 0) for run in runs} - {None}  # None: not on a CPU
            words += [f"--threads={number}" for number in sorted(threads)[-1:]]
            return [sys.executable, "-m", name, *words]
    raise UserError(
        f"The command of {directory}, {' '.join(header['command'])!r}, is not one of "
        f"{', '.join(COMMANDS)}: name the folder of a sweep or of a run."
    )


if __name__ == "__main__":
    cli.define_path("recorded", "Folder of the recorded table.")
    cli.define_workdir()
    cli.run(main)
