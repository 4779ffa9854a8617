"""Images on which arms take sides."""

import numpy as np

from lenet_jax.analysis.crossed import Wrong
from lenet_jax.analysis.disagreements import Disagreement, disagreements


def wrong(count=5, **arms):
    """Wrong answers, from arm -> one list of images per seed."""
    return Wrong(
        {(arm, seed): np.array(its, int) for arm, runs in arms.items() for seed, its in enumerate(runs)},
        count,
    )


def test_images_have_arms_on_both_sides_and_those_with_most_on_the_smaller_side_come_first():
    found = disagreements(wrong(a=[[0, 3], [0, 3]], b=[[3], [3]], c=[[2], [4]], d=[[], []]))
    assert found == [
        Disagreement(3, ("a", "b"), ("c", "d")),
        Disagreement(0, ("a",), ("b", "c", "d")),
    ]  # nobody is wrong on 1, and c is of two minds about 2 and 4


def test_nine_runs_of_ten_are_nearly_all():
    ten = [[0, 1]] * 8 + [[0]] + [[]]
    assert disagreements(wrong(2, a=ten, b=[[]])) == [Disagreement(0, ("a",), ("b",))]
    one = [[0, 1], [1]] + [[]] * 8
    assert disagreements(wrong(2, a=[[0, 1]], b=one)) == [Disagreement(0, ("a",), ("b",))]


def test_one_arm_disagrees_with_nobody():
    assert disagreements(wrong(a=[[0]])) == []
