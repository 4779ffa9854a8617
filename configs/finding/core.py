"""The core of the finding: six wirings, with average pooling and without, and two MLPs.

    python -m experiments.ablate --config=configs/finding/core.py:mnist --workdir=DIR

docs/protocol.md says what is measured and why. Also with fashion_mnist, usps, or small: 200 images, to try
it. On two cores, two hours for each dataset but small.
"""

import json
import pathlib

import ml_collections

from configs.finding.common import WIRINGS, sweep
from configs.finding.families import as_chosen
from lenet_jax.config.arms import Arm, PlannedContrast

MARGINS = pathlib.Path(__file__).with_name("margins.json")
# Suffix of a wiring's name -> what its arms have in common.
GROUPS = {"": "average pooling", "_none": "no pooling"}
PAIRS = {
    "local_shared": ("local_unshared", "full_shared", "random_shared"),
    "local_unshared": ("full_unshared", "random_unshared"),
    "random_shared": ("random_unshared", "full_shared"),
    "random_unshared": ("full_unshared",),
    "full_shared": ("full_unshared",),
}


def get_config(dataset: str = "mnist") -> ml_collections.ConfigDict:
    return sweep(dataset, seeds=20)


def get_arms(config: ml_collections.ConfigDict, dataset: str = "mnist") -> list[Arm]:
    return [
        *(
            Arm(
                f"{wiring}{suffix}",
                as_chosen(dataset, f"{wiring}{suffix}"),
                baselines=_pairs(wiring, suffix),
                group=group,
            )
            for suffix, group in GROUPS.items()
            for wiring in WIRINGS
        ),
        *(Arm(mlp, as_chosen(dataset, mlp)) for mlp in ("mlp_best", "mlp_matched")),
    ]


def _pairs(wiring: str, suffix: str) -> dict[str, str]:
    others = [f"{other}{suffix}" for other in PAIRS.get(wiring, ())]
    if wiring == "local_shared":
        others += ["mlp_best", "mlp_matched"]
    return {f"{wiring}{suffix} against {other}": other for other in others}


def get_planned_contrasts(config: ml_collections.ConfigDict, dataset: str = "mnist") -> list[PlannedContrast]:
    """The confirmed contrasts of docs/protocol.md."""
    margin = json.loads(MARGINS.read_text(encoding="utf-8")).get(dataset, 0.0) if MARGINS.exists() else 0.0
    contrasts = {
        "connectivity, average pooling": _between("local", "full", ""),
        "sharing, average pooling": _sharing(""),
        "connectivity, no pooling": _between("local", "full", "_none"),
        "sharing, no pooling": _sharing("_none"),
        "local against random, average pooling": _between("local", "random", ""),
        "random against full, average pooling": _between("random", "full", ""),
        "convolution against the best MLP": {"local_shared": 1.0, "mlp_best": -1.0},
    }
    interaction = {
        f"{connectivity}_{sharing}": (1.0 if connectivity == "local" else -1.0) * sign
        for connectivity in ("local", "full")
        for sharing, sign in (("shared", 1.0), ("unshared", -1.0))
    }
    return [
        *(PlannedContrast(name, weights, margin) for name, weights in contrasts.items()),
        PlannedContrast("interaction, average pooling", interaction),
    ]


def _between(connectivity: str, baseline: str, suffix: str) -> dict[str, float]:
    """What one connectivity saves against another, averaged over shared and unshared weights."""
    return {
        f"{name}_{sharing}{suffix}": weight
        for name, weight in ((connectivity, 0.5), (baseline, -0.5))
        for sharing in ("shared", "unshared")
    }


def _sharing(suffix: str) -> dict[str, float]:
    """What sharing saves, averaged over local and full connectivity."""
    return {
        f"{connectivity}_{sharing}{suffix}": weight
        for connectivity in ("local", "full")
        for sharing, weight in (("shared", 0.5), ("unshared", -0.5))
    }
