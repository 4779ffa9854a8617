"""Hyperparameters that the papers leave open, selected on validation images.

tuned.json has the choice for each family in configs/history/families.py, written by experiments.tune
(configs/history/choices.py has the command). After a new choice, run the sweeps that use the family again.
"""

import json
import pathlib

from configs.history.families import ERAS
from lenet_jax.errors import UserError

TUNED = pathlib.Path(__file__).with_name("tuned.json")
_FAMILIES = {family.name: (era, family) for era, families in ERAS.items() for family in families}


def as_chosen(family: str) -> dict:
    """The family's fields with those of its chosen candidate. Raises UserError as `chosen`."""
    return dict(_FAMILIES[family][1].overrides) | chosen(family)


def chosen(family: str) -> dict:
    """The chosen candidate's own fields, for networks that adopt the family's choice.

    Raises UserError if tuned.json has no choice for the family.
    """
    choices = json.loads(TUNED.read_text(encoding="utf-8")) if TUNED.exists() else {}
    if family not in choices:
        era = _FAMILIES[family][0]
        raise UserError(
            f"configs/history/tuned.json has no choice for {family}: run python -m experiments.tune "
            f"--config=configs/history/choices.py:{era} --output=configs/history/tuned.json --workdir=DIR."
        )
    return choices[family]["overrides"]
