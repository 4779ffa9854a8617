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
        (None, "; with one seed, ties are not known"),
    ],
)
def test_ties_and_edges_are_named(tied, words):
    selected = {"candidate": "0.2", "val_accuracy_mean": 0.9, "runs": 3}
    assert describe(ARM, selected, tied) == f"net: 0.2 (validation accuracy 0.9000){words}"
    at_edge = describe(ARM, selected | {"candidate": "0.4"}, tied)
    assert at_edge.endswith(
        f"{words}; at the edge of the candidates for train.learning_rate: add some beyond it"
    )
