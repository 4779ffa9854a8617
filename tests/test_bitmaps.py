"""The bitmaps that RBF units compare with."""

import jax.numpy as jnp
import numpy as np

from lenet_jax.bitmaps import read_bitmaps
from lenet_jax.layers import RBF


def test_a_bitmap_is_nearest_to_itself():
    codes = tuple(sum(rows, ()) for rows in read_bitmaps("1998", 10))
    assert len(set(codes)) == 10
    distances = np.asarray(RBF(codes).apply({}, jnp.array(codes, jnp.float32)))
    assert (distances.argmin(1) == np.arange(10)).all() and (np.diag(distances) == 0).all()
    differing = (np.array(codes)[:, None] != np.array(codes)[None]).sum(-1)
    np.testing.assert_allclose(distances, 4 * differing)


def test_bitmaps_are_drawn_as_written():
    zero = read_bitmaps("1998", 10)[0]
    assert len(zero) == 12 and {len(row) for row in zero} == {7}
    assert zero[0] == (-1, 1, 1, 1, 1, 1, -1)
    own = read_bitmaps(",".join(10 * ["#. .#"]), 10)
    assert own[3] == ((1, -1), (-1, 1))
