"""What the papers leave open in their loss, learning rates, curvature and subsampling: alternatives to ours.

    python -m experiments.ablate --config=configs/history/alternatives.py:loss --workdir=DIR
    python -m experiments.ablate --config=configs/history/alternatives.py:nets --workdir=DIR
    python -m experiments.ablate --config=configs/history/alternatives.py:rates --workdir=DIR
    python -m experiments.ablate --config=configs/history/alternatives.py:curvature --workdir=DIR
    python -m experiments.ablate --config=configs/history/alternatives.py:subsampling --workdir=DIR

=============  ==========================================================================  =================
`loss`         the networks of 1989 on USPS: squared error averaged over the outputs, or   a few minutes
               half its sum; rate and damping chosen together; output biases that start
               at -1
`nets`         Net-1 to Net-5 on digits at four positions, at the rate of digits as they   a few minutes
               are
`rates`        LeNet-5 on MNIST: the effective learning rates of the first pass, by what   a minute
               initial weights and subsampling mean; trained for this pass alone
`curvature`    LeNet-5 on MNIST: curvature estimated before each pass, once, or its        about an hour
               maximum, at the paper's damping of 0.02 and at 1
`subsampling`  LeNet-5 on MNIST: the curvature of the trainable coefficients, what they    about an hour and
               start at; distorted images in the estimate of the curvature                 a quarter
=============  ==========================================================================  =================

Times are for two cores. There are 40 seeds for `nets`, 3 for `rates`, 10 for the others. Protocols are the
papers', but `rates` trains for one pass. Rates and dampings, and what else a family in
configs/history/families.py leaves open, were chosen on validation images: for `loss` by choices.py:1989 and
choices.py:damping, for `nets` by choices.py:nets, for `curvature` by choices.py:1998 and
choices.py:curvature, for `subsampling` by choices.py:1998. papers.md has the range of each arm's effective
learning rates in the first pass, one for each weight: eta / (mu + h).
"""

import itertools
from collections.abc import Callable

import ml_collections

from configs.history.common import (
    CONTROL_PAPER,
    DISTORTED,
    FIGURE_9,
    HALF_SUM,
    LENET5,
    NETS,
    PROTOCOL_1998,
    ZIPCODE_PAPER,
)
from configs.history.families import CURVATURE_FAMILIES
from configs.history.tuned import as_chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep, override
from lenet_jax.errors import UserError

_LENET5_PAPER = FIGURE_9["lenet5"][1]
_DISTORTED_PAPER = FIGURE_9["lenet5_dist"][1]
_ESTIMATES = {
    "each_epoch": "curvature estimated before each pass",
    "first_epoch": "curvature estimated once, before the first pass",
    "maximum": "curvature the maximum of its estimates",
}
# Name -> (change, label), each alone.
_SUBSAMPLING = {
    "coefficient_of_sum": (
        {"train.curvature": "backpropagated_sums"},
        "a coefficient's curvature as one weight on the sum, not as four connections",
    ),
    # Drawn within 0.6, a coefficient may be near 0. Its sign can't matter: f is odd.
    **{
        f"coefficient_{start:g}": (
            {"model.pooling_coefficient": start},
            f"coefficients start at {start:g}, not drawn within 0.6",
        )
        for start in (0.25, 1.0)
    },
}
# What the paper leaves open and the curvature, or the states that it is backpropagated through, depend on:
# fields and words of each reading.
_INITIAL_WEIGHTS = {
    "fan_in": ({"model.initialisation": "fan_in"}, "weights within 2.4 / F"),
    "root_fan_in": ({"model.initialisation": "root_fan_in"}, "weights within 2.4 / sqrt(F)"),
}
_POOLED = {
    "sum": ({"model.pooling": "trainable_sum,trainable_sum,none"}, "subsampling adds"),
    "average": ({"model.pooling": "trainable_average,trainable_average,none"}, "subsampling averages"),
}
_COEFFICIENTS = {
    "connections": ({"train.curvature": "backpropagated"}, "coefficients as four connections"),
    "weight": ({"train.curvature": "backpropagated_sums"}, "coefficients as one weight"),
}


def get_config(study: str = "loss") -> ml_collections.ConfigDict:
    _require_study(study)
    family = {"loss": "zipcode_lm", "nets": "net5"}.get(study, "lenet5")
    dataset = {} if study in ("loss", "nets") else {"dataset": "mnist"}
    config = override(default_sweep(), as_chosen(family) | dataset)
    config.seeds = {"nets": 40, "rates": 3}.get(study, 10)
    return config


def get_arms(config: ml_collections.ConfigDict, study: str = "loss") -> list[Arm]:
    _require_study(study)
    return STUDIES[study]()


def _loss() -> list[Arm]:
    lm, damping = as_chosen("zipcode_lm"), as_chosen("zipcode_damping")
    start = {"model.output_bias": -1.0}
    return [
        Arm(
            "zipcode_lm",
            lm,
            label="zip code net, squared error averaged over the outputs",
            baselines={"local, shared kernels against full": "control_lm"},
            paper=ZIPCODE_PAPER,
        ),
        Arm(
            "zipcode_half_sum_untuned",
            lm | HALF_SUM,
            label="zip code net, half the sum over the outputs, rate and damping of zipcode_lm",
            baselines={"half the sum, not the mean": "zipcode_lm"},
            paper=ZIPCODE_PAPER,
        ),
        Arm(
            "zipcode_damping",
            damping,
            label="zip code net, rate and damping chosen together",
            baselines={
                "rate and damping chosen together": "zipcode_lm",
                "local, shared kernels against full, rate and damping chosen together": "control_damping",
            },
            paper=ZIPCODE_PAPER,
        ),
        Arm(
            "control_lm",
            as_chosen("control_lm"),
            label="one hidden layer of 40, squared error averaged over the outputs",
            paper=CONTROL_PAPER,
        ),
        Arm(
            "control_damping",
            as_chosen("control_damping"),
            label="one hidden layer of 40, rate and damping chosen together",
            paper=CONTROL_PAPER,
        ),
        Arm(
            "output_bias",
            lm | start,
            label="zipcode_lm, output biases start at -1, not at 0",
            baselines={"output biases start at -1": "zipcode_lm"},
        ),
        Arm(
            "output_bias_damping",
            damping | start,
            label="zipcode_damping, output biases start at -1, not at 0",
            baselines={"output biases start at -1, rate and damping chosen together": "zipcode_damping"},
        ),
    ]


def _nets() -> list[Arm]:
    """All nets have the rate that is best for their mean, another one at four positions; here the same."""
    names = {net: f"{net}_positions_slower" for net in NETS}
    before = dict(itertools.pairwise(reversed(names.values())))
    return [
        Arm(
            name,
            as_chosen(f"{net}_positions") | {"train.learning_rate": as_chosen(net)["train.learning_rate"]},
            label=f"{net}, digits at four positions, at the rate of digits as they are",
            baselines={f"{name} against {before[name]}": before[name]} if name in before else {},
            reading="test_selected_",
        )
        for net, name in names.items()
    ]


def _rates() -> list[Arm]:
    arms = []
    for readings in itertools.product(_INITIAL_WEIGHTS.items(), _POOLED.items(), _COEFFICIENTS.items()):
        names = [name for name, _ in readings]
        fields = {field: value for _, (fields, _) in readings for field, value in fields.items()}
        words = ", ".join(words for _, (_, words) in readings)
        start = LENET5 | PROTOCOL_1998 | {"train.damping": 0.02, "train.rbf_j": 10.0, "train.epochs": 1}
        arms.append(Arm("_".join(names), start | fields, label=f"LeNet-5, {words}"))
    return arms


def _curvature() -> list[Arm]:
    first = "lenet5_each_epoch_1"
    families = [
        Arm(
            name,
            as_chosen(name),
            label=f"LeNet-5, {_ESTIMATES[str(fields['train.curvature_estimate'])]}, damping "
            f"{fields['train.damping']:g}, initial weights and j chosen for it",
            baselines={} if name == first else {f"{name} against {first}": first},
            paper=_LENET5_PAPER,
        )
        for name, fields in CURVATURE_FAMILIES.items()
    ]
    lenet5 = as_chosen("lenet5")
    eq9 = Arm("lenet5", lenet5, label="LeNet-5, as in figure 9", paper=_LENET5_PAPER)
    eq8 = Arm(
        "lenet5_eq8_0.02",
        lenet5 | {"train.loss": "rbf", "train.damping": 0.02},
        label="LeNet-5 as in figure 9, but eq. 8 and the paper's damping of 0.02",
        baselines={"eq. 8 and a damping of 0.02": "lenet5"},
        paper=_LENET5_PAPER,
    )
    once = "lenet5_first_epoch_0.02"
    start = Arm(
        f"{once}_start",
        as_chosen(once) | {"model.pooling_coefficient": 0.6},
        label=f"{once}, coefficients of subsampling start at 0.6, not drawn",
        baselines={"coefficients start at 0.6, curvature estimated once": once},
        paper=_LENET5_PAPER,
    )
    return [*families, eq9, eq8, start]


def _subsampling() -> list[Arm]:
    lenet5 = as_chosen("lenet5")
    distorted = lenet5 | DISTORTED
    return [
        Arm("lenet5", lenet5, label="LeNet-5, as in figure 9", paper=_LENET5_PAPER),
        *(
            Arm(name, lenet5 | change, label=f"LeNet-5, {label}", baselines={label: "lenet5"})
            for name, (change, label) in _SUBSAMPLING.items()
        ),
        Arm(
            "lenet5_dist",
            distorted,
            label="LeNet-5, distorted images, curvature of undistorted images",
            baselines={"distorted images": "lenet5"},
            paper=_DISTORTED_PAPER,
        ),
        Arm(
            "lenet5_dist_curvature",
            distorted | {"train.curvature_distorted": True},
            label="LeNet-5, distorted images, curvature of distorted images",
            baselines={"curvature of distorted images": "lenet5_dist"},
            paper=_DISTORTED_PAPER,
        ),
    ]


STUDIES: dict[str, Callable[[], list[Arm]]] = {
    "loss": _loss,
    "nets": _nets,
    "rates": _rates,
    "curvature": _curvature,
    "subsampling": _subsampling,
}


def _require_study(study: str) -> None:
    if study not in STUDIES:
        raise UserError(
            f"configs/history/alternatives.py has no study {study!r}: name one of {', '.join(STUDIES)}, "
            "as in --config=configs/history/alternatives.py:loss."
        )
