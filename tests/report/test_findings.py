"""What a sweep found, in sentences."""

from lenet_jax.analysis.effects import Corners, effect_rows
from lenet_jax.analysis.planned import planned_rows
from lenet_jax.analysis.summaries import contrast_rows
from lenet_jax.report.columns import planned_columns
from lenet_jax.report.findings import MAX_NAMED, caption, findings, of_contrasts, of_planned
from tests.helpers.results import arm, result

CORNERS = Corners("conv", "locally", "sliding", "dense")
ARMS = [
    arm("conv", baselines={"size": "mlp", "constraints": "dense", "larger": "wide"}),
    *map(arm, ("locally", "sliding", "dense", "mlp", "wide")),
]
FIELDS = {name: {"model.name": "cnn"} for name in CORNERS} | {
    name: {"model.name": "mlp"} for name in ("mlp", "wide")
}
WORDS = {name: f"{name}, in words" for name in FIELDS}
PARAMETERS = dict.fromkeys(CORNERS, 61_706) | {"mlp": 62_020, "wide": 238_510}


def said(covers_images=False, **errors):
    """The sentences for test errors in percent by arm, one per seed."""
    results = [
        result(name, seed, 1 - error / 100) for name, its in errors.items() for seed, error in enumerate(its)
    ]
    corners = {"": CORNERS}
    rows, contrasts = effect_rows(results, corners), contrast_rows(results, ARMS)
    above = caption(rows, "all 50 test images of x", covers_images)
    return [above, *findings(rows, contrasts, corners, FIELDS, PARAMETERS, WORDS, covers_images)]


def test_effects_are_said_with_intervals_and_what_is_open_is_named():
    sentences = said(
        conv=(1.0, 1.1, 0.9),
        locally=(3.0, 3.2, 3.1),
        sliding=(2.0, 2.0, 2.1),
        dense=(5.0, 5.0, 5.2),
        mlp=(1, 2, 0.1),
        wide=(9.0, 9.0, 9.0),
    )
    assert sentences[0] == (
        "What each constraint is worth, on all 50 test images of x; 95% intervals from 3 seeds, which allow "
        "for other seeds but not for other test images."
    )
    assert sentences[2].startswith(
        "Of the gap of 4.07 (3.55 to 4.58) between the fully connected network and the convolution, local "
        "connectivity accounts for 1.50 (1.13 to 1.87), 37% ("
    )
    assert "), and weight sharing for 2.57 (" in sentences[2] and ", 63% (" in sentences[2]
    assert sentences[3].startswith("In one order, connectivity comes first and saves 1.97 (")
    assert (
        "then sharing saves 2.10 (1.85 to 2.35); in the other, sharing comes first and saves" in sentences[3]
    )
    assert sentences[4].startswith("Sharing saves more with full than with local connectivity: the interac")
    assert sentences[5].startswith("The convolution saves 0.03 (")
    assert sentences[5].endswith("compared with an MLP of about the same size (mlp, in words).")
    assert sentences[6].startswith(
        "Not resolved with 3 seeds: (conv, in words) against (mlp, in words), 0.03 ("
    )
    assert len(sentences) == 7  # "wide" is not of its size


def test_a_constraint_may_cost_errors_or_have_no_clear_effect():
    sentences = said(conv=(5.0, 5.1), locally=(6.0, 4.0), sliding=(1.0, 1.1), dense=(2.0, 0.1))
    assert "local connectivity accounts for -3.98 (-4.29 to -3.66), and" in sentences[2]  # of no clear gap
    assert "then connectivity costs 4.00 (" in sentences[3]
    assert "; what sharing saves, " in sentences[-1] or ": what sharing saves, " in sentences[-1]
    assert "the gap, " in sentences[-1] and "what connectivity saves" not in sentences[-1]


def test_groups_of_arms_are_named():
    errors = {"conv": (1.0, 1.2), "locally": (3.0, 3.1), "sliding": (2.0, 2.1), "dense": (9.0, 9.1)}
    results = [
        result(name, seed, 1 - error / 100) for name, its in errors.items() for seed, error in enumerate(its)
    ]
    corners = {"no pooling": CORNERS}
    rows = effect_rows(results, corners)
    sentences = findings(rows, [], corners, FIELDS, PARAMETERS, WORDS, True)
    assert sentences[1].startswith("With no pooling: Of the gap of 7.95 (")
    assert sentences[2].startswith("With no pooling: In one order")


def test_all_is_resolved_only_if_every_interval_excludes_0():
    errors = {"conv": (1.0, 1.0), "locally": (3.0, 3.1), "sliding": (2.0, 2.1), "dense": (9.0, 9.1)}
    assert said(**errors)[-1] == (
        "The gap, both effects, averaged over both orders, their interaction and all contrasts between arms "
        "are resolved with 2 seeds."
    )
    assert said(**errors | {"dense": (0.0, 9.0)})[-1].startswith("Not resolved with 2 seeds: ")


def test_what_the_intervals_cover_is_said():
    errors = {"conv": (1.0, 1.0), "locally": (3.0, 3.1), "sliding": (2.0, 2.1), "dense": (9.0, 9.1)}
    assert said(covers_images=True, **errors)[0] == (
        "What each constraint is worth, on all 50 test images of x; 95% intervals from 2 seeds, which allow "
        "for other seeds and other test images."
    )
    told = said(covers_images=True, **errors)[-1]
    assert told.endswith(" are resolved with 2 seeds and these test images.")


def test_one_seed_has_no_intervals_and_tells_nothing():
    sentences = said(conv=(1.0,), locally=(3.0,), sliding=(2.0,), dense=(5.0,))
    assert "one seed, so no intervals" in sentences[0]
    assert sentences[2].endswith("accounts for 1.50, and weight sharing for 2.50.")
    assert sentences[-1].startswith("Not resolved with 1 seed: what connectivity saves, 1.50; what sharing")


def test_planned_contrasts_are_said_by_their_verdicts():
    errors = {"a": (1.0, 1.1, 1.2), "b": (2.0, 2.2, 2.1), "c": (1.05, 1.0, 1.25), "d": (1.0, 3.0, 0.1)}
    results = [result(arm, seed, 1 - it / 100) for arm, its in errors.items() for seed, it in enumerate(its)]

    def sentences(other, margin=0.0, seeds=3, is_tested=True):
        plan = {"name": "x_", "weights": {"a": 1.0, other: -1.0}, "margin": margin, "seeds": seeds}
        return of_planned(planned_rows(results, [plan], None, is_tested), planned_columns({"x_": "x_ and y"}))

    assert sentences("b") == [
        r"x\_ and y: saves 1.00 (0.75 to 1.25) errors per hundred test images (p = 0.003)."
    ]
    assert sentences("c", margin=0.5) == [
        r"x\_ and y: no difference beyond 0.5 errors per hundred test images, 0.00 (-0.22 to 0.22)."
    ]
    assert sentences("d")[0].startswith(r"x\_ and y: not resolved, 0.27 (")
    assert sentences("b", seeds=4)[0].startswith(
        r"x\_ and y: nothing is claimed yet, as runs are missing, 1.00 ("
    )
    assert sentences("b", is_tested=False)[0].startswith(r"x\_ and y: not tested, 1.00 (")


def test_many_contrasts_that_are_not_resolved_are_counted():
    results = [result(name, seed, 0.9 + seed / 100) for name in (*CORNERS, "mlp", "wide") for seed in (0, 1)]
    baselines = {f"against {name}": name for name in FIELDS if name != "conv"}
    assert len(baselines) > MAX_NAMED
    contrasts = contrast_rows(results, [arm("conv", baselines=baselines)])
    rows = effect_rows(results, {"": CORNERS})
    *_, last = findings(rows, contrasts, {"": CORNERS}, FIELDS, PARAMETERS, WORDS, False)
    assert last.endswith(f"; {len(baselines)} of the {len(baselines)} contrasts between arms.")


def test_contrasts_are_said_and_the_unresolved_named_together():
    errors = {"a": (1.0, 1.1), "b": (2.0, 2.1), "c": (1.0, 1.2)}
    results = [result(arm, seed, 1 - it / 100) for arm, its in errors.items() for seed, it in enumerate(its)]
    arms = [arm("a", baselines={"first": "b", "second": "c"}), arm("b", baselines={"third": "a"})]
    words = {"a": "an *arm*", "b": "B"}
    assert of_contrasts(contrast_rows(results, arms), words) == [
        r"first: an \*arm\* saves 1.00 (1.00 to 1.00) errors per hundred test images, compared with B.",
        r"third: B costs 1.00 (1.00 to 1.00) errors per hundred test images, compared with an \*arm\*.",
        r"Not resolved with 2 seeds: second: an \*arm\* against c, 0.05 (-0.59 to 0.69).",
    ]


def test_what_a_convolution_costs_is_said_as_a_cost_without_shares():
    errors = {"conv": (6.0, 6.1, 5.9), "locally": (5.0,) * 3, "sliding": (4.9,) * 3, "dense": (3.0,) * 3}
    sentences = said(mlp=(9.0,) * 3, wide=(9.0,) * 3, **errors)
    assert sentences[2].startswith("The convolution costs 3.00 (2.75 to 3.25) compared with the fully connec")
    assert "local connectivity costs 1.55 (" in sentences[2] and "weight sharing costs 1.45 (" in sentences[2]
    assert "%" not in sentences[2]


def test_where_all_is_resolved_steps_that_are_not_are_not_claimed():
    """Connectivity alone saves nothing, which is not among what is listed."""
    errors = {"conv": (1.0, 1.1, 0.9), "locally": (5.0,) * 3, "sliding": (3.0,) * 3, "dense": (5.0,) * 3}
    *_, last = said(mlp=(9.0,) * 3, wide=(9.0,) * 3, **errors)
    assert last == (
        "The gap, both effects, averaged over both orders, their interaction and all contrasts between arms "
        "are resolved with 3 seeds."
    )
