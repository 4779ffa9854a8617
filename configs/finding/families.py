"""What is selected for each arm on validation images: learning rates, and the MLP that is called the best.

A family is an arm with candidates; those of a dataset serve the core and the study of pooling. Of a family
whose rate alone is selected, some are trained first, and others while the best so far is the highest or
lowest of those trained.
"""

import dataclasses
import itertools

from configs.finding.common import CORNERS, PADDED, POOLINGS, WIRINGS
from configs.finding.tuned import chosen
from lenet_jax.config.arms import Arm

RATES = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)
FIRST_RATES = (0.05, 0.1, 0.2)
FIRST_RATES_UNSHARED = (0.1, 0.2, 0.4)  # a gradient is not summed over positions
FIRST_RATES_DROPOUT = (0.05, 0.1)

MLP_HIDDEN = ((300,), (1000,), (2000,), (300, 100), (1000, 300))
MLP_ACTIVATIONS = ("relu", "tanh")
# Dataset -> the best three of these networks, by their best rates; they are also tried with dropout.
MLP_FINALISTS: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "mnist": (("relu", (2000,)), ("relu", (1000, 300)), ("relu", (300, 100))),
    "usps": (("relu", (1000, 300)), ("tanh", (300, 100)), ("relu", (300, 100))),
    "fashion_mnist": (("relu", (1000, 300)), ("tanh", (1000, 300)), ("relu", (2000,))),
}
MLP_DROPOUTS = (0.0, 0.25, 0.5, 0.75)
# Dataset -> the rates of all networks, without dropout.
MLP_RATES = {
    "mnist": (0.05, 0.1, 0.2),
    "usps": (0.05, 0.1, 0.2),
    "fashion_mnist": (0.025, 0.05, 0.1, 0.2),
}
# Dataset -> the rates of the best three, with each dropout.
MLP_FINAL_RATES = {
    "mnist": (0.1, 0.2, 0.4),
    "usps": (0.05, 0.1, 0.2, 0.4),
    "fashion_mnist": (0.1, 0.2, 0.4),
}
MLP_MATCHED = {"model.name": "mlp", "model.hidden": (), "model.parameter_budget": 61_706}


def as_chosen(dataset: str, family: str) -> dict:
    """The family's fields with those of its chosen candidate; `small` has the choices of mnist.

    Raises UserError if there is no choice.
    """
    [fields] = [dict(arm.overrides) for arm in families(dataset) if arm.name == family]
    return fields | chosen(_tuned_on(dataset), family)


def families(dataset: str) -> list[Arm]:
    """The families of a dataset; `small` has those of mnist."""
    core = {
        **WIRINGS,
        **{f"{name}_none": fields | POOLINGS["none"] for name, fields in WIRINGS.items()},
        "mlp_matched": MLP_MATCHED,
    }
    pooling = {
        **{f"{name}_max": fields | POOLINGS["max"] for name, fields in CORNERS.items()},
        **{f"{name}_padded": WIRINGS[name] | PADDED for name in ("random_shared", "full_shared")},
    }
    return [
        *(with_rates(name, fields) for name, fields in {**core, **pooling}.items()),
        Arm("mlp_best", {"model.name": "mlp"}, candidates=_mlps(_tuned_on(dataset))),
    ]


def with_rates(name: str, fields: dict) -> Arm:
    """A family whose learning rate is selected."""
    is_unshared = "unshared" in fields.get("model.sharing", "")
    return Arm(
        name,
        fields,
        candidates={f"{rate:g}": {"train.learning_rate": rate} for rate in RATES},
        first=[f"{rate:g}" for rate in (FIRST_RATES_UNSHARED if is_unshared else FIRST_RATES)],
    )


def dropouts(dataset: str) -> list[Arm]:
    """The best three MLPs with each dropout, of which the rate alone is selected."""
    networks = [
        _mlp(*network, dropout)
        for network, dropout in itertools.product(MLP_FINALISTS[dataset], MLP_DROPOUTS)
        if dropout
    ]
    first = [f"{rate:g}" for rate in FIRST_RATES_DROPOUT]
    return [
        dataclasses.replace(with_rates(name, {"model.name": "mlp", **fields}), first=first)
        for name, fields in networks
    ]


def _tuned_on(dataset: str) -> str:
    return "mnist" if dataset == "small" else dataset


def _mlps(dataset: str) -> dict[str, dict]:
    """Candidates: width, depth, activation and rate; for finalists also dropout, with their own rates."""
    networks = [(activation, hidden) for activation in MLP_ACTIVATIONS for hidden in MLP_HIDDEN]
    first = itertools.product(networks, (0.0,), MLP_RATES[dataset])
    final = itertools.product(MLP_FINALISTS[dataset], MLP_DROPOUTS, MLP_FINAL_RATES[dataset])
    found = {}
    for network, dropout, rate in (*first, *final):
        name, fields = _mlp(*network, dropout)
        found[f"{name}_{rate:g}"] = {**fields, "train.learning_rate": rate}
    return found


def _mlp(activation: str, hidden: tuple[int, ...], dropout: float) -> tuple[str, dict]:
    """An MLP's name and fields."""
    fields = {
        "model.activation": activation,
        "model.hidden": hidden,
        "model.dropout": dropout,
        "model.dropout_of": "units",
    }
    return f"{activation}_{'-'.join(map(str, hidden))}_dropout{dropout:g}", fields
