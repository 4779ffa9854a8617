"""What a sweep has found, in sentences."""

from lenet_jax.analysis.effects import Corners, effect_rows
from lenet_jax.analysis.summaries import contrast_rows
from lenet_jax.report.findings import findings
from tests.helpers.results import arm, result

CORNERS = Corners("conv", "locally", "sliding", "dense")
ARMS = [
    arm("conv", baselines={"size": "mlp", "constraints": "dense"}),
    *map(arm, ("locally", "sliding", "dense", "mlp")),
]
FIELDS = {name: {} for name in CORNERS} | {"mlp": {"model.parameter_budget": 61706}}


def said(**errors):
    """The sentences for test errors in percent by arm, one per seed."""
    results = [
        result(name, seed, 1 - error / 100) for name, its in errors.items() for seed, error in enumerate(its)
    ]
    rows = effect_rows(results, CORNERS)
    return findings(rows, contrast_rows(results, ARMS), CORNERS, FIELDS, "all 50 test images of x")


def test_effects_are_said_with_intervals_and_what_is_open_is_named():
    sentences = said(
        conv=(1.0, 1.1, 0.9),
        locally=(3.0, 3.2, 3.1),
        sliding=(2.0, 2.0, 2.1),
        dense=(5.0, 5.0, 5.2),
        mlp=(1, 2, 0.1),
    )
    assert sentences[0] == (
        "In errors per hundred, on all 50 test images of x; 95% intervals over 3 seeds, which do not cover "
        "the choice of test images."
    )
    assert sentences[1] == (
        "Local instead of full connectivity saves 1.5 (1.1 to 1.9), averaged over both kinds of weights."
    )
    assert sentences[2].startswith("Sharing weights saves 2.6 (")
    assert "the gap of 4.1 (" in sentences[3]
    assert sentences[4].startswith("The convolution saves 0.0 (") and sentences[4].endswith(
        "against mlp, an MLP with as many parameters; which is better can't be told."
    )
    assert sentences[5].startswith("Can't be told with 3 seeds: ") and "conv against mlp" in sentences[5]
    assert "whether sharing saves more" not in sentences[5]  # its interval excludes 0


def test_a_constraint_may_cost_errors_or_have_no_clear_effect():
    sentences = said(conv=(5.0, 5.1), locally=(6.0, 4.0), sliding=(1.0, 1.1), dense=(2.0, 0.1))
    assert sentences[1] == (
        "Local instead of full connectivity costs 4.0 (3.7 to 4.3), averaged over both kinds of weights."
    )
    assert "whether it saves any can't be told" in sentences[2]


def test_one_seed_has_no_intervals_and_tells_nothing():
    sentences = said(conv=(1.0,), locally=(3.0,), sliding=(2.0,), dense=(5.0,))
    assert "one seed, so no intervals" in sentences[0]
    assert (
        "saves 1.5, averaged over both kinds of weights; whether it saves any can't be told" in sentences[1]
    )
    assert sentences[-1].startswith("Can't be told with 1 seed: ")
