import numpy as np
import pytest

from lenet_jax.illustrations import weights
from lenet_jax.illustrations.weights import WIRING_SEED, neighbours_weights
from lenet_jax.models.wiring import CONNECTIVITY, SHARING, output_size

SIZE, KERNEL_SIZE = 6, 3
WIRINGS = [(connectivity, sharing) for connectivity in CONNECTIVITY for sharing in SHARING]


@pytest.mark.parametrize("connectivity, sharing", WIRINGS)
def test_units_read_what_the_wiring_table_says(connectivity, sharing):
    out = output_size(SIZE, KERNEL_SIZE)
    unit = out // 2 * out + (out - 1) // 2
    first, second = neighbours_weights(connectivity, sharing, SIZE, KERNEL_SIZE).reshape(2, -1)
    entry = CONNECTIVITY[connectivity]
    if entry.is_drawn:
        assert np.count_nonzero(first) == np.count_nonzero(second) == KERNEL_SIZE**2
        return
    reads_PT = np.asarray(entry.reads(sharing, SIZE, KERNEL_SIZE))
    assert set(np.flatnonzero(first)) == set(reads_PT[unit])
    assert set(np.flatnonzero(second)) == set(reads_PT[unit + 1])


@pytest.mark.parametrize("connectivity, sharing", WIRINGS)
def test_neighbours_have_the_same_weights_only_if_they_share_them(connectivity, sharing):
    first, second = neighbours_weights(connectivity, sharing, SIZE, KERNEL_SIZE)
    taps = np.count_nonzero(first)
    assert sorted(first[first > 0]) == list(range(1, taps + 1))  # each weight reads one pixel
    if sharing == "unshared":
        assert sorted(second[second > 0]) == list(range(taps + 1, 2 * taps + 1))
    else:
        np.testing.assert_array_equal(second, np.roll(first, 1, axis=1))  # one pixel further right


def test_the_seed_draws_random_units(monkeypatch):
    def read():
        return neighbours_weights("random", "unshared", SIZE, KERNEL_SIZE) > 0

    first, second = drawn = read()
    assert (first != second).any()  # each unit draws its own
    monkeypatch.setattr(weights, "WIRING_SEED", WIRING_SEED + 1)
    assert (read() != drawn).any()
    monkeypatch.undo()
    np.testing.assert_array_equal(read(), drawn)
