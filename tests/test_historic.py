"""The papers' networks: every count that the papers give, and what their configs choose."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.paste import ROOT
from lenet_jax import historic, historic_choices, program
from lenet_jax.config import default_config, override
from lenet_jax.counts import count_model
from lenet_jax.data import load_splits, native, splits
from lenet_jax.errors import UserError
from lenet_jax.model_config import build_model


def counts_of(fields):
    config = override(default_config(), fields)
    return count_model(build_model(config.model, config.data.image_size), config.data.image_size)


def layers_of(fields):
    return [(it.output_shape, it.connections, it.parameters) for it in counts_of(fields).layers]


@pytest.mark.parametrize("table", ["h2_groups", "h2_cyclic", "h2_thirds"])
def test_the_zip_code_network_of_1989(table):
    fields = historic.USPS_FIELD | historic.ZIPCODE | {"model.map_table": f"all,{table}"}
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
    counts = counts_of(historic.USPS_FIELD | historic.ZIPCODE_CONTROL)
    assert counts.connections == 10_690


def test_167693_presentations():
    config = override(default_config(), historic_choices.as_chosen("zipcode_sgd"))
    assert program.make_program(config, 7_291, 1).optimizer.total_steps == 167_693


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
    counts = counts_of(historic.USPS_FIELD | historic.NETS[net])
    assert (counts.connections, counts.parameters) == (links, weights)


def test_lenet5_of_1998():
    assert layers_of(historic.LENET5) == [
        ((28, 28, 6), 122_304, 156),
        ((14, 14, 6), 5_880, 12),
        ((10, 10, 16), 151_600, 1_516),
        ((5, 5, 16), 2_000, 32),
        ((1, 1, 120), 48_120, 48_120),
        ((84,), 10_164, 10_164),
        ((10,), 840, 0),
    ]
    counts = counts_of(historic.LENET5)
    assert (counts.connections, counts.parameters) == (340_908, 60_000)


def test_lenet1_and_lenet4():
    counts = counts_of(historic.LENET1)
    assert (counts.connections, counts.parameters) == (98_442, 2_578)
    shapes = [layer.output_shape for layer in counts.layers]
    assert shapes == [(24, 24, 4), (12, 12, 4), (8, 8, 12), (4, 4, 12), (10,)]
    lenet4 = counts_of(historic.LENET4)
    assert lenet4.parameters == 51_090
    assert f"{lenet4.layers[-2].parameters:,}" in historic.FIGURE_9["lenet4_nearest"]["note"]


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
    assert counts_of(historic.mlp_of_1998(*hidden)).parameters == parameters


def test_the_schedule_of_1998():
    factors = historic.PROTOCOL_1998["train.epoch_factors"]
    rates = [5e-4 * factors[min(epoch, len(factors) - 1)] for epoch in range(20)]
    expected = 2 * [5e-4] + 3 * [2e-4] + 3 * [1e-4] + 4 * [5e-5] + 8 * [1e-5]
    assert rates == pytest.approx(expected)


def test_the_field_of_1989_is_the_digits_own(monkeypatch):
    """16x16 pixels in [-1, 1] come through the presentation as they are."""
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (20, 16, 16)).astype(np.float32)
    labels = np.arange(20, dtype=np.int32) % 10
    monkeypatch.setattr(
        splits, "load_native", lambda *_: native.Native(images, labels, images[:5], labels[:5], -1.0, 1.0)
    )
    fields = historic.USPS_FIELD | {"data.validation_fraction": 0.0}
    config = override(default_config(), fields)
    loaded = load_splits(config.dataset, config.data)
    np.testing.assert_allclose(loaded.train.images[..., 0], images, atol=1e-6)
    assert len(loaded.validation.labels) == 0 and len(loaded.train.labels) == 20


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"train.order": "constant"},
            "order=constant shows one pattern at a time: set config.train.batch_size=1",
        ),
        ({"train.optimizer": "levenberg_marquardt"}, "one pattern at a time"),
        (historic.LENET5 | {"train.loss": "cross_entropy"}, "doesn't fit config.model.output=rbf"),
        ({"train.loss": "rbf"}, "doesn't fit config.model.output=logits"),
        ({"model.output": "activated"}, "is for config.model.output=logits"),
        (historic.LENET5 | {"model.hidden": (80,)}, "are 7x12, 84 pixels, but the last hidden layer has 80"),
        (historic.LENET5 | {"model.hidden": ()}, "give config.model.hidden"),
        (historic.LENET5 | {"model.bitmaps": "##,#."}, "holds 2 bitmaps for 10 classes"),
        (historic.LENET5 | {"model.bitmaps": ",".join(10 * ["#x"])}, "draw with # and . alone"),
        (historic.LENET5 | {"model.bitmaps": ",".join([*9 * ["#."], "#"])}, "must all be of one size"),
        ({"model.map_table": "all,c3x!"}, "is unknown and holds '!'"),
        ({"model.map_table": "all," + " ".join(16 * ["06"])}, "names map 6, which doesn't exist"),
        ({"model.map_table": "all,01 12"}, "has 2 words but the stage 16 feature maps"),
        ({"model.map_table": "all," + " ".join(16 * ["00"])}, "names a map twice in '00'"),
        ({"model.map_table": "all,c3", "model.connectivity": "full"}, "only local stages"),
        ({"model.stride": (2, 1, 1)}, "names 3 stages but config.model.maps has 2"),
        ({"model.border_before": (-1,)}, "must be at least 0"),
        ({"model.dropout": 1.0}, r"must be in \[0, 1\)"),
        ({"model.initialisation": "zeros"}, "choose one of unit_variance, fan_in, root_fan_in"),
        ({"train.epoch_factors": ()}, "numbers greater than 0, at least one"),
        ({"train.damping": 0.0}, "greater than 0"),
        ({"train.rubbish": 0.0}, "greater than 0"),
        ({"train.target_low": 1.0}, "less than target_high"),
        ({"train.curvature": "guessed"}, "choose one of backpropagated, exact"),
        ({"distortion.share": 1.5}, r"in \[0, 1\]"),
        ({"distortion.shear": -1.0}, "at least 0"),
        ({"data.draw": (3, 4)}, "must be three numbers of images"),
        ({"data.draw": (3, 4, 5)}, "set config.data.validation_fraction=0"),
        (
            {"data.validation_fraction": 0.0, "train.epoch_chosen": "validation"},
            "needs a validation split",
        ),
    ],
)
def test_wrong_settings_are_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        program.check_fields(override(default_config(), fields))


def test_too_large_a_draw_is_refused():
    config = override(default_config(), {"data.validation_fraction": 0.0, "data.draw": (320, 160, 160)})
    with pytest.raises(UserError, match="more than the 400 training and 200 test images"):
        program.make_draw(config, 400, 200)


def sweep_of_choices(era):
    path = ROOT / "results" / "history" / f"choices_{era}" / "table.csv"
    with open(path, encoding="utf-8", newline="") as file:
        return {row["arm"]: row for row in csv.DictReader(file)}


def test_the_nets_of_the_report_share_the_rate_that_is_best_for_their_mean():
    rows = sweep_of_choices("nets")
    scores = {
        name: np.mean([float(rows[f"{net}-{name}"]["val_accuracy_mean"]) for net in historic.NETS])
        for name in historic_choices.FAMILIES_NETS["net1"][1]
    }
    best = max(scores, key=scores.get)
    assert {historic_choices.CHOSEN[net] for net in historic.NETS} == {best}


@pytest.mark.parametrize("era", ["1989", "1998", "mlps", "today", "later"])
def test_what_is_chosen_is_best_on_validation_images(era):
    """If this fails, mend CHOSEN in lenet_jax/historic_choices.py, and run what depends on it again."""
    rows = sweep_of_choices(era)
    families = getattr(historic_choices, f"FAMILIES_{era.upper()}")
    assert set(rows) == {f"{family}-{name}" for family, (_, names) in families.items() for name in names}
    for family, (_, candidates) in families.items():
        # A candidate of which a run diverged has no claim.
        scores = {
            name: float(rows[f"{family}-{name}"]["val_accuracy_mean"])
            for name in candidates
            if rows[f"{family}-{name}"]["diverged"] == "0"
        }
        assert historic_choices.CHOSEN[family] == max(scores, key=scores.get), family


def test_steps_are_cumulative():
    steps = historic.steps_from({"a": 1, "b": 1}, {"first": {"a": 2}, "second": {"b": 3}})
    assert steps == {"first": {"a": 2, "b": 1}, "second": {"a": 2, "b": 3}}


def test_kernels_start_within_2_4_over_the_fan_in():
    """With C3's table, each map's own: it reads 3, 4 or 6 maps."""
    config = override(default_config(), historic.LENET5)
    model = build_model(config.model, 32)
    params = model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 1)))["params"]
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
