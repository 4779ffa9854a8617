"""The ablation: six wirings of LeNet-5 and five MLPs, several seeds.

    python -m experiments.ablate --config=configs/ablation.py --workdir=runs/digits

About a minute on two cores, on the embedded digits; another dataset with
--config.dataset=mnist and so on. All arms share every other field and the seeds.
"""

import ml_collections

from lenet_jax.config.build_model import build_model
from lenet_jax.config.fields import default_sweep, override
from lenet_jax.models import wiring
from lenet_jax.models.counts import count_model


def get_config():
    return default_sweep()


def get_arms(config: ml_collections.ConfigDict) -> dict[str, dict]:
    """Arm -> the fields in which it departs from `config`."""
    wirings = {
        f"{connectivity}_{sharing}": {
            "model.name": "cnn",
            "model.connectivity": connectivity,
            "model.sharing": sharing,
        }
        for connectivity in wiring.CONNECTIVITY
        for sharing in wiring.SHARING
    }
    mlp = {"model.name": "mlp", "data.image_size": 28}
    convolutional = override(config, wirings["local_shared"])
    lenet5 = count_model(build_model(convolutional.model, config.data.image_size), config.data.image_size)
    return wirings | {
        # As many parameters as the convolutional LeNet-5 of this config, as nearly as a width can.
        "mlp_matched": mlp | {"model.hidden": (), "model.parameter_budget": lenet5.parameters},
        "mlp_300": mlp | {"model.hidden": (300,)},
        "mlp_1000": mlp | {"model.hidden": (1000,)},
        "mlp_300_100": mlp | {"model.hidden": (300, 100)},
        "mlp_500_150": mlp | {"model.hidden": (500, 150)},
    }


def get_contrasts() -> dict[str, tuple[str, str]]:
    """What is isolated -> (arm that has it, arm that lacks it)."""
    return {
        "sharing, local": ("local_shared", "local_unshared"),
        "sharing, random": ("random_shared", "random_unshared"),
        "sharing, full": ("full_shared", "full_unshared"),
        "sparse local against full, shared": ("local_shared", "full_shared"),
        "sparse local against full, unshared": ("local_unshared", "full_unshared"),
        "sparse random against full, shared": ("random_shared", "full_shared"),
        "sparse random against full, unshared": ("random_unshared", "full_unshared"),
        "local against random, shared": ("local_shared", "random_shared"),
        "local against random, unshared": ("local_unshared", "random_unshared"),
        "both constraints": ("local_shared", "full_unshared"),
        "LeNet-5 against an MLP of its size": ("local_shared", "mlp_matched"),
    }
