"""Decomposes the gap between the fully connected network and the convolution, several sweeps side by side.

    python -m experiments.decompose --sweeps=results/mnist,results/usps --workdir=DIR

Each sweep has the four corners: local and full, with shared and unshared weights. Writes decomposition.csv,
.md, .tex and a figure (.png, .pdf, .svg) that shows both orders in which the constraints can be added;
connectivity.md and sharing.md, with what each saves in both orders; answer.md, which says what the larger
part of the gap is; training.md, with the errors on the training images; planned.md, with the planned
contrasts of all datasets; errors.csv, .md and .tex, with the test errors of all arms, datasets side by side;
and where a dataset has several groups of corners, such as with average pooling and without, changes.* and
changed_arms.*, with what changes in effects and in errors. An image-sized kernel of a later sweep that is
padded replaces the one that wraps round in the first group.
"""

import pathlib

from absl import flags

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.report.markup import shell_word
from lenet_jax.report.pages import write_side_by_side
from lenet_jax.report.scores import read_scores


def main() -> None:
    if not flags.FLAGS.sweeps:
        raise UserError("--sweeps=DIR,DIR is missing: name the folders of sweeps with the four corners.")
    names = [name.strip() for name in flags.FLAGS.sweeps if name.strip()]
    sweeps = [read_scores(pathlib.Path(name).expanduser()) for name in names]
    command = f"python -m experiments.decompose --sweeps={','.join(map(shell_word, names))} --workdir=DIR"
    print(write_side_by_side(cli.workdir(), sweeps, command))


if __name__ == "__main__":
    flags.DEFINE_list("sweeps", None, "Folders of recorded sweeps, comma-separated.")
    cli.define_workdir()
    cli.run(main)
