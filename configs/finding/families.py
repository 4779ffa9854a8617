"""What is selected for each arm on validation images: learning rates, and the MLP that is called the best.

Where a choice would be at an edge of the first three rates, WIDER has more, by factors of 2.
"""

from configs.finding.common import CORNERS, PADDED, POOLINGS, WIRINGS
from lenet_jax.config.arms import Arm

RATES = (0.05, 0.1, 0.2)
RATES_UNSHARED = (0.1, 0.2, 0.4)  # a gradient is not summed over positions
# (dataset, family) -> more rates.
WIDER: dict[tuple[str, str], tuple[float, ...]] = {}

MLP_HIDDEN = ((300,), (1000,), (2000,), (300, 100), (1000, 300))
MLP_DROPOUTS = (0.0, 0.2, 0.5)
LENET5_PARAMETERS = 61_706


def families(dataset: str) -> list[Arm]:
    """The families of a dataset with their candidates; `small` has those of mnist."""
    of = "mnist" if dataset == "small" else dataset
    return [
        *(_family(of, name, fields) for name, fields in WIRINGS.items()),
        *(_family(of, f"{name}_none", fields | POOLINGS["none"]) for name, fields in WIRINGS.items()),
        *(_family(of, f"{name}_max", fields | POOLINGS["max"]) for name, fields in CORNERS.items()),
        *(_family(of, f"{name}_padded", WIRINGS[name] | PADDED) for name in ("random_shared", "full_shared")),
        _family(
            of,
            "mlp_matched",
            {"model.name": "mlp", "model.hidden": (), "model.parameter_budget": LENET5_PARAMETERS},
        ),
        Arm("mlp_best", {"model.name": "mlp"}, candidates=_mlps(_rates(of, "mlp_best"))),
    ]


def _family(dataset: str, name: str, fields: dict) -> Arm:
    rates = _rates(dataset, name)
    return Arm(name, fields, candidates={f"{rate:g}": {"train.learning_rate": rate} for rate in rates})


def _rates(dataset: str, family: str) -> tuple[float, ...]:
    rates = RATES_UNSHARED if "_unshared" in family else RATES
    return tuple(sorted(rates + WIDER.get((dataset, family), ())))


def _mlps(rates: tuple[float, ...]) -> dict[str, dict]:
    return {
        f"{'-'.join(map(str, hidden))}_dropout{dropout:g}_{rate:g}": {
            "model.hidden": hidden,
            "model.dropout": dropout,
            "train.learning_rate": rate,
        }
        for hidden in MLP_HIDDEN
        for dropout in MLP_DROPOUTS
        for rate in rates
    }
