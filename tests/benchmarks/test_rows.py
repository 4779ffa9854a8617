"""The numbers in a row are what the notes say."""

import pytest

from benchmarks import rows
from benchmarks.measuring import Measured


def test_a_row_compares_turn_by_turn():
    measured = Measured([1.0, 2.0, 4.0], 10.0)
    row = rows._comparison("the peer", measured.seconds, [2.0, 2.0, 2.0])
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (1.0, 0.5, 2.0)
    speed = rows._speed(measured, 100, macs=1000, rate=1e6)
    assert speed["images_per_second"] == 50 and speed["seconds"] == 1200
    assert speed["share_of_product_rate"] == pytest.approx(0.05)


def test_useful_arithmetic_is_three_times_forward_less_the_first_inputs_gradient():
    assert rows.training_macs(rows.LENET5) == 3 * 416_520 - 117_600
    assert rows.training_macs(rows.MLP) == 3 * 266_200 - 784 * 300
