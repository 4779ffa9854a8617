"""Counts of networks: the exact numbers of the design and of the papers."""

import itertools
import math

import jax
import numpy as np
import pytest
from flax import linen as nn

from lenet_jax.models.counts import count_model
from lenet_jax.models.networks import MLP
from lenet_jax.models.wiring import CONNECTIVITY
from tests.helpers.keys import key
from tests.helpers.networks import GRID, cnn, counts_of

# Of the design's six wirings.
PARAMETERS = {
    ("local", "shared"): 61_706,
    ("local", "unshared"): 423_038,
    ("random", "shared"): 61_706,
    ("random", "unshared"): 423_038,
    ("full", "shared"): 84_116,
    ("full", "unshared"): 6_763_934,
}


@pytest.mark.parametrize(("connectivity", "sharing"), PARAMETERS)
def test_counts_of_the_grid(connectivity, sharing):
    counts = counts_of({"model.connectivity": connectivity, "model.sharing": sharing})
    assert counts.parameters == PARAMETERS[connectivity, sharing]
    assert counts.wired.connections == (6_704_800 if connectivity == "full" else 363_904)
    assert counts.macs == (6_757_416 if connectivity == "full" else 416_520)
    assert counts.connections == counts.wired.connections + 59_134
    assert counts.layers_with_weights == 5
    assert sum(layer.parameters for layer in counts.layers if layer.kind == "dense") == 59_134


@pytest.mark.parametrize("stages", list(itertools.product(GRID, GRID)))
def test_every_pair_of_wirings_can_be_stacked(stages):
    """Each stage has the parameters that its own wiring says."""
    counts = counts_of({
        "model.connectivity": ",".join(connectivity for connectivity, _ in stages),
        "model.sharing": ",".join(sharing for _, sharing in stages),
    })  # fmt: skip
    expected = 59_134
    for (connectivity, sharing), size, units, channels, maps in zip(
        stages, (32, 14), (784, 100), (1, 6), (6, 16), strict=True
    ):
        weights = CONNECTIVITY[connectivity].taps(size, 5) * channels * maps + maps
        expected += weights if sharing == "shared" else weights * units
    assert counts.parameters == expected


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_connections_are_the_derivatives_that_are_not_zero(connectivity, sharing):
    """Counted a second way, layer by layer, on a small network."""
    model = cnn((connectivity,), (sharing,), maps=(2,), kernel_size=3, hidden=(4,))
    counts = count_model(model, 8)
    stage, _, dense, output = counts.layers
    image = np.random.default_rng(0).standard_normal((1, 8, 8, 1), np.float32)
    variables = jax.jit(model.init)({"params": key(1), "wiring": key(2)}, image)

    def stage_output(x):
        _, captured = model.apply(variables, x, capture_intermediates=True)
        return captured["intermediates"]["stage_1"]["__call__"][0].images

    links = np.count_nonzero(np.abs(jax.jit(jax.jacobian(stage_output))(image)) > 1e-5)
    units = math.prod(stage.output_shape)
    assert stage.macs == links
    assert stage.connections == links + units
    assert stage.parameters == sum(leaf.size for leaf in jax.tree.leaves(variables["params"]["stage_1"]))
    assert (dense.connections, output.connections) == (3 * 3 * 2 * 4 + 4, 4 * 10 + 10)


def test_layers_of_lenet5():
    """Shapes of LeCun et al. 1998, figure 2; C1's, C5's and F6's counts are also the paper's."""
    layers = counts_of({}).layers
    assert [(layer.name, layer.output_shape) for layer in layers] == [
        ("stage_1", (28, 28, 6)),
        ("pool_2", (14, 14, 6)),
        ("stage_3", (10, 10, 16)),
        ("pool_4", (5, 5, 16)),
        ("dense_5", (120,)),
        ("dense_6", (84,)),
        ("output", (10,)),
    ]
    assert [layer.parameters for layer in layers] == [156, 0, 2_416, 0, 48_120, 10_164, 850]
    assert layers[0].connections == 122_304
    assert layers[4].connections == 48_120


def test_the_mlp_with_lenet5s_budget():
    mlp = {"model.name": "mlp", "model.hidden": (), "data.image_size": 28}
    counts = counts_of(mlp | {"model.parameter_budget": 61_706})
    assert counts.layers[0].output_shape == (78,)
    assert counts.parameters == 62_020


def test_uncounted_parameters_are_an_error():
    class WithNormalisation(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.LayerNorm(name="normalisation")(MLP((3,), "tanh")(x))

    with pytest.raises(NotImplementedError, match="Counted 235 of the model's 255 parameters"):
        count_model(WithNormalisation(), 8)
