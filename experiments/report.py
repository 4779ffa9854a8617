"""Rebuilds the tables, figures and report.html of a folder from its records, and prints the tables.

    python -m experiments.report --workdir=DIR

It also works on a sweep that was stopped or is still running, and shows what is recorded so far. Of runs that
were sent to jobs (--launcher), it says how many are done, running, waiting and lost.
"""

from experiments import cli
from lenet_jax.report.pages import write_report
from lenet_jax.runs import jobs


def main() -> None:
    directory = cli.workdir()
    found = jobs.states(directory)
    if of_jobs := jobs.describe(directory, found):
        print(f"{of_jobs}\n")
    if of_jobs and not jobs.recorded_runs(directory):
        return
    print(write_report(directory, of_jobs))


if __name__ == "__main__":
    cli.define_workdir()
    cli.run(main)
