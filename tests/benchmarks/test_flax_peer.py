"""The peer in plain Flax has the same networks."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import flax_peer, rows
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve


@pytest.mark.parametrize(("name", "size", "fields"), [("lenet5", 32, rows.LENET5), ("mlp", 28, rows.MLP)])
def test_the_peer_has_the_same_network(name, size, fields):
    network = flax_peer.MODELS[name]()
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, size, size, 1)))
    parameters = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert parameters == resolve(override(default_config(), fields)).counts.parameters


def test_the_peer_trains():
    flax_peer.train("mlp", 8, 8, 4, 0.1)()
