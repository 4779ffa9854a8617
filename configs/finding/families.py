"""What is selected for each arm on validation images: learning rates, and the MLP that is called the best.

A family is an arm with candidates. The families of a dataset serve the core and the study of pooling;
secondary studies on MNIST have their own. Where a choice would be at an edge of the first rates, WIDER has
more, by factors of 2.
"""

from collections.abc import Callable

from configs.finding.common import CORNERS, DATASETS, PADDED, POOLINGS, WIRINGS
from configs.finding.tuned import chosen
from lenet_jax.config.arms import Arm
from lenet_jax.errors import UserError

RATES = (0.05, 0.1, 0.2)
RATES_UNSHARED = (0.1, 0.2, 0.4)  # a gradient is not summed over positions
# (study, family) -> more rates.
WIDER = {
    ("mnist", "local_shared"): (0.4,),
    ("mnist", "local_unshared"): (0.8,),
    ("mnist", "full_shared"): (0.025,),
    ("mnist", "full_unshared"): (0.05,),
}

MLP_HIDDEN = ((300,), (1000,), (2000,), (300, 100), (1000, 300))
MLP_DROPOUTS = (0.0, 0.2, 0.5)
MLP_MATCHED = {"model.name": "mlp", "model.hidden": (), "model.parameter_budget": 61_706}


def families(study: str) -> list[Arm]:
    """The families of a study with their candidates. Raises UserError for an unknown study."""
    if study not in STUDIES:
        raise UserError(
            f"configs/finding has no choices {study!r}: name one of {', '.join(STUDIES)}, as in "
            "--config=configs/finding/choices.py:mnist."
        )
    return STUDIES[study](study)


def as_chosen(study: str, family: str) -> dict:
    """The family's fields with those of its chosen candidate; `small` has the choices of mnist.

    Raises UserError if there is no choice.
    """
    study = "mnist" if study == "small" else study
    [fields] = [dict(arm.overrides) for arm in families(study) if arm.name == family]
    return fields | chosen(study, family)


def _of_dataset(study: str) -> list[Arm]:
    wired = {
        **WIRINGS,
        **{f"{name}_none": fields | POOLINGS["none"] for name, fields in WIRINGS.items()},
        **{f"{name}_max": fields | POOLINGS["max"] for name, fields in CORNERS.items()},
        **{f"{name}_padded": WIRINGS[name] | PADDED for name in ("random_shared", "full_shared")},
        "mlp_matched": MLP_MATCHED,
    }
    mlp_best = Arm("mlp_best", {"model.name": "mlp"}, candidates=_mlps(_rates(study, "mlp_best")))
    return [*(_with_rates(study, name, fields) for name, fields in wired.items()), mlp_best]


def _with_rates(study: str, name: str, fields: dict) -> Arm:
    rates = _rates(study, name)
    return Arm(name, fields, candidates={f"{rate:g}": {"train.learning_rate": rate} for rate in rates})


def _rates(study: str, family: str) -> tuple[float, ...]:
    of_mnist = "mnist" if study == "small" else study
    rates = RATES_UNSHARED if "_unshared" in family else RATES
    return tuple(sorted(rates + WIDER.get((of_mnist, family), ())))


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


STUDIES: dict[str, Callable[[str], list[Arm]]] = dict.fromkeys(DATASETS, _of_dataset)
