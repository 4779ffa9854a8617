"""What experiments.tune selected: tuned/STUDY.json for each study of configs/finding/choices.py."""

import pathlib
from typing import Any

from lenet_jax.errors import UserError
from lenet_jax.runs.tuning import read_selection

FOLDER = pathlib.Path(__file__).with_name("tuned")


def chosen(study: str, family: str) -> dict[str, Any]:
    """The fields of a family's chosen candidate.

    Raises UserError if the study's file has no choice for the family.
    """
    choices = read_selection(FOLDER / f"{study}.json")
    if family not in choices:
        raise UserError(
            f"configs/finding/tuned/{study}.json has no choice for {family}: run python -m experiments.tune "
            f"--config=configs/finding/choices.py:{study} --output=configs/finding/tuned/{study}.json "
            "--workdir=DIR."
        )
    return choices[family]["overrides"]
