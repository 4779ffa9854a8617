"""Net-1 to Net-5 of the technical report of 1989: the first ablation of local connections and weight sharing.

    python -m experiments.ablate --config=configs/history/nets_1989.py --workdir=DIR

About ten minutes on two cores. Each of the 40 seeds draws its own 320 training, 160 validation and 160 test
digits. The report's figures are the best test score over the epochs; both that and the score of the
epoch that validation images choose are in papers.md.
"""

import itertools

from lenet_jax.config import default_sweep, override
from lenet_jax.historic import NETS, TEST_IMAGES_OF_NETS
from lenet_jax.historic_choices import as_chosen

# Test images right, in percent, chosen on them.
PAPER = {"net1": 80.0, "net2": 87.0, "net3": 88.5, "net4": 94.0, "net5": 98.4}
NOTES = {
    "net1": "256-10",
    "net2": "256-12-10",
    "net3": "local 8x8 and 4x4, unshared",
    "net4": "2 maps 8x8 shared, then 4x4 unshared",
    "net5": "2 maps 8x8 and 4 maps 4x4, shared",
}
BORDERS = {
    "net5_border_before": (
        {"model.border_before": (1, 0), "model.border_behind": (0,)},
        "Net-5, the border above and to the left",
    ),
    "net5_border_0": ({"model.border_value": 0.0}, "Net-5, a border of 0, not of background"),
}


def get_config():
    config = override(default_sweep(), as_chosen("net5"))
    config.seeds = 40
    return config


def get_arms(config):
    variations = {name: as_chosen("net5") | change for name, (change, _) in BORDERS.items()}
    return {net: as_chosen(net) for net in NETS} | variations


def get_contrasts():
    nets = list(NETS)
    steps = {f"{after} against {before}": (after, before) for before, after in itertools.pairwise(nets)}
    return steps | {note: (name, "net5") for name, (_, note) in BORDERS.items()}


def get_references():
    return {
        net: {
            "error_percent": 100 - right,
            "images": TEST_IMAGES_OF_NETS,
            "note": NOTES[net],
        }
        for net, right in PAPER.items()
    } | {name: {"note": note} for name, (_, note) in BORDERS.items()}
