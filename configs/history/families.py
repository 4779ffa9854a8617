"""What the papers leave open, with candidates: rates, damping, j of eq. 9, some initial weights.

A family is a network with its protocol, and the candidates for what is open. The names in ERAS are those
of configs/history/choices.py:ERA, which trains all candidates; configs/history/tuned.py has the choices.
"""

from configs.history import common
from configs.history.common import DIAGONAL_NEWTON, PLAIN_SGD, PROTOCOL_1989, PROTOCOL_1998, PROTOCOL_TODAY
from configs.history.steps import steps_from
from lenet_jax.config.arms import Arm
from lenet_jax.training.optimizer import CURVATURE_ESTIMATES

Candidates = dict[str, dict]  # name -> fields


def _rates(*rates: float) -> Candidates:
    return {f"{rate:g}": {"train.learning_rate": rate} for rate in rates}


def _dampings(*dampings: float) -> Candidates:
    return {f"{damping:g}": {"train.damping": damping} for damping in dampings}


_SGD_1989 = PROTOCOL_1989 | PLAIN_SGD
_LM_1989 = PROTOCOL_1989 | DIAGONAL_NEWTON
_ZIPCODE = common.USPS_FIELD | common.ZIPCODE
_CONTROL = common.USPS_FIELD | common.ZIPCODE_CONTROL
_ADAM = {"train.optimizer": "adam", "train.momentum": 0.9}
SOFTMAX = {"model.output": "logits", "train.loss": "cross_entropy"}

_1989 = [
    Arm("zipcode_sgd", _ZIPCODE | _SGD_1989, candidates=_rates(0.003, 0.01, 0.03, 0.1)),
    Arm("zipcode_lm", _ZIPCODE | _LM_1989, candidates=_rates(1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3)),
    Arm("control_sgd", _CONTROL | _SGD_1989, candidates=_rates(0.003, 0.01, 0.03, 0.1)),
    Arm("control_lm", _CONTROL | _LM_1989, candidates=_rates(1e-4, 2e-4, 5e-4, 1e-3, 2e-3)),
    Arm("zipcode_softmax", _ZIPCODE | _SGD_1989 | SOFTMAX, candidates=_rates(0.003, 0.01, 0.03)),
    Arm(
        "zipcode_adam",
        _ZIPCODE | _SGD_1989 | SOFTMAX | _ADAM,
        candidates=_rates(3e-5, 1e-4, 3e-4, 1e-3),
    ),
]

# The paper of 1989 gives neither rate nor damping. With both free, the scale of the loss is no choice of its
# own: half the sum over the outputs with a damping of mu takes the steps of the mean with mu / 5.
# Dampings above the curvature make the step plain SGD's, at a rate of rate / damping.
_DAMPING_RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3)
_DAMPING_STEPS = {
    f"{damping:g}-{rate:g}": {"train.damping": damping, "train.learning_rate": rate}
    for damping, rates in (
        *((damping, _DAMPING_RATES) for damping in (0.0008, 0.004, 0.02, 0.1)),
        (0.5, (*_DAMPING_RATES, 0.01, 0.02)),
        (2.5, (0.01, 0.02, 0.05, 0.1)),
    )
    for rate in rates
}
_DAMPING = [
    Arm("zipcode_damping", _ZIPCODE | _LM_1989, candidates=_DAMPING_STEPS),
    Arm("control_damping", _CONTROL | _LM_1989, candidates=_DAMPING_STEPS),
]

# The five share one rate: five draws of 160 images cannot distinguish a rate for each network.
_NETS = [
    Arm(
        f"{net}{place}",
        common.USPS_FIELD | fields | _LM_1989 | common.DRAWN | change,
        candidates=_rates(5e-4, 1e-3, 2e-3, 4e-3),
        tuned_with=f"nets{place}",
    )
    for place, change in (("", {}), ("_positions", common.AT_POSITIONS))
    for net, fields in common.NETS.items()
]

# The paper's damping of 0.02 is LeNet-5's. With the paper's initial weights and eq. 9 as written, LeNet-5
# doesn't train at 0.02; LeNet-1's loss has another scale.
_LENET5_STEPS = {
    f"{damping:g}-j{rbf_j:g}": {"train.damping": damping, "train.rbf_j": rbf_j}
    for rbf_j in (1.0, 10.0, 30.0, 100.0)
    for damping in (0.02, 0.2, 1.0, 5.0)
    if damping > 0.02 or rbf_j <= 10
}
_LENET1_STEPS = _dampings(0.002, 0.02, 0.2) | {
    f"{damping:g}-eta{rate:g}": {"train.damping": damping, "train.learning_rate": rate}
    for damping, rate in ((0.02, 2e-4), (0.02, 2e-3), (0.02, 5e-3), (0.2, 2e-3), (0.2, 5e-3))
}
_1998 = [
    Arm("lenet5", common.LENET5 | PROTOCOL_1998, candidates=_LENET5_STEPS),
    Arm("lenet1", common.LENET1 | PROTOCOL_1998, candidates=_LENET1_STEPS),
    Arm("linear", common.mlp_of_1998() | PROTOCOL_1998, candidates=_dampings(0.02, 0.2, 2.0, 20.0)),
]

# How often the curvature is estimated: with eq. 9 it vanishes where digits are recognized, and with it what
# bounds the step at the paper's damping. One family for each way and damping.
CURVATURE_FAMILIES = {
    f"lenet5_{estimate}_{damping:g}": {"train.curvature_estimate": estimate, "train.damping": damping}
    for estimate in CURVATURE_ESTIMATES
    for damping in (0.02, 1.0)
}
_STARTS = {
    f"{initialisation}-j{rbf_j:g}": {"model.initialisation": initialisation, "train.rbf_j": rbf_j}
    for initialisation in ("fan_in", "root_fan_in")
    for rbf_j in (10.0, 30.0)
}
_CURVATURE = [
    Arm(name, common.LENET5 | PROTOCOL_1998 | fields, candidates=_STARTS)
    for name, fields in CURVATURE_FAMILIES.items()
]


# The paper trained the networks with one hidden layer by the same step (section III-C.5), but gives schedule
# and damping for LeNet-5 alone. With hundreds of inputs it matters whether weights start within 2.4 / F or
# within 2.4 / sqrt(F).
def _mlp_step(
    damping: float = 0.02, rate: float = 5e-4, start: str = "root_fan_in", schedule: str = "epochs"
) -> dict:
    return {
        "train.damping": damping,
        "train.learning_rate": rate,
        "model.initialisation": start,
        "train.schedule": schedule,
    }


_MLP_STEPS = {
    "0.02": _mlp_step(start="fan_in"),
    "0.2": _mlp_step(0.2, start="fan_in"),
    "0.02-root": _mlp_step(),
    **{f"0.02-root-{rate:g}": _mlp_step(rate=rate) for rate in (2e-4, 1e-3, 2e-3)},
    **{
        f"{damping:g}-root-{rate:g}": _mlp_step(damping, rate)
        for damping in (0.005, 0.08)
        for rate in (5e-4, 1e-3)
    },
    "0.02-constant": _mlp_step(start="fan_in", schedule="constant"),
    "0.02-constant-0.001": _mlp_step(rate=1e-3, start="fan_in", schedule="constant"),
}
_MLPS = [
    Arm("mlp_one", common.mlp_of_1998(300) | PROTOCOL_1998, candidates=_MLP_STEPS),
    Arm("mlp_two", common.mlp_of_1998(300, 100) | PROTOCOL_1998, candidates=_MLP_STEPS),
]

_TODAY = [
    Arm("lenet5_today", common.LENET5_TODAY | PROTOCOL_TODAY, candidates=_rates(0.01, 0.03, 0.1, 0.3)),
    Arm("lenet1_today", common.LENET1 | PROTOCOL_TODAY, candidates=_rates(0.01, 0.03, 0.1, 0.3)),
    Arm("linear_today", common.mlp_of_1998() | PROTOCOL_TODAY, candidates=_rates(0.003, 0.01, 0.03, 0.1)),
    Arm("mlp_today", common.mlp_of_1998(300) | PROTOCOL_TODAY, candidates=_rates(0.01, 0.03, 0.1)),
]

# From the LeNet-5 of 1998 to today's, up to the optimizer.
LATER_CHANGES = {
    "original": {},
    "softmax": SOFTMAX,
    "average": {"model.pooling": "average,average,none"},
    "max": {"model.pooling": "max,max,none"},
    "all_maps": {"model.map_table": "all"},
    "tanh": {"model.activation": "tanh"},
    "relu": {"model.activation": "relu"},
    "initialisation": {"model.initialisation": "unit_variance"},
}
_BEFORE_OPTIMIZERS = steps_from(common.LENET5 | PROTOCOL_1998, LATER_CHANGES)["initialisation"]

# What is selected again on the way from the networks of 1989 and 1998 to today's.
_DECAY = SOFTMAX | _ADAM | {"train.schedule": "linear"}
_LATER = [
    Arm("zipcode_decay", _ZIPCODE | _SGD_1989 | _DECAY, candidates=_rates(1e-4, 3e-4, 1e-3, 3e-3)),
    # The damping chosen for the RBF units' loss is large compared with the curvature of a softmax.
    Arm(
        "later_softmax",
        common.LENET5 | PROTOCOL_1998 | SOFTMAX,
        candidates=_dampings(0.002, 0.02, 0.2, 1.0),
    ),
    Arm(
        "later_momentum",
        _BEFORE_OPTIMIZERS | common.MINI_BATCHES,
        candidates=_rates(0.01, 0.03, 0.1, 0.3),
    ),
    Arm(
        "later_adam",
        _BEFORE_OPTIMIZERS | common.MINI_BATCHES | _ADAM,
        candidates=_rates(3e-4, 1e-3, 3e-3, 1e-2),
    ),
]

ERAS: dict[str, list[Arm]] = {
    "1989": _1989,
    "damping": _DAMPING,
    "nets": _NETS,
    "1998": _1998,
    "curvature": _CURVATURE,
    "mlps": _MLPS,
    "today": _TODAY,
    "later": _LATER,
}
