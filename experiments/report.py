"""Rebuilds the tables and the figure of a sweep from its records, and prints the tables.

    python -m experiments.report --workdir=DIR

Works on a sweep that is stopped or still running, too: what is recorded by then is shown.
"""

from experiments import cli
from lenet_jax.report.pages import write_report


def main() -> None:
    print(write_report(cli.workdir()))


if __name__ == "__main__":
    cli.define_workdir()
    cli.run(main)
