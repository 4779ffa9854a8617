"""The benchmark: both sides of a row do the same, and the rows are what they say."""

import csv
import functools
import importlib.util
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import measuring, rows, tried, workloads
from benchmarks.measuring import Measured, Work
from benchmarks.plain import plain_layer
from configs.history import common
from lenet_jax.config.build_model import build_model
from lenet_jax.config.fields import default_config, override
from lenet_jax.errors import UserError
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import Wired
from tests.helpers.commands import run_command
from tests.models.test_wiring import GRID


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_plain_layers_are_the_wired_layers(connectivity, sharing, channels):
    """Same outputs, and same gradients for the parameters and the input, in the plain layers' shapes."""
    layer = Wired(3, 3, connectivity, sharing)
    x_NHWC = jax.random.normal(jax.random.key(5), (2, 7, 7, channels))
    x = FeatureMaps.from_images(x_NHWC)
    rngs = {"params": jax.random.key(1), "wiring": jax.random.key(2)}
    reads = workloads.reads_of(layer.init(rngs, x))
    apply, params, values = workloads.layer_form(layer, x_NHWC, "products")
    plain, plain_params, _ = workloads.layer_form(layer, x_NHWC, "plain")

    @jax.jit
    def both(params, x_NHWC, plain_params):
        def wired(params, x_NHWC):
            inputs = x_NHWC if values.shape == x_NHWC.shape else FeatureMaps.from_images(x_NHWC).tiles
            return FeatureMaps(apply(params, inputs), 5).images

        y, pull = jax.vjp(wired, params, x_NHWC)
        y_plain, pull_plain = jax.vjp(plain, plain_params, x_NHWC)
        return (y, *pull(y)), (y_plain, *pull_plain(y))

    (y, of_params, of_x), expected = both(params, x_NHWC, plain_params)
    _, of_params = plain_layer(layer, of_params, reads, 7)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), (y, of_params, of_x), expected
    )


def test_the_peer_has_the_same_network():
    torch_peer = pytest.importorskip("benchmarks.torch_peer", reason="needs PyTorch")
    assert sum(p.numel() for p in torch_peer.lenet5().parameters()) == 61_706
    assert sum(p.numel() for p in torch_peer.mlp().parameters()) == 266_610
    assert sum(p.numel() for p in torch_peer.ZipCode().parameters()) == 9_760


def test_the_peer_computes_what_the_zip_code_net_does():
    """With the same weights, the outputs that ours has."""
    torch_peer = pytest.importorskip("benchmarks.torch_peer", reason="needs PyTorch")
    torch = torch_peer.torch
    config = override(default_config(), common.USPS_FIELD | common.ZIPCODE)
    model = build_model(config.model, 16)
    images = jax.random.normal(jax.random.key(0), (4, 16, 16, 1))
    params = model.init(jax.random.key(1), images)["params"]
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)
    net = torch_peer.ZipCode()

    def put(parameter, value):
        parameter.data = torch.from_numpy(np.array(value, np.float32))

    h1, h2 = params["stage_1"], params["stage_2"]
    put(net.h1.weight, h1["kernel"].reshape(5, 5, 1, 12).transpose(3, 2, 0, 1))
    put(net.h1_bias, h1["bias"].reshape(8, 8, 12).transpose(2, 0, 1))
    pairs = h2["kernel"].reshape(5, 5, 3, 4, 8)  # thirds of H2's maps, maps of a third, maps read
    # Tables list the maps read in ascending order, as READ does.
    for number, conv in enumerate(net.h2):
        put(conv.weight, pairs[:, :, number].transpose(2, 3, 0, 1))
    put(net.h2_bias, h2["bias"].reshape(4, 4, 12).transpose(2, 0, 1))
    dense = params["classifier"]
    # Ours reads H2 position by position, PyTorch map by map.
    put(net.h3.weight, dense["dense_3"]["kernel"].reshape(16, 12, 30).transpose(2, 1, 0).reshape(30, 192))
    put(net.h3.bias, dense["dense_3"]["bias"])
    put(net.output.weight, dense["output"]["kernel"].T)
    put(net.output.bias, dense["output"]["bias"])
    theirs = net(torch.from_numpy(np.array(images.transpose(0, 3, 1, 2)))).detach().numpy()
    np.testing.assert_allclose(model.apply({"params": params}, images), theirs, rtol=1e-4, atol=1e-5)


def test_a_workload_trains_every_run_for_an_epoch():
    fields = {"model.name": "mlp", "model.hidden": (3,), "data.image_size": 8, "train.batch_size": 10}
    workloads.train(fields, 50, [0.1, 0.2, 0.1])()


def sleep(seconds: float):
    return lambda: time.sleep(seconds)


def test_workloads_take_turns_in_processes_of_their_own():
    fast, slow = measuring.in_turns(
        [Work("tests.benchmarks.test_benchmark:sleep", {"seconds": seconds}) for seconds in (0.0, 0.05)], 3
    )
    assert len(fast.seconds) == len(slow.seconds) == 3
    assert all(there > here for here, there in zip(fast.seconds, slow.seconds, strict=True))
    assert fast.peak_megabytes > 1


def test_a_workload_that_ends_early_is_told_in_one_sentence(capfd):
    with pytest.raises(UserError, match="ended early: what it printed is above"):
        measuring.in_turns([Work("tests.benchmarks.test_benchmark:sleep", {"seconds": "long"})], 1)
    assert "TypeError" in capfd.readouterr().err


def test_a_row_compares_turn_by_turn():
    ours = Measured([1.0, 2.0, 4.0], 10.0)
    row = rows._comparison("them", ours.seconds, [2.0, 2.0, 2.0])
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (1.0, 0.5, 2.0)
    speed = rows._speed(ours, 100, macs=1000, rate=1e6)
    assert speed["images_per_second"] == 50 and speed["seconds"] == 1200
    assert speed["share_of_product_rate"] == pytest.approx(0.05)


@pytest.mark.parametrize("wiring", tried.FORMS, ids="-".join)
def test_every_form_that_was_tried_computes_the_same(wiring):
    """Whatever the order of their outputs: the mean square, and its gradients for kernel and input."""
    x, kernel, reads = tried.stage_inputs(*wiring, size=8, channels=2, maps=3, images=2)

    def value_and_gradients(form):
        def mean_square(kernel, tiles):
            return jnp.square(form(x.replace(tiles=tiles), kernel, reads)).mean()

        return jax.jit(jax.value_and_grad(mean_square, (0, 1)))(kernel, x.tiles)

    in_use, *others = tried.FORMS[wiring].values()
    expected = value_and_gradients(in_use)
    for form in others:
        jax.tree.map(
            functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4),
            value_and_gradients(form),
            expected,
        )


def test_useful_arithmetic_is_three_times_forward_less_the_first_inputs_gradient():
    assert rows._training_macs(rows.LENET5) == 3 * 416_520 - 117_600
    assert rows._training_macs(rows.MLP) == 3 * 266_200 - 784 * 300


@pytest.fixture
def one_row(monkeypatch):
    """A benchmark of one group, measured at once."""
    row = {
        "case": "a net", "images_per_second": 1000.0, "seconds": 60.0, "share_of_product_rate": 0.25,
        "peak_megabytes": 300.0, "turns": 2, "against": "PyTorch", "ratio": 2.0, "ratio_low": 1.5,
        "ratio_high": 2.5, "their_peak_megabytes": 200.0,
    }  # fmt: skip
    monkeypatch.setattr(rows, "GROUPS", {"one": ("a net", lambda scale, rate: [row], True)})
    monkeypatch.setattr(rows, "product_rate", lambda: 2e11)


def test_the_table_is_printed_and_written(one_row, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    ended = run_command("benchmarks", f"--workdir={tmp_path}", "--quick")
    assert ended.status == 0, ended.err
    assert "1.50 to 2.50" in ended.out
    assert "`python -m benchmarks --quick --workdir=DIR`" in ended.out
    assert ended.out.strip() == (tmp_path / "benchmark.md").read_text().strip()
    with open(tmp_path / "benchmark.csv", encoding="utf-8") as file:
        [written] = csv.DictReader(file)
    assert written["rows"] == "one" and float(written["ratio"]) == 2.0
    assert (tmp_path / "benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_measured_is_refused(one_row, tmp_path, monkeypatch):
    folder = tmp_path / "benchmark"
    ended = run_command("benchmarks", f"--workdir={folder}", "--rows=one,fast")
    assert (ended.status, ended.err) == (1, "error: --rows names fast: choose from one.\n")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = run_command("benchmarks", f"--workdir={folder}")
    assert ended.status == 1 and "PyTorch" in ended.err and "make benchmark" in ended.err
    assert not folder.exists()
