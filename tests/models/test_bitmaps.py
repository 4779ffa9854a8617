"""The bitmaps that RBF units compare with."""

import hashlib

import jax.numpy as jnp
import numpy as np

from lenet_jax.models.bitmaps import DIGITS_1998, read_bitmaps
from lenet_jax.models.layers import RBF


def test_a_bitmap_is_nearest_to_itself():
    codes = tuple(sum(rows, ()) for rows in read_bitmaps("1998", 10))
    assert len(set(codes)) == 10
    distances = np.asarray(RBF(codes).apply({}, jnp.array(codes, jnp.float32)))
    assert (distances.argmin(1) == np.arange(10)).all() and (np.diag(distances) == 0).all()
    differing = (np.array(codes)[:, None] != np.array(codes)[None]).sum(-1)
    np.testing.assert_allclose(distances, 4 * differing)


def test_the_bitmaps_of_1998_are_those_of_the_public_reimplementations():
    text = "\n".join(DIGITS_1998)
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "9c71e66e778c6d9d9685f68e2802a3fb4d77c1360daf6320c46e5f39906d9ed1"
    )


def test_bitmaps_are_drawn_as_written():
    zero = read_bitmaps("1998", 10)[0]
    assert len(zero) == 12 and {len(row) for row in zero} == {7}
    assert zero[0] == (-1, 1, 1, 1, 1, 1, -1)
    own = read_bitmaps(",".join(10 * ["#. .#"]), 10)
    assert own[3] == ((1, -1), (-1, 1))
