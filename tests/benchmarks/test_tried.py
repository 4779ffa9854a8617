"""Every form that was tried computes the same."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import tried


@pytest.mark.parametrize("wiring", tried.FORMS, ids="-".join)
def test_every_form_computes_what_the_form_in_use_computes(wiring):
    """Whatever the order of their outputs: the mean square, and its gradients for kernel and input."""
    x, kernel, reads = tried.stage_inputs(*wiring, size=8, channels=2, maps=3, images=2)

    def value_and_gradients(form):
        def mean_square(kernel, tiles):
            return jnp.square(form(dataclasses.replace(x, tiles=tiles), kernel, reads)).mean()

        return jax.jit(jax.value_and_grad(mean_square, (0, 1)))(kernel, x.tiles)

    in_use, *others = tried.FORMS[wiring].values()
    expected = value_and_gradients(in_use)
    for form in others:
        jax.tree.map(
            functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4),
            value_and_gradients(form),
            expected,
        )
