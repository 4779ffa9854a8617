"""The PyTorch peer has the same networks, and computes the same."""

import jax
import numpy as np
import pytest

from configs.history import common
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve


def test_the_peer_has_the_same_network():
    torch_peer = pytest.importorskip("benchmarks.torch_peer", reason="needs PyTorch")
    assert sum(p.numel() for p in torch_peer.lenet5().parameters()) == 61_706
    assert sum(p.numel() for p in torch_peer.mlp().parameters()) == 266_610
    assert sum(p.numel() for p in torch_peer.ZipCode().parameters()) == 9_760


@pytest.mark.parametrize("variant", ["eager", "channels_last"])  # compiling takes a minute
def test_each_variant_trains(variant):
    torch_peer = pytest.importorskip("benchmarks.torch_peer", reason="needs PyTorch")
    torch_peer.train("lenet5", variant, 32, 8, 4, [0.1, 0.2])()


def test_the_peer_computes_what_the_zip_code_net_does():
    """The same weights give the same outputs."""
    torch_peer = pytest.importorskip("benchmarks.torch_peer", reason="needs PyTorch")
    torch = torch_peer.torch
    model = resolve(override(default_config(), common.USPS_FIELD | common.ZIPCODE)).model
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
    # The JAX network reads H2 position by position, PyTorch map by map.
    put(net.h3.weight, dense["dense_3"]["kernel"].reshape(16, 12, 30).transpose(2, 1, 0).reshape(30, 192))
    put(net.h3.bias, dense["dense_3"]["bias"])
    put(net.output.weight, dense["output"]["kernel"].T)
    put(net.output.bias, dense["output"]["bias"])
    expected = net(torch.from_numpy(np.array(images.transpose(0, 3, 1, 2)))).detach().numpy()
    np.testing.assert_allclose(model.apply({"params": params}, images), expected, rtol=1e-4, atol=1e-5)
