"""Which positions units read, checked against the words of the definition."""

import jax
import numpy as np
import pytest

from lenet_jax.models import wiring

GRID = [(connectivity, sharing) for connectivity in wiring.CONNECTIVITY for sharing in wiring.SHARING]


def full_reads(sharing, size, kernel_size):
    """A shared kernel is as large as the input and slides; an unshared unit reads in natural order."""
    positions = np.arange(size * size, dtype=np.int32)
    if sharing == "shared":
        return wiring.stencil_reads(positions, size, kernel_size)
    return np.tile(positions, (wiring.output_size(size, kernel_size) ** 2, 1))


def reads_of(connectivity, sharing, size, kernel_size, seed=0, stride=1):
    if connectivity == "local":
        return wiring.local_reads(size, kernel_size, stride)
    if connectivity == "full":
        return full_reads(sharing, size, kernel_size)
    return np.asarray(wiring.random_reads(jax.random.key(seed), sharing, size, kernel_size))


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_each_unit_reads_distinct_positions_of_the_input(connectivity, sharing):
    reads = reads_of(connectivity, sharing, size=9, kernel_size=4)
    assert (
        reads.shape == (6 * 6, wiring.taps(connectivity, 9, 4)) == (36, 81 if connectivity == "full" else 16)
    )
    assert reads.min() >= 0 and reads.max() < 81
    assert all(len(set(row)) == len(row) for row in reads.tolist())


def test_local_reads_the_neighbourhood():
    reads = wiring.local_reads(6, 3)
    positions = np.arange(36).reshape(6, 6)
    for unit, row in enumerate(reads):
        top, left = divmod(unit, 4)
        np.testing.assert_array_equal(row.reshape(3, 3), positions[top : top + 3, left : left + 3])


@pytest.mark.parametrize("connectivity", ["random", "full"])
def test_a_shared_stencil_slides_and_wraps_round(connectivity):
    size, kernel_size = 7, 3
    reads = reads_of(connectivity, "shared", size, kernel_size)
    rows, columns = np.divmod(reads, size)
    first_rows, first_columns = np.divmod(reads[0], size)
    for unit in range(25):
        down, right = divmod(unit, 5)
        np.testing.assert_array_equal(rows[unit], (first_rows + down) % size)
        np.testing.assert_array_equal(columns[unit], (first_columns + right) % size)


def test_full_units_read_every_position():
    for sharing in wiring.SHARING:
        reads = full_reads(sharing, 6, 3)
        np.testing.assert_array_equal(np.sort(reads, axis=1), np.tile(np.arange(36), (16, 1)))


def test_random_unshared_units_draw_each_their_own():
    reads = reads_of("random", "unshared", 10, 3)
    assert len({tuple(sorted(row)) for row in reads.tolist()}) == 64


@pytest.mark.parametrize("sharing", wiring.SHARING)
def test_random_reads_follow_the_key_alone(sharing):
    first, again, other = (reads_of("random", sharing, 8, 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_random_reads_ignore_distance():
    """Over many draws every position is read about equally often, from any unit."""
    reads = reads_of("random", "unshared", 32, 5)
    often = np.bincount(reads.ravel(), minlength=1024)
    expected = 784 * 25 / 1024
    # Each unit reads a position with probability 25/1024: a binomial count, 5 standard deviations.
    assert abs(often - expected).max() < 5 * np.sqrt(expected)
