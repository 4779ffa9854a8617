"""The papers' networks: every count that the papers give, the schedule, the initial weights, the images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.history import common, tuned
from configs.history.steps import arms_of_steps, steps_from
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.data import load_splits, native, splits
from lenet_jax.data.sources import DIGIT_NAMES
from tests.helpers.keys import key
from tests.helpers.networks import counts_of


def layers_of(fields):
    return [(layer.output_shape, layer.connections, layer.parameters) for layer in counts_of(fields).layers]


@pytest.mark.parametrize("table", ["h2_groups", "h2_cyclic", "h2_thirds"])
def test_the_zip_code_network_of_1989(table):
    fields = common.USPS_FIELD | common.ZIPCODE | {"model.map_table": f"all,{table}"}
    assert layers_of(fields) == [
        ((8, 8, 12), 19_968, 1_068),
        ((4, 4, 12), 38_592, 2_592),
        ((30,), 5_790, 5_790),
        ((10,), 310, 310),
    ]
    counts = counts_of(fields)
    assert (counts.connections, counts.parameters) == (64_660, 9_760)
    units = 16 * 16 + sum(int(np.prod(layer.output_shape)) for layer in counts.layers)
    assert units == 1_256


def test_the_control_of_1989():
    counts = counts_of(common.USPS_FIELD | common.ZIPCODE_CONTROL)
    assert counts.connections == 10_690


def test_167693_presentations():
    resolved = resolve(override(default_config(), tuned.as_chosen("zipcode_sgd")))
    program = resolved.make_program({"train": 7_291, "validation": 0, "test": 2_007})
    assert program.optimizer.total_steps == 167_693


@pytest.mark.parametrize(
    ("net", "links", "weights"),
    [
        ("net1", 2_570, 2_570),
        ("net2", 3_214, 3_214),
        ("net3", 1_226, 1_226),
        ("net4", 2_266, 1_132),
        ("net5", 5_194, 1_060),
    ],
)
def test_nets_of_the_technical_report(net, links, weights):
    counts = counts_of(common.USPS_FIELD | common.NETS[net])
    assert (counts.connections, counts.parameters) == (links, weights)


def test_lenet5_of_1998():
    assert layers_of(common.LENET5) == [
        ((28, 28, 6), 122_304, 156),
        ((14, 14, 6), 5_880, 12),
        ((10, 10, 16), 151_600, 1_516),
        ((5, 5, 16), 2_000, 32),
        ((1, 1, 120), 48_120, 48_120),
        ((84,), 10_164, 10_164),
        ((10,), 840, 0),
    ]
    counts = counts_of(common.LENET5)
    assert (counts.connections, counts.parameters) == (340_908, 60_000)


def test_lenet1_and_lenet4():
    counts = counts_of(common.LENET1)
    assert (counts.connections, counts.parameters) == (98_442, 2_578)
    shapes = [layer.output_shape for layer in counts.layers]
    assert shapes == [(24, 24, 4), (12, 12, 4), (8, 8, 12), (4, 4, 12), (10,)]
    lenet4 = counts_of(common.LENET4)
    assert lenet4.parameters == 51_090
    assert lenet4.layers[-2].parameters == 48_120  # alone more than the paper's 17,000


@pytest.mark.parametrize(
    ("hidden", "parameters"),
    [
        ((), 7_850),
        ((300,), 238_510),
        ((1000,), 795_010),
        ((300, 100), 266_610),
        ((500, 150), 469_160),
    ],
)
def test_fully_connected_networks_of_figure_9(hidden, parameters):
    counts = counts_of(common.mlp_of_1998(*hidden))
    assert counts.parameters == counts.connections == parameters
    assert counts.macs == parameters - sum(hidden) - 10


def test_what_the_papers_measured():
    assert {name: paper.error_percent for name, (_, paper) in common.FIGURE_9.items()} == {
        "linear": 12.0, "mlp_300": 4.7, "mlp_300_dist": 3.6, "mlp_1000": 4.5, "mlp_1000_dist": 3.8,
        "mlp_300_100": 3.05, "mlp_300_100_dist": 2.5, "mlp_500_150": 2.95, "mlp_500_150_dist": 2.45,
        "lenet1": 1.7, "lenet4_nearest": 1.1, "lenet5": 0.95, "lenet5_dist": 0.8,
    }  # fmt: skip
    assert {paper.images for _, paper in common.FIGURE_9.values()} == {10_000}
    assert common.FIGURE_9["lenet5_dist"][1].errors == 82
    correct = [100 - paper.error_percent for paper in common.NETS_PAPER.values()]
    assert correct == pytest.approx([80.0, 87.0, 88.5, 94.0, 98.4])
    assert {paper.images for paper in common.NETS_PAPER.values()} == {160}
    assert (common.ZIPCODE_PAPER.error_percent, common.ZIPCODE_PAPER.errors) == (5.0, 102)
    assert common.CONTROL_PAPER.error_percent == 8.1
    assert common.ZIPCODE_PAPER.images == common.CONTROL_PAPER.images == 2_007


def test_lenet1_reads_digits_of_16x16_in_28x28():
    assert (common.LENET1["data.box"], common.LENET1["data.image_size"]) == (16, 28)


def test_the_schedule_of_1998():
    factors = common.PROTOCOL_1998["train.epoch_factors"]
    rates = [5e-4 * factors[min(epoch, len(factors) - 1)] for epoch in range(20)]
    expected = 2 * [5e-4] + 3 * [2e-4] + 3 * [1e-4] + 4 * [5e-5] + 8 * [1e-5]
    assert rates == pytest.approx(expected)


def test_the_field_of_1989_is_the_digits_own(monkeypatch):
    """Preprocessing leaves 16x16 pixels in [-1, 1] as they are."""
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (20, 16, 16)).astype(np.float32)
    labels = np.arange(20, dtype=np.int32) % 10
    monkeypatch.setattr(
        splits,
        "load_native",
        lambda *_: native.Native(images, labels, images[:5], labels[:5], -1.0, 1.0, DIGIT_NAMES),
    )
    fields = common.USPS_FIELD | {"data.validation_fraction": 0.0}
    config = override(default_config(), fields)
    loaded = load_splits(config.dataset, config.data)
    np.testing.assert_allclose(loaded.train.images[..., 0], images, atol=1e-6)
    assert len(loaded.validation.labels) == 0 and len(loaded.train.labels) == 20


def test_steps_are_cumulative():
    steps = steps_from({"a": 1, "b": 1}, {"first": {"a": 2}, "second": {"b": 3}})
    assert steps == {"first": {"a": 2, "b": 1}, "second": {"a": 2, "b": 3}}


def test_each_step_is_compared_with_the_one_before_and_the_last_also_with_the_first():
    labels = {"one": "start", "two": "a change", "three": "another"}
    assert arms_of_steps({"one": {"a": 1}, "two": {"a": 2}, "three": {"a": 3}}, labels) == [
        Arm("one", {"a": 1}, label="start"),
        Arm("two", {"a": 2}, label="a change", baselines={"a change": "one"}),
        Arm("three", {"a": 3}, label="another", baselines={"another": "two", "all steps together": "one"}),
    ]


def test_kernels_start_within_2_4_over_the_fan_in():
    """C3's maps read 3, 4 or 6 maps by its table, and each has a fan-in of its own."""
    model = resolve(override(default_config(), common.LENET5)).model
    params = jax.jit(model.init)(key(0), jnp.zeros((1, 32, 32, 1)))["params"]
    bounds = {"stage_1": 2.4 / 25, "stage_5": 2.4 / 400}
    for name, bound in bounds.items():
        kernel = np.abs(params[name]["kernel"])
        assert 0.9 * bound < kernel.max() <= bound
    kernel = np.abs(params["stage_3"]["kernel"])
    first = 0
    for read in model.stages[1].table:
        bound = 2.4 / (25 * len(read))
        pairs = kernel[:, first : first + len(read)]
        assert 0.9 * bound < pairs.max() <= bound
        first += len(read)
    assert first == kernel.shape[1] == 60
