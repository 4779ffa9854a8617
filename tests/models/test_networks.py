"""Models and their counts: the exact numbers of the design and of the papers."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lenet_jax.config.build_model import build_model, solve_width
from lenet_jax.config.fields import default_config, override
from lenet_jax.errors import UserError
from lenet_jax.models.counts import count_model
from lenet_jax.models.layers import ACTIVATIONS
from lenet_jax.models.networks import MLP
from tests.helpers.dense import dense_layer
from tests.helpers.networks import cnn, counts_of
from tests.models.test_wiring import GRID, reads_of

PARAMETERS = {
    ("local", "shared"): 61_706,
    ("local", "unshared"): 423_038,
    ("random", "shared"): 61_706,
    ("random", "unshared"): 423_038,
    ("full", "shared"): 84_116,
    ("full", "unshared"): 6_763_934,
}


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_counts_of_the_grid(connectivity, sharing):
    counts = counts_of({"model.connectivity": connectivity, "model.sharing": sharing})
    assert counts.parameters == PARAMETERS[connectivity, sharing]
    assert counts.wired.connections == (6_704_800 if connectivity == "full" else 363_904)
    assert counts.macs == (6_757_416 if connectivity == "full" else 416_520)
    assert counts.connections == counts.wired.connections + 59_134
    assert counts.layers_with_weights == 5
    assert sum(layer.parameters for layer in counts.layers if layer.kind == "dense") == 59_134


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


def test_solved_widths_are_nearest():
    for budget in (805, 1_203, 1_204, 5_000, 99_999):
        distance = {h: abs((784 + 11) * h + 10 - budget) for h in range(1, 200)}
        assert distance[solve_width(784, budget)] == min(distance.values())
    with pytest.raises(UserError, match="parameter_budget=300 is too small"):
        solve_width(784, 300)


def test_parameters_of_layers_that_are_not_counted_are_not_passed_over():
    class WithAnother(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.LayerNorm(name="another")(MLP((3,), "tanh")(x))

    with pytest.raises(NotImplementedError, match="Counted 235 of the model's 255 parameters"):
        count_model(WithAnother(), 8)


@pytest.mark.parametrize("stages", list(itertools.product(GRID, GRID)))
def test_every_pair_of_wirings_can_be_stacked(stages):
    """Parameters, from shapes alone: each stage as its own wiring says."""
    counts = counts_of({
        "model.connectivity": ",".join(connectivity for connectivity, _ in stages),
        "model.sharing": ",".join(sharing for _, sharing in stages),
    })  # fmt: skip
    expected = 59_134
    for (connectivity, sharing), size, units, channels, maps in zip(
        stages, (32, 14), (784, 100), (1, 6), (6, 16), strict=True
    ):
        weights = (size * size if connectivity == "full" else 25) * channels * maps + maps
        expected += weights if sharing == "shared" else weights * units
    assert counts.parameters == expected


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_connections_are_what_the_network_is_linked_by(connectivity, sharing):
    """Counted in another way: derivatives that aren't zero, layer by layer, on a small network."""
    model = cnn((connectivity,), (sharing,), maps=(2,), kernel_size=3, hidden=(4,))
    counts = count_model(model, 8)
    stage, _, dense, output = counts.layers
    image = jax.random.normal(jax.random.key(0), (1, 8, 8, 1))
    rngs = {"params": jax.random.key(1), "wiring": jax.random.key(2)}
    variables = model.init(rngs, image)

    def stage_output(x):
        _, captured = model.apply(variables, x, capture_intermediates=True)
        return captured["intermediates"]["stage_1"]["__call__"][0].images

    links = np.count_nonzero(np.abs(jax.jacobian(stage_output)(image)) > 1e-5)
    units = math.prod(stage.output_shape)
    assert stage.macs == links
    assert stage.connections == links + units
    assert stage.parameters == sum(leaf.size for leaf in jax.tree.leaves(variables["params"]["stage_1"]))
    assert (dense.connections, output.connections) == (3 * 3 * 2 * 4 + 4, 4 * 10 + 10)


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_pooling_and_activation_come_from_the_config(pooling, activation):
    model = override(default_config(), {"model.pooling": pooling, "model.activation": activation}).model
    images = jax.random.normal(jax.random.key(0), (2, 32, 32, 1))
    module = build_model(model, 32)
    variables = module.init({"params": jax.random.key(1)}, images)
    x = images
    for stage, kernel_shape in (("stage_1", (5, 5, 1, 6)), ("stage_3", (5, 5, 6, 16))):
        params = variables["params"][stage]
        x = jax.lax.conv_general_dilated(
            x,
            params["kernel"].reshape(kernel_shape),
            (1, 1),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        x = {"tanh": jnp.tanh, "relu": lambda a: jnp.maximum(a, 0)}[activation](x + params["bias"])
        corners = jnp.stack([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])
        x = corners.max(0) if pooling == "max" else corners.mean(0)
    expected = MLP((120, 84), activation, first=5).apply(
        {"params": variables["params"]["classifier"]}, x.reshape(2, 400)
    )
    np.testing.assert_allclose(module.apply(variables, images), expected, rtol=1e-4, atol=1e-5)


def test_stages_kernels_and_maps_come_from_the_config():
    layers = counts_of({"model.maps": (4, 8, 12), "model.kernel_size": (3,)}).layers
    assert [layer.output_shape for layer in layers][:6] == [
        (30, 30, 4),
        (15, 15, 4),
        (13, 13, 8),
        (6, 6, 8),
        (4, 4, 12),
        (2, 2, 12),
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"model.kernel_size": (33,)}, "kernel_size=33 is too large: convolutional stage 1"),
        ({"model.maps": (6, 16, 32, 64)}, "convolutional stage 3"),
        ({"model.kernel_size": (0,)}, "must be at least 1"),
        ({"model.connectivity": "sparse"}, "'sparse' is unknown: choose one of local, random, full"),
        ({"model.connectivity": "local,full,local"}, "names 3 stages but config.model.maps has 2"),
        ({"model.sharing": "tied"}, "'tied' is unknown: choose one of shared, unshared"),
        ({"model.pooling": "sum"}, "'sum' is unknown: choose one of average, max"),
        ({"model.activation": "gelu"}, "'gelu' is unknown: choose one of tanh, relu"),
        ({"model.name": "resnet"}, "'resnet' is unknown: choose one of cnn, mlp"),
        ({"model.maps": (6, -1)}, "must hold positive whole numbers"),
        ({"model.hidden": (0,)}, "must hold positive whole numbers"),
        ({"model.parameter_budget": 1000}, "is for config.model.name=mlp"),
        (
            {"model.name": "mlp", "model.parameter_budget": 9999},
            "solves the width of the only hidden layer",
        ),
    ],
)
def test_models_that_cannot_be_built_are_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        counts_of(fields)


def definition(model, variables, x_NHWC):
    """A LeNet-5's logits by the definitions: masked dense layers, and windows reshaped out of the images."""
    activate, params = ACTIVATIONS[model.classifier.activation], variables["params"]
    for number, stage in enumerate(model.stages):
        connectivity, sharing, kernel_size = stage.connectivity, stage.sharing, stage.kernel_size
        name, (count, size, _, _) = f"stage_{2 * number + 1}", x_NHWC.shape
        if connectivity == "random":
            reads = np.asarray(variables["wiring"][name]["reads"])
        else:
            reads = reads_of(connectivity, sharing, size, kernel_size)
        y = activate(dense_layer(x_NHWC, reads, params[name]["kernel"], params[name]["bias"]))
        out = size - kernel_size + 1
        half = out // 2
        y = y.reshape(count, out, out, -1)[:, : 2 * half, : 2 * half]
        windows = y.reshape(count, half, 2, half, 2, -1)
        x_NHWC = windows.max((2, 4)) if stage.pooling == "max" else windows.mean((2, 4))
    x = x_NHWC.reshape(len(x_NHWC), -1)
    *hidden, output = sorted(params["classifier"])
    for name in hidden:
        x = activate(x @ params["classifier"][name]["kernel"] + params["classifier"][name]["bias"])
    return x @ params["classifier"][output]["kernel"] + params["classifier"][output]["bias"]


# (images, side, kernel side, maps, connectivity, sharing, pooling, activation): tiles of several sizes, maps
# that they don't divide, and stages of which one cuts tiles anew.
NETWORKS = [
    (16, 32, 5, (6, 16), "local,local", "shared,shared", "average", "tanh"),
    (17, 29, 4, (2, 3, 5), "local,local,local", "shared,shared,shared", "max", "relu"),
    (16, 23, 3, (6, 9), "local,random", "shared,unshared", "max", "tanh"),
    (3, 21, 2, (5, 2, 4), "random,local,full", "shared,shared,shared", "average", "relu"),
    (1, 19, 3, (3, 4), "full,local", "unshared,shared", "average", "tanh"),
    (18, 15, 3, (3, 7), "local,local", "unshared,shared", "max", "relu"),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: f"{network[4]}-{network[1]}")
def test_whole_networks_and_their_gradients_follow_the_definitions(network):
    count, size, kernel_size, maps, connectivity, sharing, pooling, activation = network
    model = cnn(
        tuple(connectivity.split(",")),
        tuple(sharing.split(",")),
        maps,
        kernel_size,
        (7,),
        pooling,
        activation,
    )
    keys = jax.random.split(jax.random.key(0), 4)
    x_NHWC = jax.random.normal(keys[0], (count, size, size, 1))
    variables = model.init({"params": keys[1], "wiring": keys[2]}, x_NHWC)
    constants = {name: value for name, value in variables.items() if name != "params"}
    weights = jax.random.normal(keys[3], (count, 10))

    def value_and_gradients(function):
        def weighted(params, x_NHWC):
            return (function({"params": params, **constants}, x_NHWC) * weights).sum()

        return jax.jit(jax.value_and_grad(weighted, (0, 1)))(variables["params"], x_NHWC)

    ours = value_and_gradients(model.apply)
    theirs = value_and_gradients(lambda *arguments: definition(model, *arguments))
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4), ours, theirs
    )
