"""Measures how fast training is, prints its tables, and writes them with a figure.

    python -m benchmarks --workdir=DIR

This takes about an hour on two cores, on which nothing else should run. DIR gets benchmark.csv, one
row as soon as it is measured, and at the end benchmark.md and benchmark.png. All groups of rows but `layers`
and `growth` compare with PyTorch, which the project itself does not need; `make benchmark` installs it and
runs this command. --quick tries the benchmark with little work; that still takes minutes, as processes start
and compile.
"""

import importlib.util
import sys

from absl import flags

from benchmarks import report, rows
from experiments import cli
from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.report import tables
from lenet_jax.runs.provenance import provenance


def main() -> None:
    directory = cli.workdir()
    chosen = [name.strip() for name in flags.FLAGS.rows.split(",") if name.strip()] or list(rows.GROUPS)
    if unknown := [name for name in chosen if name not in rows.GROUPS]:
        raise UserError(f"--rows names {', '.join(unknown)}: choose from {', '.join(rows.GROUPS)}.")
    if any(rows.GROUPS[name].needs_torch for name in chosen) and importlib.util.find_spec("torch") is None:
        without_torch = ",".join(name for name, group in rows.GROUPS.items() if not group.needs_torch)
        raise UserError(
            "PyTorch, with which the benchmark compares, is not installed: call `make benchmark`, which "
            f"installs it, or pass --rows={without_torch}."
        )
    directory.mkdir(parents=True, exist_ok=True)
    provenance()  # now, as the files written below may be tracked in the checkout
    scale = rows.Scale(turns=2, work=0.1) if flags.FLAGS.quick else rows.Scale(turns=5, work=1.0)
    measured = []
    for name in chosen:
        group = rows.GROUPS[name]
        print(f"Measuring {group.description} ...", file=sys.stderr, flush=True)
        for row in group.measure(scale):
            measured.append({"rows": name, **row})
            print(f"  {row['case']}: {row['ratio']:.2f} times {row['against']}", file=sys.stderr, flush=True)
            files.write(directory / "benchmark.csv", tables.to_csv(measured))
    options = [f"--rows={','.join(chosen)}"] if chosen != list(rows.GROUPS) else []
    options += ["--quick"] if flags.FLAGS.quick else []
    text = report.to_markdown(measured, " ".join([*options, "--workdir=DIR"]))
    files.write(directory / "benchmark.md", text)
    files.write(directory / "benchmark.png", report.draw(measured))
    print(text)


if __name__ == "__main__":
    cli.define_workdir()
    flags.DEFINE_string(
        "rows", "", f"Groups of rows, comma-separated: {','.join(rows.GROUPS)}. All by default."
    )
    flags.DEFINE_bool("quick", False, "Do little work: to try the benchmark, not to measure.")
    cli.run(main)
