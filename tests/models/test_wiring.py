"""Which positions units read, checked against the words of the definition."""

import jax
import numpy as np
import pytest

from lenet_jax.models.wiring import CONNECTIVITY, SHARING, Connectivity, output_size
from tests.helpers.networks import GRID

DRAWN = [name for name, connectivity in CONNECTIVITY.items() if connectivity.is_drawn]
SIZES = [(9, 4), (14, 5), (7, 3), (6, 1)]  # sides of the input and of the kernel


def reads_of(connectivity, sharing, size, kernel_size, seed=0):
    return np.asarray(CONNECTIVITY[connectivity].reads(sharing, size, kernel_size, key=jax.random.key(seed)))


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_each_unit_reads_distinct_positions_of_the_input(connectivity, sharing):
    fitting = [sides for sides in SIZES if CONNECTIVITY[connectivity].fits(*sides)]
    assert fitting
    for size, kernel_size in fitting:
        reads = reads_of(connectivity, sharing, size, kernel_size)
        taps = CONNECTIVITY[connectivity].taps(size, kernel_size)
        assert reads.shape == (output_size(size, kernel_size) ** 2, taps) and reads.dtype == np.int32
        assert reads.min() >= 0 and reads.max() < size * size
        assert all(len(set(row)) == len(row) for row in reads.tolist())


@pytest.mark.parametrize(("connectivity", "taps"), [("local", 16), ("random", 16), ("full", 81)])
def test_the_grids_units_read_as_many_positions_as_the_design_says(connectivity, taps):
    assert CONNECTIVITY[connectivity].taps(9, 4) == taps


def test_local_reads_the_neighbourhood():
    reads = reads_of("local", "shared", 6, 3)
    positions = np.arange(36).reshape(6, 6)
    for unit, row in enumerate(reads):
        top, left = divmod(unit, 4)
        np.testing.assert_array_equal(row.reshape(3, 3), positions[top : top + 3, left : left + 3])


@pytest.mark.parametrize("connectivity", CONNECTIVITY)
def test_a_shared_stencil_slides_and_wraps_round(connectivity):
    size, kernel_size = 7, 3
    reads = reads_of(connectivity, "shared", size, kernel_size)
    rows, columns = np.divmod(reads, size)
    first_rows, first_columns = np.divmod(reads[0], size)
    for unit in range(25):
        down, right = divmod(unit, 5)
        np.testing.assert_array_equal(rows[unit], (first_rows + down) % size)
        np.testing.assert_array_equal(columns[unit], (first_columns + right) % size)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("connectivity", ["random", "full"])
def test_a_shared_stencil_may_read_padding_beyond_the_edges(connectivity, stride):
    """Of nine rows and columns, with a kernel of four: six units, or with a stride of two, three."""
    out = {1: 6, 2: 3}[stride]
    entry = CONNECTIVITY[connectivity]
    reads = np.asarray(entry.reads("shared", 9, 4, stride, "pad", key=jax.random.key(0)))
    side = 9 + stride * (out - 1)
    rows, columns = np.divmod(reads, side)
    assert len(reads) == out * out and rows[0].max() < 9 and columns[0].max() < 9
    for unit in range(out * out):
        down, right = divmod(unit, out)
        np.testing.assert_array_equal(rows[unit], rows[0] + stride * down)
        np.testing.assert_array_equal(columns[unit], columns[0] + stride * right)
    unslid = entry.reads("unshared", 9, 4, stride, "pad", key=jax.random.key(0))
    np.testing.assert_array_equal(unslid, entry.reads("unshared", 9, 4, stride, key=jax.random.key(0)))


def test_a_local_stencil_never_reaches_the_edges():
    local = CONNECTIVITY["local"]
    np.testing.assert_array_equal(local.reads("shared", 9, 4, 2, "pad"), local.reads("shared", 9, 4, 2))


@pytest.mark.parametrize("sharing", SHARING)
def test_full_units_read_every_position(sharing):
    reads = reads_of("full", sharing, 6, 3)
    np.testing.assert_array_equal(np.sort(reads, axis=1), np.tile(np.arange(36), (16, 1)))


def test_random_unshared_units_draw_each_their_own():
    reads = reads_of("random", "unshared", 10, 3)
    assert len({tuple(sorted(row)) for row in reads.tolist()}) == 64


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("connectivity", DRAWN)
def test_drawn_reads_follow_the_key_alone(connectivity, sharing):
    first, again, other = (reads_of(connectivity, sharing, 8, 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_random_reads_ignore_distance():
    """Over many draws every position is read about equally often, from any unit."""
    reads = reads_of("random", "unshared", 32, 5)
    counts = np.bincount(reads.ravel(), minlength=1024)
    expected = 784 * 25 / 1024
    # Each unit reads a position with probability 25/1024: a binomial count, 5 standard deviations.
    assert abs(counts - expected).max() < 5 * np.sqrt(expected)


RADII = [(14, 5, 1), (13, 5, 2), (9, 4, 1)]  # sides of the input and of the kernel, stride
# What the first two units of a 6x6 input read with a kernel of 2x2 and the key of seed 0.
UNLIMITED = {
    "shared": [[0, 1, 19, 31], [1, 2, 20, 32]],
    "unshared": [[0, 1, 19, 31], [0, 4, 3, 1]],
}


def nearby(sharing, size, kernel_size, stride, radius, draws=1):
    """(draws, units, taps): what random units read with a radius, for the seeds from 0 on."""

    def reads(seed):
        key = jax.random.key(seed)
        return CONNECTIVITY["random"].reads(sharing, size, kernel_size, stride, radius=radius, key=key)

    return np.asarray(jax.vmap(reads)(np.arange(draws)))


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize(("size", "kernel_size", "stride"), RADII)
@pytest.mark.parametrize("radius", [3, 5, 100])
def test_taps_lie_within_the_radius_of_the_local_field(sharing, size, kernel_size, stride, radius):
    """Counted round the edges; over many draws all positions within it are read."""
    reads = nearby(sharing, size, kernel_size, stride, radius, draws=150)
    assert (np.diff(np.sort(reads)) > 0).all() and reads.min() >= 0 and reads.max() < size**2
    out = output_size(size, kernel_size, stride)
    side = min(2 * radius + 1, size)
    for unit in range(out * out):
        centre = stride * np.array(divmod(unit, out)) + kernel_size // 2
        positions = np.unique(reads[:, unit])
        away = abs(np.stack(np.divmod(positions, size), 1) - centre) % size
        assert np.minimum(away, size - away).max() <= radius
        assert len(positions) == side**2


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize(("size", "kernel_size", "stride"), [(14, 5, 1), (13, 5, 2), (9, 3, 3), (5, 5, 1)])
def test_with_the_kernels_radius_random_units_read_the_local_field(sharing, size, kernel_size, stride):
    [reads] = nearby(sharing, size, kernel_size, stride, kernel_size // 2)
    local = CONNECTIVITY["local"].reads(sharing, size, kernel_size, stride)
    assert (reads != local).any()
    np.testing.assert_array_equal(np.sort(reads, 1), np.sort(local, 1))


def test_a_radius_moves_one_stencil_or_draws_one_for_each_unit():
    for sharing, stencils in (("shared", 1), ("unshared", 100)):
        [reads] = nearby(sharing, 14, 5, 1, 3)
        rows, columns = (np.stack(np.divmod(reads, 14)) - np.divmod(np.arange(100)[:, None], 10)) % 14
        assert len(np.unique(np.sort(14 * rows + columns), axis=0)) == stencils


@pytest.mark.parametrize(("sharing", "first"), UNLIMITED.items())
def test_without_a_radius_random_draws_are_those_of_earlier_versions(sharing, first):
    """If this change is intended, update UNLIMITED: recorded runs then draw other wirings."""
    assert reads_of("random", sharing, 6, 2)[:2].tolist() == first


def test_a_stencil_fits_where_its_taps_do_not_meet():
    every_second = Connectivity(lambda size, kernel_size: 2 * np.arange(kernel_size, dtype=np.int32) % size)
    assert every_second.fits(7, 4) and every_second.fits(5, 4)
    assert not every_second.fits(6, 4)  # the last tap wraps round to the first
