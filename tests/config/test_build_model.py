"""From `config.model` to a network, and the models that are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.models.networks import MLP
from lenet_jax.models.wiring import CONNECTIVITY, Connectivity
from tests.helpers.keys import key
from tests.helpers.networks import counts_of


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_pooling_and_activation_come_from_the_config(pooling, activation):
    config = override(default_config(), {"model.pooling": pooling, "model.activation": activation})
    images = np.random.default_rng(0).standard_normal((2, 32, 32, 1), np.float32)
    module = resolve(config).model
    variables = jax.jit(module.init)({"params": key(1)}, images)
    expected = jax.jit(written_out, static_argnums=(2, 3))(variables, images, pooling, activation)
    found = jax.jit(module.apply)(variables, images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def written_out(variables, images, pooling, activation):
    """LeNet-5 with JAX's own convolution."""
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
    classifier = MLP((120, 84), activation, first=5)
    return classifier.apply({"params": variables["params"]["classifier"]}, x.reshape(2, 400))


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
        ({"model.connectivity": "sparse"}, f"'sparse' is unknown: choose one of {', '.join(CONNECTIVITY)}"),
        ({"model.connectivity": "local,full,local"}, "names 3 stages but config.model.maps has 2"),
        (
            {"model.radius": (3,)},
            "radius=3: convolutional stage 1 is local, and only random stages have a radius; set it to 0",
        ),
        (
            {"model.radius": (3,), "model.connectivity": "random,full"},
            "radius=3: convolutional stage 2 is full, and only random stages",
        ),
        (
            {"model.radius": (2, 1), "model.connectivity": "random"},
            "radius=1 is too small: units of convolutional stage 2 read 25 positions, and a window of 3x3 "
            "has 9; use at least 2, or 0 for positions anywhere",
        ),
        (
            {"model.radius": (3,), "model.connectivity": "random", "model.edges": "pad"},
            "radius=3 does not go with config.model.edges=pad: the taps of convolutional stage 1 wrap round",
        ),
        (
            {"model.block": (2,)},
            "block=2 does not fit the sharing of convolutional stage 1, shared: it is at",
        ),
        ({"model.sharing": "blocks"}, "block=0 does not fit the sharing of convolutional stage 1, blocks"),
        (
            {"model.sharing": "low_rank,blocks", "model.rank": (2, 0)},
            "block=0 does not fit .* stage 2, blocks",
        ),
        (
            {"model.sharing": "blocks", "model.block": (28, 11)},
            "block=11 is too large: the maps of convolutional stage 2 have 10x10 units; use at most 10",
        ),
        (
            {"model.sharing": "low_rank", "model.rank": (101,)},
            "rank=101 is too large: the maps of convolutional stage 2 have 10x10 units; use at most 100",
        ),
        (
            {
                "model.sharing": "blocks",
                "model.block": (2,),
                "model.connectivity": "full",
                "model.edges": "pad",
            },
            "sharing=blocks does not go with config.model.edges=pad in convolutional stage 1, which is full",
        ),
        (
            {"model.sharing": "blocks,shared", "model.block": (2, 0), "model.shared_gradient": "mean"},
            "shared_gradient=mean is for one kernel per map: convolutional stage 1 has",
        ),
        (
            {"model.sharing": "blocks", "model.block": (2,), "model.start": "tied"},
            "start=tied is not possible, as convolutional stage 1 shares weights",
        ),
        (
            {
                "model.sharing": "low_rank",
                "model.rank": (2,),
                "train.optimizer": "levenberg_marquardt",
                "train.batch_size": 1,
            },
            "sharing=low_rank must be shared or unshared with config.train.optimizer=levenberg_marquardt",
        ),
        ({"model.radius": (-1,)}, r"config.model.radius=\(-1,\) must be at least 0 in every stage"),
        ({"model.radius": (3, 3, 3)}, "radius='3,3,3' names 3 stages but config.model.maps has 2"),
        ({"model.wiring_seed": -2}, "config.model.wiring_seed=-2 must be from -1 to 2147483647"),
        ({"model.wiring_seed": 2**31}, "config.model.wiring_seed=2147483648 must be from -1 to 2147483647"),
        ({"model.sharing": "tied"}, "'tied' is unknown: choose one of shared, unshared"),
        ({"model.pooling": "sum"}, "'sum' is unknown: choose one of average, max"),
        ({"model.activation": "gelu"}, "'gelu' is unknown: choose one of tanh, relu"),
        ({"model.name": "resnet"}, "'resnet' is unknown: choose one of cnn, mlp"),
        ({"model.maps": (6, -1)}, "must hold positive whole numbers"),
        ({"model.hidden": (0,)}, "must hold positive whole numbers"),
        ({"model.parameter_budget": 1000}, "parameter_budget=1000 is met by no numbers of feature maps"),
        ({"model.parameter_budget": 61_706, "model.map_table": "all,c3"}, "which a map_table fixes"),
        (
            {"model.name": "mlp", "model.parameter_budget": 9999},
            "solves the width of the only hidden layer",
        ),
    ],
)
def test_models_that_cannot_be_built_are_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        counts_of(fields)


@pytest.mark.parametrize("sharing", ["shared", "unshared"])
def test_a_radius_changes_no_count(sharing):
    fields = {"model.connectivity": "random", "model.sharing": sharing}
    for radius in ((2,), (5, 3), (2**62,)):
        assert counts_of(fields | {"model.radius": radius}) == counts_of(fields)


def test_radii_are_per_stage_and_unshared_units_ignore_edges():
    fields = {
        "model.connectivity": "random,local",
        "model.sharing": "unshared,shared",
        "model.edges": "pad",
        "model.radius": (3, 0),
    }
    assert [stage.radius for stage in resolve(override(default_config(), fields)).model.stages] == [3, 0]


UNSHARED = {"model.sharing": "unshared"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "stage 1 shares weights: set config.model.sharing=unshared there, or config.model.start=free."),
        ({"model.sharing": "unshared,shared"}, "as convolutional stage 2 shares weights"),
        (UNSHARED | {"model.connectivity": "full,random"}, "stage 2 is random: set .* to local or full"),
        (UNSHARED | {"model.map_table": "all,c3"}, "stage 2 has a connection table: set config.model.map_t"),
    ],
)
@pytest.mark.parametrize("start", ["tied", "convolution"])
def test_a_start_that_a_stage_cannot_have_is_refused(fields, sentence, start):
    with pytest.raises(UserError, match=f"config.model.start={start} is not possible, .*{sentence}"):
        counts_of(fields | {"model.start": start})


def test_a_start_tied_beyond_the_edges_is_refused():
    """The shared layer would read padding, for which unshared units have no weights."""
    padded = UNSHARED | {"model.connectivity": "full", "model.edges": "pad"}
    with pytest.raises(UserError, match="would read padding if it were shared: set config.model.edges=wrap"):
        counts_of(padded | {"model.start": "tied"})
    counts_of(padded | {"model.start": "convolution"})
    counts_of(padded | {"model.connectivity": "local", "model.start": "tied"})


@pytest.mark.parametrize("start", ["tied", "convolution"])
def test_a_start_changes_no_count(start):
    fields = UNSHARED | {"model.connectivity": "local,full"}
    assert counts_of(fields | {"model.start": start}) == counts_of(fields)


def test_a_wiring_of_ones_own_starts_tied_but_not_as_a_convolution(monkeypatch):
    strip = Connectivity(lambda size, kernel_size: np.arange(kernel_size**2, dtype=np.int32))
    monkeypatch.setitem(CONNECTIVITY, "strip", strip)
    fields = UNSHARED | {"model.connectivity": "strip"}
    assert counts_of(fields | {"model.start": "tied"}) == counts_of(fields)
    with pytest.raises(UserError, match="stage 1 is strip"):
        counts_of(fields | {"model.start": "convolution"})


def test_an_mlp_has_no_start():
    counts_of({"model.name": "mlp", "model.start": "convolution", "train.constrained_epochs": 1})


def test_a_kernel_whose_taps_would_meet_is_refused(monkeypatch):
    """Every second pixel of a row, which wraps round."""
    every_second = Connectivity(lambda size, kernel_size: 2 * np.arange(kernel_size, dtype=np.int32) % size)
    monkeypatch.setitem(CONNECTIVITY, "every_second", every_second)
    fields = {"model.connectivity": "every_second", "model.maps": (6,)}
    assert counts_of(fields | {"data.image_size": 10}).layers[0].parameters == 5 * 6 + 6
    with pytest.raises(
        UserError, match="kernel_size=5 is too large: units of convolutional stage 1, every_second"
    ):
        counts_of(fields | {"data.image_size": 8})
