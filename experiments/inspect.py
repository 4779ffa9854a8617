"""Draws what a folder's trained networks do, as PNG and PDF.

    python -m experiments.inspect --workdir=DIR
    python -m experiments.inspect --workdir=DIR --arm=local_shared,full_unshared --seed=1 --image=0,17

Writes into DIR/pictures:

- the learning curves of all arms, or of those named;
- of each arm named, or of the first with a kept network: the confusion matrix, the most confident mistakes,
  the weights of the first layer, and the feature maps of an image;
- the images that one of two arms gets right and the other wrong: the two named, or the one drawn and, of the
  others, the one with the most parameters.

Images are numbered from 0, in the order of the test set.
"""

from absl import flags

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.report.inspection_pages import Places, write_pictures
from lenet_jax.runs.loaded import load_sweep


def main() -> None:
    values, directory = flags.FLAGS, cli.workdir()
    places = Places(values.dataset, values.data_dir, values.manual_dir)
    written = write_pictures(directory, values.arm, values.seed, _numbers(values.image), places)
    for paths, shows in written:
        endings = "".join(f", {path.suffix}" for path in paths[1:])
        print(f"{paths[0]}{endings}: {shows}")
    if len(written) == 1:
        print(f"{load_sweep(directory).describe_networks()}: only the learning curves are drawn.")


def _numbers(words: list[str]) -> list[int]:
    """The numbers of --image. Raises UserError for anything else."""
    try:
        return list(dict.fromkeys(map(int, words)))
    except ValueError:
        raise UserError(
            f"--image={','.join(words)} must hold numbers of images, for example --image=0,17."
        ) from None


if __name__ == "__main__":
    cli.define_workdir()
    flags.DEFINE_list("arm", [], "One arm, or two to compare; by default the first with a kept network.")
    flags.DEFINE_integer("seed", None, "Seed of the networks; by default the lowest that is kept.")
    flags.DEFINE_list("image", [], "Numbers of the images whose feature maps are drawn; by default 0.")
    cli.define_path("dataset", "Where images of your own are now, if they were moved.", "")
    cli.define_path("data_dir", "Folder for prepared data, as config.data.data_dir.", "")
    cli.define_path("manual_dir", "Folder with original files, as config.data.manual_dir.", "")
    cli.run(main)
