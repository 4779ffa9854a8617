"""Arms in words."""

import pytest

from lenet_jax.data.sources import SOURCES
from lenet_jax.report.names import DATASETS, dataset_words
from lenet_jax.report.words import arm_words, convolution_among, network_words, with_words
from tests.helpers.recorded import CONFIG, header
from tests.helpers.results import arm


def fields(connectivity="local", sharing="shared", **others):
    named = {name.replace("__", "."): value for name, value in others.items()}
    return CONFIG | {"model.connectivity": connectivity, "model.sharing": sharing} | named


MLP = {"model__name": "mlp"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (fields(), "local, shared (LeNet-5)"),
        (fields("full", "unshared"), "full, unshared"),
        (fields("local,full"), "local then full, shared"),
        (fields(model__pooling="max"), "local, shared, max pooling"),
        (fields(model__pooling="trainable_sum"), "local, shared, trainable sum pooling"),
        (fields(model__pooling="max,none"), "local, shared, max then no pooling"),
        (fields("full", model__edges="pad"), "full, shared, padded"),
        (fields(model__maps=[12, 32]), "local, shared, maps 12-32"),
        (
            fields(model__kernel_size=[5, 3], model__hidden=[120]),
            "local, shared, kernels 5x5 and 3x3, hidden 120",
        ),
        (fields(model__maps=[6], model__hidden=[]), "local, shared, 1 stage with maps 6, no hidden layer"),
        (fields("random", model__radius=[2, 2]), "random within 2, shared"),
        (fields("random", model__radius=[6, 5]), "random within 6 then within 5, shared"),
        (fields("random", model__radius=[2, 0]), "random within 2 then anywhere, shared"),
        (fields("local,random", model__radius=[0, 3]), "local then random within 3, shared"),
        (fields(model__parameter_budget=61_706), "local, shared, matched to 61,706 parameters"),
        (fields(**MLP, model__hidden=[300, 100]), "MLP 300-100"),
        (fields(**MLP, model__hidden=[], model__parameter_budget=61_706), "MLP matched to 61,706 parameters"),
        (fields(**MLP, model__hidden=[]), "linear classifier"),
    ],
)
def test_networks(config, words):
    assert network_words(config) == words


def words_of(configs, arms, phrases=None, kind="sweep"):
    return arm_words(header(arms) | {"kind": kind}, configs, phrases or dict.fromkeys(configs, ()))


def test_labels_come_first():
    assert words_of({"a": fields(), "b": fields()}, [arm("a", label="the first")]) == {
        "a": "the first",
        "b": "local, shared (LeNet-5)",
    }


def test_groups_are_named_where_there_are_several():
    arms = [arm("a", group="no pooling"), arm("b", group="max pooling"), arm("c")]
    full = fields("full", model__pooling="max")  # whose words would say it twice
    configs = {"a": fields(), "b": full, "c": fields(**MLP, model__hidden=[3])}
    assert list(words_of(configs, arms).values()) == [
        "local, shared, no pooling (LeNet-5)",
        "full, shared, max pooling",
        "MLP 3",
    ]
    assert next(iter(words_of(configs, arms[:1]).values())) == "local, shared (LeNet-5)"


def test_equal_networks_are_told_apart_by_their_training_or_their_names():
    configs = {"a": fields(), "b": fields(), "c": fields("full"), "d": fields("full")}
    phrases = {"a": ["SGD", "rate 1"], "b": ["SGD", "rate 2"], "c": ["SGD"], "d": ["SGD"]}
    assert words_of(configs, [], phrases) == {
        "a": "local, shared (LeNet-5), rate 1",
        "b": "local, shared (LeNet-5), rate 2",
        "c": "c",
        "d": "d",
    }


def test_learning_rates_are_named_only_where_nothing_else_tells_networks_apart():
    configs = {"a": fields(), "b": fields(), "c": fields(model__shared_gradient="mean")}
    rates = {"a": ["learning rate 1"], "b": ["learning rate 2"], "c": ["learning rate 3"]}
    others = {"a": rates["a"], "b": [*rates["b"], "decay"], "c": [*rates["c"], "means"]}
    assert list(words_of(configs, [], others).values()) == [
        "local, shared (LeNet-5)", "local, shared (LeNet-5), decay", "local, shared, means",
    ]  # fmt: skip
    schedules = {"a": ["learning rate 1 (constant)"], "b": ["learning rate 1 (cosine)", "decay"], "c": []}
    assert list(words_of(configs, [], schedules).values()) == [
        "local, shared (LeNet-5), learning rate 1 (constant)",
        "local, shared (LeNet-5), learning rate 1 (cosine), decay", "local, shared",
    ]  # fmt: skip
    assert list(words_of(configs, [], rates).values()) == [
        "local, shared (LeNet-5), learning rate 1", "local, shared (LeNet-5), learning rate 2",
        "local, shared, learning rate 3",
    ]  # fmt: skip


def test_the_activation_is_named_and_lenet5s_is_no_difference_to_its_like():
    relu = {
        "a": fields(),
        "b": fields(model__activation="relu"),
        "c": fields(model__activation="scaled_tanh"),
    }
    assert list(words_of(relu, []).values()) == [
        "local, shared (LeNet-5)", "local, shared, relu", "local, shared, scaled tanh",
    ]  # fmt: skip
    # What differs has no words.
    assert words_of({"a": fields(), "b": fields(model__stride=[3])}, []) == {"a": "a", "b": "b"}


def test_candidates_have_their_names():
    assert words_of({"a-0.1": fields()}, [arm("a-0.1", label="a net")], kind="tuning") == {"a-0.1": "a-0.1"}


def test_the_convolution_is_local_and_shared():
    assert convolution_among({"a": fields("full"), "b": fields(), "c": fields()}) == "b"
    assert convolution_among({"a": fields("full"), "b": fields(**MLP)}) is None


def test_lenet5_comes_before_other_convolutions():
    small = fields(model__kernel_size=[3])
    assert convolution_among({"a": small, "b": fields("full"), "c": fields()}) == "c"
    assert convolution_among({"b": fields("full"), "a": small}) == "a"


def test_every_downloaded_dataset_has_words():
    assert set(DATASETS) == {"mnist_5k", *SOURCES}
    assert dataset_words("fashion_mnist") == "Fashion-MNIST"
    assert dataset_words("/home/me/digits.npz") == "/home/me/digits.npz"


def test_names_of_arms_in_a_text_become_words():
    words = {"mlp_best": "MLP 1000-300", "local": "local, shared"}
    assert with_words("convolution against mlp_best", words) == "convolution against MLP 1000-300"
    assert with_words("local_shared, mlp_best_100", words) == "local_shared, mlp_best_100"
