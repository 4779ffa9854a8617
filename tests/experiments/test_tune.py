"""What experiments.tune says about a selection."""

import pytest

from experiments.tune import describe
from lenet_jax.config.arms import Arm

RATES = ("0.1", "0.2", "0.4")
ARM = Arm("net", {}, candidates={rate: {"train.learning_rate": float(rate)} for rate in RATES})


@pytest.mark.parametrize(
    ("tied", "words"),
    [
        (["0.1", "0.4"], "; tied with 0.1, 0.4, as 95% intervals of differences over 3 seeds include 0"),
        ([], ""),
        (None, "; too few seeds to name ties"),
    ],
)
def test_ties_and_edges_are_named(tied, words):
    selected = {"candidate": "0.2", "val_accuracy_mean": 0.9, "runs": 3}
    assert describe(ARM, selected, tied, False) == f"net: 0.2 (validation accuracy 0.9000){words}"
    at_edge = describe(ARM, selected | {"candidate": "0.4"}, tied, False)
    assert at_edge.endswith(
        f"{words}; at the edge of the candidates for train.learning_rate: add some beyond it"
    )


def test_ties_say_what_their_intervals_cover():
    selected = {"candidate": "0.2", "val_accuracy_mean": 0.9, "runs": 3}
    assert "over 3 seeds and the validation images include 0" in describe(ARM, selected, ["0.1"], True)
