"""The numbers in a row are what the notes say."""

import pytest

from benchmarks import rows
from benchmarks.measuring import Measured, Work


def test_a_row_compares_turn_by_turn():
    measured = Measured([1.0, 2.0, 4.0], 10.0)
    row = rows._comparison("the peer", measured.seconds, [2.0, 2.0, 2.0])
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (1.0, 0.5, 2.0)
    speed = rows._speed(measured, 100, 8_000, rows.Rates([1e4, 4e4, 1e4]))
    assert speed["images_per_second"] == 50 and speed["seconds"] == 1200
    assert speed["share_of_product_rate"] == pytest.approx(0.2)  # of 0.8, 0.1 and 0.2


def test_a_row_names_the_fastest_of_each_kind_of_peer(monkeypatch):
    seconds = {"one process": 2.0, "two": 1.0, "PyTorch, eager": 8.0, "PyTorch, compiled": 4.0, "Flax": 5.0}

    def measure(works, turns):
        return [Measured([seconds[work.function]] * turns, 10.0) for work in works], rows.Rates([1.0] * turns)

    monkeypatch.setattr(rows, "measure", measure)
    own, peers = (
        {f", {name}" if name in ("one process", "two") else name: Work(name, {}) for name in names}
        for names in (list(seconds)[:2], list(seconds)[2:])
    )
    of_torch, of_flax = rows._compared("a net", own, peers, 100, 1, rows.Scale(2, 1.0))
    assert (of_torch["case"], of_torch["against"], of_torch["ratio"]) == (
        "a net, two",
        "PyTorch, compiled",
        4,
    )
    assert (of_flax["against"], of_flax["ratio"]) == ("Flax", 5)


def test_learning_rates_are_shared_among_processes():
    shared = rows._shared(Work("train", {"images": 5, "learning_rates": [1, 2, 3]}), 2)
    assert [part.arguments for part in shared.arguments["works"]] == [
        {"images": 5, "learning_rates": [1, 3]},
        {"images": 5, "learning_rates": [2]},
    ]


def test_useful_arithmetic_is_three_times_forward_less_the_first_inputs_gradient():
    assert rows.training_macs(rows.LENET5) == 3 * 416_520 - 117_600
    assert rows.training_macs(rows.MLP) == 3 * 266_200 - 784 * 300
