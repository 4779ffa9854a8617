"""Measures how fast training is, prints one table, and writes it with a figure.

    python -m benchmarks --workdir=DIR

Takes about ten minutes on two cores, on which nothing else should run. DIR gets benchmark.csv, a row as it
comes, then benchmark.md and benchmark.png. All rows but --rows=layers,growth compare with PyTorch, which the
project itself does not need; `make benchmark` installs it and runs this. --quick does little work, to try it
(minutes, too, as processes start and compile).
"""

import importlib.util
import sys

from absl import flags

from benchmarks import report, rows
from experiments import cli
from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.report import tables
from lenet_jax.runs import provenance


def main() -> None:
    directory = cli.workdir()
    chosen = [name.strip() for name in flags.FLAGS.rows.split(",") if name.strip()] or list(rows.GROUPS)
    if unknown := [name for name in chosen if name not in rows.GROUPS]:
        raise UserError(f"--rows names {', '.join(unknown)}: choose from {', '.join(rows.GROUPS)}.")
    if any(rows.GROUPS[name][2] for name in chosen) and importlib.util.find_spec("torch") is None:
        without = ",".join(name for name, (*_, takes_torch) in rows.GROUPS.items() if not takes_torch)
        raise UserError(
            "PyTorch, with which the benchmark compares, is not installed: call `make benchmark`, which "
            f"installs it, or --rows={without}."
        )
    directory.mkdir(parents=True, exist_ok=True)
    provenance()  # of the checkout as it is now: what is written below may be tracked in it
    scale = rows.Scale(turns=2, work=0.1) if flags.FLAGS.quick else rows.Scale(turns=7, work=1.0)
    rate = rows.product_rate()
    measured = []
    for name in chosen:
        what, measure, _ = rows.GROUPS[name]
        print(f"Measuring {what} ...", file=sys.stderr, flush=True)
        for row in measure(scale, rate):
            measured.append({"rows": name, **row})
            print(f"  {row['case']}: {row['ratio']:.2f} times {row['against']}", file=sys.stderr, flush=True)
            files.write(directory / "benchmark.csv", tables.to_csv(measured))
    options = [f"--rows={','.join(chosen)}"] if chosen != list(rows.GROUPS) else []
    options += ["--quick"] if flags.FLAGS.quick else []
    text = report.to_markdown(measured, rate, " ".join([*options, "--workdir=DIR"]))
    files.write(directory / "benchmark.md", text)
    files.write(directory / "benchmark.png", report.draw(measured))
    print(text)


if __name__ == "__main__":
    cli.define_workdir()
    flags.DEFINE_string(
        "rows", "", f"Groups of rows, comma-separated, of {','.join(rows.GROUPS)}; all by default."
    )
    flags.DEFINE_bool("quick", False, "Little work: to try the benchmark, not to measure.")
    cli.run(main)
