"""Net-1 to Net-5 of the technical report of 1989: the first ablation of local connections and weight sharing.

    python -m experiments.ablate --config=configs/history/nets_1989.py --workdir=DIR

About ten minutes on two cores. Each of the 30 seeds draws its own 320 training, 160 validation and 160
test digits. The report's figures are the best test score over the epochs; that, the score of the epoch
that validation images choose, and the last epoch's are in papers.md. Weights start within 2.4 / F, and
in the arms named _root within 2.4 / sqrt(F): the report's way is not known.
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
    config = override(default_sweep(), as_chosen("net5_fan_in"))
    config.seeds = 30
    return config


def get_arms(config):
    return {
        **{net: as_chosen(f"{net}_fan_in") for net in NETS},
        **{f"{net}_root": as_chosen(f"{net}_root_fan_in") for net in NETS},
        **{name: as_chosen("net5_fan_in") | change for name, (change, _) in BORDERS.items()},
    }


def get_contrasts():
    return {
        **{
            f"{after} against {before}": (after, before)
            for init in ("", "_root")
            for before, after in itertools.pairwise(f"{net}{init}" for net in NETS)
        },
        **{note: (name, "net5") for name, (_, note) in BORDERS.items()},
    }


def get_references():
    paper = {
        net: {"error_percent": 100 - right, "images": TEST_IMAGES_OF_NETS, "note": NOTES[net]}
        for net, right in PAPER.items()
    }
    return {
        **paper,
        **{f"{net}_root": it | {"note": f"{it['note']}; 2.4 / sqrt(F)"} for net, it in paper.items()},
        **{name: {"note": note} for name, (_, note) in BORDERS.items()},
    }
