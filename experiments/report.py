"""Rebuilds the tables and the figure of a folder from its records, and prints the tables.

    python -m experiments.report --workdir=DIR

It also works on a sweep that was stopped or is still running, and shows what is recorded so far.
"""

from experiments import cli
from lenet_jax.report.pages import write_report


def main() -> None:
    print(write_report(cli.workdir()))


if __name__ == "__main__":
    cli.define_workdir()
    cli.run(main)
