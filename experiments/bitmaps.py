"""Draws the bitmaps that a config's RBF output units compare with.

    python -m experiments.bitmaps --config=configs/history/lenet5.py --workdir=DIR

Writes DIR/bitmaps.png.
"""

from experiments import cli
from lenet_jax import files
from lenet_jax.config.build_model import build_model
from lenet_jax.errors import UserError
from lenet_jax.models.bitmaps import read_bitmaps
from lenet_jax.models.networks import CLASSES
from lenet_jax.report import figures
from lenet_jax.runs import workdir


def main() -> None:
    config, directory = cli.config(), cli.workdir()
    build_model(config.model, config.data.image_size)  # refuses what doesn't fit
    if config.model.output != "rbf":
        raise UserError(
            f"config.model.output={config.model.output} has no bitmaps: name a config with rbf, such as "
            "configs/history/lenet5.py."
        )
    bitmaps = read_bitmaps(config.model.bitmaps, CLASSES)
    path = directory / "bitmaps.png"
    with workdir.claim_directory(directory):
        files.write(path, figures.bitmaps_of_classes(bitmaps))
    print(f"Drawn in {path}")


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.run(main)
