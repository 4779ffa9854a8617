"""The ablation: LeNet-5 with each connectivity, shared and unshared weights, and five MLPs; several seeds.

    python -m experiments.ablate --config=configs/ablation.py --workdir=runs/mnist_5k

A few minutes on two cores, on mnist_5k. --config.dataset selects another dataset (--config.dataset=mnist) or
your own images (--config.dataset=FILE.npz). All arms share every other field and the seeds. As in 1998,
networks with stages read 32x32 pixels and MLPs 28x28; larger images keep their size.
"""

import ml_collections

from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep, override
from lenet_jax.config.resolve import resolve
from lenet_jax.models.wiring import CONNECTIVITY

# Arm -> its contrasts in addition to "sharing, CONNECTIVITY": what is isolated -> baseline.
CONTRASTS = {
    "local_shared": {
        "sparse local against full, shared": "full_shared",
        "local against random, shared": "random_shared",
        "both constraints": "full_unshared",
        "LeNet-5 against an MLP of its size": "mlp_matched",
    },
    "local_unshared": {
        "sparse local against full, unshared": "full_unshared",
        "local against random, unshared": "random_unshared",
    },
    "random_shared": {"sparse random against full, shared": "full_shared"},
    "random_unshared": {"sparse random against full, unshared": "full_unshared"},
}


def get_config() -> ml_collections.ConfigDict:
    return default_sweep()


def get_arms(config: ml_collections.ConfigDict) -> list[Arm]:
    # The parameter count of this config's convolutional LeNet-5, which one width matches most nearly.
    budget = resolve(override(config, _wired("local", "shared"))).counts.parameters
    return [
        *(arm for connectivity in CONNECTIVITY for arm in _shared_and_unshared(connectivity)),
        _mlp("mlp_matched", {"model.hidden": (), "model.parameter_budget": budget}),
        _mlp("mlp_300", {"model.hidden": (300,)}),
        _mlp("mlp_1000", {"model.hidden": (1000,)}),
        _mlp("mlp_300_100", {"model.hidden": (300, 100)}),
        _mlp("mlp_500_150", {"model.hidden": (500, 150)}),
    ]


def _shared_and_unshared(connectivity: str) -> tuple[Arm, Arm]:
    shared, unshared = f"{connectivity}_shared", f"{connectivity}_unshared"
    sharing = {f"sharing, {connectivity}": unshared}
    return (
        Arm(shared, _wired(connectivity, "shared"), baselines=sharing | CONTRASTS.get(shared, {})),
        Arm(unshared, _wired(connectivity, "unshared"), baselines=CONTRASTS.get(unshared, {})),
    )


def _wired(connectivity: str, sharing: str) -> dict:
    return {"model.name": "cnn", "model.connectivity": connectivity, "model.sharing": sharing}


def _mlp(name: str, hidden: dict) -> Arm:
    return Arm(name, {"model.name": "mlp"} | hidden)
