"""What docs/history.md says of the contrasts of a sweep follows from its records, corrected after Holm."""

import pytest

from lenet_jax.analysis.crossed import holm, weighted_sum
from lenet_jax.analysis.planned import ALPHA
from lenet_jax.analysis.summaries import accuracies_of
from lenet_jax.runs.store import read_sweep
from tests.helpers.commands import PROJECT

DISTORTED = ("lenet5", "mlp_300", "mlp_1000", "mlp_300_100", "mlp_500_150")
# Sweep -> its contrasts that are significant after the correction for all of its contrasts.
SIGNIFICANT = {
    "zipcode": {"local, shared kernels against full, Newton", "local, shared kernels against full, SGD"},
    "zipcode_later": {"images shifted by up to a pixel", "all steps together"},
    "nets_1989": {
        "net5 against net4",
        "net2_positions against net1_positions",
        "net4_positions against net3_positions",
        "net5_positions against net4_positions",
        "net2_moved against net1_moved",
        "net5_moved against net4_moved",
    },
    "figure9": {
        "LeNet-5 against 28x28-300-100-10",
        "LeNet-5, the paper's damping of 0.02",
        "LeNet-5, the paper's damping of 0.02 and weights within 2.4 / sqrt(F)",
        "28x28-300-10, weights within 2.4 / F, not 2.4 / sqrt(F)",
        "linear classifier, its ten sums passed through f",
    },
    "figure9_today": {*(f"distorted images, {name}" for name in DISTORTED), "LeNet-5 [dist], half as far"},
    "lenet5_later": set(),
}


@pytest.mark.parametrize("sweep", SIGNIFICANT)
def test_what_is_significant(sweep):
    """If this fails, the sentences above the sweep's contrasts no longer hold: change them."""
    header, runs = read_sweep(PROJECT / "results" / "history" / sweep)
    accuracies = accuracies_of([run["result"] for run in runs])
    p_values = {}
    for arm in header["arms"]:
        for contrast, baseline in arm["baselines"].items():
            estimate = weighted_sum({arm["name"]: 1.0, baseline: -1.0}, accuracies, None).estimate()
            p_values[contrast] = 1.0 if estimate is None else estimate.p_value()
    assert {contrast for contrast, p in holm(p_values).items() if p < ALPHA} == SIGNIFICANT[sweep]
