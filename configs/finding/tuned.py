"""What was selected for each arm, by dataset: tuned/DATASET.json, written by experiments.tune.

configs/finding/choices.py has the command. After a new choice, run the studies of that dataset again.
"""

import json
import pathlib
from typing import Any

from configs.finding.families import families
from lenet_jax.errors import UserError

FOLDER = pathlib.Path(__file__).with_name("tuned")


def as_chosen(dataset: str) -> dict[str, dict[str, Any]]:
    """Family -> its fields with those of the chosen candidate; `small` has the choices of mnist.

    Raises UserError if a family has none.
    """
    of = "mnist" if dataset == "small" else dataset
    path = FOLDER / f"{of}.json"
    choices = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    fields = {}
    for family in families(of):
        if family.name not in choices:
            raise UserError(
                f"configs/finding/tuned/{of}.json has no choice for {family.name}: run python -m "
                f"experiments.tune --config=configs/finding/choices.py:{of} "
                f"--output=configs/finding/tuned/{of}.json --workdir=DIR."
            )
        fields[family.name] = {**family.overrides, **choices[family.name]["overrides"]}
    return fields
