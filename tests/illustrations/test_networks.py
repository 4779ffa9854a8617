from configs.history import common
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.illustrations import networks
from lenet_jax.illustrations.rendering import shown


def network(fields):
    return resolve(override(default_config(), fields))


def rows(texts, head, columns):
    """The numbers that follow each `head`, one per column, on lines of their own."""
    starts = [number + 1 for number, text in enumerate(texts) if text == head]
    return [texts[start : start + columns] for start in starts if texts[start][0].isdigit()]


def test_lenet5_has_the_counts_of_the_paper_and_todays_names():
    texts = shown(networks.lenet5(network(common.LENET5 | {"dataset": "mnist"}), network({})))["texts"]
    everything = " ".join(texts)
    assert rows(texts, "parameters", 7) == [
        ["156", "12", "1,516", "32", "48,120", "10,164", "0"],
        ["156", "0", "2,416", "0", "48,120", "10,164", "850"],
    ]
    assert rows(texts, "connections", 7) == [
        ["122,304", "5,880", "151,600", "2,000", "48,120", "10,164", "840"],
        ["122,304", "0", "241,600", "0", "48,120", "10,164", "850"],
    ]
    assert "60,000 parameters, 340,908 connections" in everything.replace("\n", " ")
    assert "61,706 parameters" in everything and "5 layers with weights" in everything.replace("\n", " ")
    assert {"6@28x28", "6@14x14", "16@10x10", "16@5x5", "120", "84", "10", "32x32"} <= set(texts)
    assert {"Gaussian", "softmax", "subsampling,", "pooling", "60 map pairs"} <= set(texts)


def test_the_zip_code_net_has_the_counts_of_the_paper():
    zip_code = common.USPS_FIELD | common.ZIPCODE
    control = common.USPS_FIELD | common.ZIPCODE_CONTROL
    texts = shown(networks.zip_code_net(network(zip_code), network(control)))["texts"]
    assert rows(texts, "parameters", 4) == [["1,068", "2,592", "5,790", "310"]]
    assert rows(texts, "connections", 4) == [["19,968", "38,592", "5,790", "310"]]
    assert "9,760 parameters, 64,660 connections" in " ".join(texts) and "10,690" in " ".join(texts)
    assert {"12@8x8", "12@4x4", "30", "16x16"} <= set(texts)


def test_net_1_to_net_5_have_the_counts_of_the_report():
    nets = {name: network(common.USPS_FIELD | fields) for name, fields in common.NETS.items()}
    texts = shown(networks.nets_1989(nets))["texts"]
    for parameters, connections in (
        ("2,570", "2,570"),
        ("3,214", "3,214"),
        ("1,226", "1,226"),
        ("1,132", "2,266"),
        ("1,060", "5,194"),
    ):
        place = texts.index(f"{parameters} parameters")
        assert texts[place + 1] == f"{connections} connections"
    assert texts.count("locally connected") == 3 and texts.count("convolution") == 3
    assert {"1@8x8", "2@8x8", "1@4x4", "4@4x4", "12"} <= set(texts)


def test_layers_are_named_by_what_they_are():
    assert networks.layer_words(network({"model.pooling": "max,none", "model.hidden": ()})) == [
        "convolution", "max\npooling", "convolution", "fully\nconnected,\nsoftmax",
    ]  # fmt: skip
    unshared = network({"model.sharing": "unshared", "model.connectivity": "local,full", "model.hidden": ()})
    assert networks.layer_words(unshared)[::2] == [
        "locally\nconnected",
        "unshared",
        "fully\nconnected,\nsoftmax",
    ]
    mlp = network({"model.name": "mlp", "model.hidden": (300,)})
    assert networks.layer_words(mlp) == ["fully\nconnected", "fully\nconnected,\nsoftmax"]
