"""The core of the finding: six wirings, with average pooling and without, and two MLPs.

    python -m experiments.ablate --config=configs/finding/core.py:mnist --workdir=DIR

docs/protocol.md says what is measured and why. Also with fashion_mnist, usps, or small: 200 images, to try
it. On two cores, two hours for each dataset but small.
"""

import pathlib

import ml_collections
from absl import logging

from configs.finding.common import WIRINGS, sweep
from configs.finding.families import as_chosen
from lenet_jax.analysis.effects import EFFECTS, NAMES
from lenet_jax.config.arms import Arm, PlannedContrast
from lenet_jax.models.wiring import SHARING
from lenet_jax.runs.tuning import read_selection

SEEDS = 20
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
    return sweep(dataset, SEEDS)


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
    """The confirmatory contrasts of docs/protocol.md."""
    margins = read_selection(MARGINS, "margins")
    if dataset not in (*margins, "small"):
        logging.warning(
            "configs/finding/margins.json has no margin for %s: run experiments.margins before the first "
            "run, as it cannot be added later.",
            dataset,
        )
    margin = margins.get(dataset, 0.0)
    contrasts = {
        "connectivity, average pooling": _effect("connectivity"),
        "sharing, average pooling": _effect("sharing"),
        "connectivity, no pooling": _effect("connectivity", "_none"),
        "sharing, no pooling": _effect("sharing", "_none"),
        "local against random, no pooling": _between("local", "random", "_none"),
        "random against full, no pooling": _between("random", "full", "_none"),
        "convolution against mlp_best": {"local_shared": 1.0, "mlp_best": -1.0},
    }
    return [
        *(PlannedContrast(name, weights, margin, SEEDS) for name, weights in contrasts.items()),
        PlannedContrast("interaction, average pooling", _effect("interaction"), seeds=SEEDS),
    ]


def _effect(effect: str, suffix: str = "") -> dict[str, float]:
    """An effect of the four corners."""
    names = (f"{connectivity}_{sharing}{suffix}" for connectivity, sharing in NAMES)
    return dict(zip(names, EFFECTS[effect], strict=True))


def _between(connectivity: str, baseline: str, suffix: str) -> dict[str, float]:
    """What one connectivity saves against another, averaged over shared and unshared weights."""
    return {
        f"{name}_{sharing}{suffix}": weight
        for name, weight in ((connectivity, 0.5), (baseline, -0.5))
        for sharing in SHARING
    }
