"""What is chosen for the papers' networks is what did best on validation images."""

import numpy as np
import pytest

from configs.history import common, tuned
from experiments.paste import ROOT
from tests.helpers import folders


def sweep_of_choices(era):
    path = ROOT / "results" / "history" / f"choices_{era}" / "table.csv"
    return {row["arm"]: row for row in folders.rows(path)}


@pytest.mark.parametrize("place", ["", "_positions"])
def test_the_nets_of_the_report_share_the_rate_that_is_best_for_their_mean(place):
    rows = sweep_of_choices("nets")
    nets = [f"{net}{place}" for net in common.NETS]
    scores = {
        name: np.mean([float(rows[f"{net}-{name}"]["val_accuracy_mean"]) for net in nets])
        for name in tuned.FAMILIES_NETS[nets[0]][1]
    }
    assert {tuned.CHOSEN[net] for net in nets} == {max(scores, key=scores.get)}


@pytest.mark.parametrize("era", ["1989", "1998", "mlps", "today", "later"])
def test_what_is_chosen_is_best_on_validation_images(era):
    """If this fails, mend CHOSEN in lenet_jax/tuned.py, and run what depends on it again."""
    rows = sweep_of_choices(era)
    families = getattr(tuned, f"FAMILIES_{era.upper()}")
    assert set(rows) == {f"{family}-{name}" for family, (_, names) in families.items() for name in names}
    for family, (_, candidates) in families.items():
        # A candidate of which a run diverged has no claim.
        scores = {
            name: float(rows[f"{family}-{name}"]["val_accuracy_mean"])
            for name in candidates
            if rows[f"{family}-{name}"]["diverged"] == "0"
        }
        assert tuned.CHOSEN[family] == max(scores, key=scores.get), family
