"""Draws the bitmaps that a config's RBF output units compare with.

    python -m experiments.bitmaps --config=configs/history/lenet5.py --workdir=DIR

Writes DIR/bitmaps.png.
"""

from experiments import cli
from lenet_jax import files
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.models.bitmaps import read_bitmaps
from lenet_jax.report import figures


def main() -> None:
    resolved, directory = resolve(cli.config()), cli.workdir()
    config = resolved.config
    if config.model.output != "rbf":
        raise UserError(
            f"config.model.output={config.model.output} has no bitmaps: use a config with rbf units, such as "
            "configs/history/lenet5.py."
        )
    figure = figures.bitmaps_of_classes(read_bitmaps(config.model.bitmaps, len(resolved.dataset.classes)))
    path = directory / "bitmaps.png"
    files.make_directory(directory)
    files.write(path, figures.render(figure, "png"))
    print(f"Drawn in {path}")


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.run(main)
