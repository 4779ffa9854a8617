"""Networks whose insides are probed: six wirings of LeNet-5 with average pooling, and the best MLP.

    python -m experiments.ablate --config=configs/probes.py --workdir=DIR
    python -m experiments.probe --config=configs/probes.py --workdir=DIR

The first command trains, the second measures. With configs/probes.py:fashion_mnist, the same on another
dataset for which configs/finding/tuned has choices; with configs/probes.py:small, on a few images of
mnist_5k, to try it.

The second command measures the networks in DIR, whichever sweep trained them: for example those of
configs/finding/exploratory.py:lasso, with --probes=nonzero,own_field,best_field.

The arms are those of configs/finding/core.py, and a network whose first stage has no constraint, with the
rate that configs/finding/secondary.py:stages has on MNIST. Where both stages read everything, the place of a
unit means nothing; here the second stage, a convolution, gives it one. The convolution and those that could
come to share kernels by themselves are trained once more on images that are shifted by up to 4 pixels
whenever they are shown.
"""

import ml_collections

from configs.finding.common import WIRINGS, sweep
from configs.finding.families import as_chosen
from configs.finding.sharing_studies import shifted
from configs.finding.studies import stages
from configs.finding.tuned import chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import override
from lenet_jax.probes.disturbances import Noise, Occlusion, Rotation, Shift
from lenet_jax.probes.equivariance import Equivariance
from lenet_jax.probes.linear import LinearClassifier
from lenet_jax.probes.probe import Probe
from lenet_jax.probes.weights import BestField, Nonzero, OwnField, Similarity

SEEDS = 10
FREE_FIRST = "without_both_1"
TRANSLATED = ("local_shared", "local_unshared", "full_unshared", FREE_FIRST)
PIXELS = 4  # of the translated images
# Images of mnist_5k on which all seeds train and are scored, as those of the whole datasets.
SMALL = {"data.draw": (), "data.validation_fraction": 0.1, "data.train_images": 300}


def get_config(dataset: str = "mnist") -> ml_collections.ConfigDict:
    config = sweep(dataset, SEEDS)
    return override(config, SMALL | {"seeds": 2}) if dataset == "small" else config


def get_arms(config: ml_collections.ConfigDict, dataset: str = "mnist") -> list[Arm]:
    networks = {name: as_chosen(dataset, name) for name in (*WIRINGS, "mlp_best")}
    [free_first] = [arm.overrides for arm in stages() if arm.name == FREE_FIRST]
    networks[FREE_FIRST] = {**free_first, **chosen("stages", FREE_FIRST)}
    return [Arm(name, fields) for name, fields in networks.items()] + [
        Arm(
            f"{name}_translated",
            networks[name] | shifted(PIXELS),
            baselines={f"{name}, translated images": name},
        )
        for name in TRANSLATED
    ]


def get_probes(config: ml_collections.ConfigDict, dataset: str = "mnist") -> list[Probe]:
    """What is measured of each network, in the order of the tables."""
    if dataset == "small":
        return [
            Shift((0, 2), images=100),
            Rotation((0, 30), images=100),
            Noise((0, 0.3), images=100),
            Occlusion((0, 8), images=100),
            Equivariance(1, images=20),
            LinearClassifier(train_images=100, images=100, strengths=(0.001, 0.01), iterations=10),
            OwnField(),
            BestField(),
            Similarity(),
            Similarity("absolute"),
            Nonzero(),
        ]
    return [
        Shift(),
        Rotation(),
        Noise(),
        Occlusion(),
        Equivariance(1),
        Equivariance(4),
        LinearClassifier(),
        OwnField(),
        BestField(),
        Similarity(),
        Similarity("absolute"),
        Nonzero(),
    ]
