"""Net-1 to Net-5 of the technical report of 1989: the first ablation of local connections and weight sharing.

    python -m experiments.ablate --config=configs/history/nets_1989.py --workdir=DIR

About ten minutes on two cores. Each of the 40 seeds draws its own 320 training, 160 validation and 160
test digits. The report gives the best test score over the epochs; papers.md has that score, the
score of the epoch selected on validation images, and the last epoch's. The report's digits are not public.
They were 120, drawn by one person, each placed at four consecutive horizontal positions; training and test
images were drawn from these 480. So the same networks also read digits at four positions, where training,
validation and test images share digits, and digits that are shifted once each.
"""

import itertools

import ml_collections

from configs.history.common import NETS, NETS_PAPER
from configs.history.tuned import as_chosen
from lenet_jax.config.arms import Arm, Paper
from lenet_jax.config.fields import default_sweep, override

LABELS = {
    "net1": "256-10",
    "net2": "256-12-10",
    "net3": "local 8x8 and 4x4, unshared",
    "net4": "2 maps 8x8 shared, then 4x4 unshared",
    "net5": "2 maps 8x8 and 4 maps 4x4, shared",
}
READING = "test_selected_"  # the report gives the best test scores
_BACKGROUND = ({"model.pad_value": -1.0}, "padding at -1, the background, not at 0")
_BEFORE = (
    {"model.pad_before": (1, 0), "model.pad_after": (0,)},
    "padding above and to the left, not below and to the right",
)
# Name -> (net, change, label).
VARIATIONS = {
    "net3_background": ("net3", *_BACKGROUND),
    "net4_background": ("net4", *_BACKGROUND),
    "net5_background": ("net5", *_BACKGROUND),
    "net5_border_before": ("net5", *_BEFORE),
}
MOVED = {"data.box": 14, "data.move": 1}  # USPS digits fill the image: smaller ones leave room to shift


def get_config() -> ml_collections.ConfigDict:
    config = override(default_sweep(), as_chosen("net5"))
    config.seeds = 40
    return config


def get_arms(config: ml_collections.ConfigDict) -> list[Arm]:
    plain = {net: as_chosen(net) for net in NETS}
    positions = {net: as_chosen(f"{net}_positions") for net in NETS}
    moved = {net: fields | MOVED for net, fields in plain.items()}
    return [
        *_nets("", plain, "", NETS_PAPER),
        *_nets("_positions", positions, "; each digit at four positions, as in the report", NETS_PAPER),
        *_nets("_moved", moved, "; digits moved by up to a pixel", {}),
        *(
            Arm(
                name,
                plain[net] | change,
                label=f"{net}, {label}",
                baselines={f"{net}: {label}": net},
                reading=READING,
            )
            for name, (net, change, label) in VARIATIONS.items()
        ),
    ]


def _nets(suffix: str, fields: dict[str, dict], label: str, papers: dict[str, Paper]) -> list[Arm]:
    """The five networks, named NET + suffix, each compared with the one before."""
    names = {net: f"{net}{suffix}" for net in NETS}
    baselines = {
        name: {f"{name} against {before}": before} for before, name in itertools.pairwise(names.values())
    }
    return [
        Arm(
            name,
            fields[net],
            label=f"{LABELS[net]}{label}",
            baselines=baselines.get(name, {}),
            paper=papers.get(net),
            reading=READING,
        )
        for net, name in names.items()
    ]
