"""Net-1 to Net-5 of the technical report of 1989: the first ablation of local connections and weight sharing.

    python -m experiments.ablate --config=configs/history/nets_1989.py --workdir=DIR

About ten minutes on two cores. Each of the 40 seeds draws its own 320 training, 160 validation and 160
test digits. The report's figures are the best test score over the epochs; that, the score of the epoch
that validation images choose, and the last epoch's are in papers.md. The report's digits are not public.
They were 120, drawn by one person, each at four consecutive horizontal positions, and training and test
images were drawn from these 480: so the same networks also read digits at four positions, and digits that
are each moved once.
"""

import itertools

from configs.history.common import NETS, NETS_MEASURED
from configs.history.tuned import as_chosen
from lenet_jax.config.fields import default_sweep, override

NOTES = {
    "net1": "256-10",
    "net2": "256-12-10",
    "net3": "local 8x8 and 4x4, unshared",
    "net4": "2 maps 8x8 shared, then 4x4 unshared",
    "net5": "2 maps 8x8 and 4 maps 4x4, shared",
}
READING = {"reading": "test_selected_"}  # the report's, which the figure compares
BACKGROUND = ({"model.pad_value": -1.0}, "a border of background, -1, not of 0")
BEFORE = (
    {"model.pad_before": (1, 0), "model.pad_after": (0,)},
    "the border above and to the left, not below and to the right",
)
VARIATIONS = {
    "net3_background": ("net3", *BACKGROUND),
    "net4_background": ("net4", *BACKGROUND),
    "net5_background": ("net5", *BACKGROUND),
    "net5_border_before": ("net5", *BEFORE),
}
# USPS's digits fill their field. Smaller ones needn't all be in one place.
PLACES = {
    "positions": "each digit at four positions, as in the report",
    "moved": "digits moved by up to a pixel",
}
MOVED = {"data.box": 14, "data.move": 1}


def get_config():
    config = override(default_sweep(), as_chosen("net5"))
    config.seeds = 40
    return config


def get_arms(config):
    return {
        **{net: as_chosen(net) for net in NETS},
        **{f"{net}_positions": as_chosen(f"{net}_positions") for net in NETS},
        **{f"{net}_moved": as_chosen(net) | MOVED for net in NETS},
        **{name: as_chosen(net) | change for name, (net, change, _) in VARIATIONS.items()},
    }


def get_contrasts():
    return {
        **{
            f"{after} against {before}": (after, before)
            for kind in ("", *(f"_{place}" for place in PLACES))
            for before, after in itertools.pairwise(f"{net}{kind}" for net in NETS)
        },
        **{f"{net}: {note}": (name, net) for name, (net, _, note) in VARIATIONS.items()},
    }


def get_references():
    return {
        **{net: NETS_MEASURED[net] | {"note": NOTES[net]} | READING for net in NETS},
        **{
            f"{net}_{place}": (NETS_MEASURED[net] if place == "positions" else {})
            | {"note": f"{NOTES[net]}; {note}"}
            | READING
            for place, note in PLACES.items()
            for net in NETS
        },
        **{name: {"note": f"{net}, {note}"} | READING for name, (net, _, note) in VARIATIONS.items()},
    }
