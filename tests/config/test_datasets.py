"""Networks for datasets with other channels and classes than the digits, and how they are named."""

import pytest
from PIL import Image

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.matching import solve_width
from lenet_jax.config.resolve import resolve
from lenet_jax.data import DatasetInfo, dataset_info
from lenet_jax.errors import UserError
from lenet_jax.models.map_tables import TABLES
from tests.helpers.networks import counts_of

COLOUR = DatasetInfo("boats", "sha256:0123456789abcdef", 32, 3, 0.0, 255.0, 400, 100, tuple("abcde"))
OUTPUT = 84 * 5 + 5
DENSE = 400 * 120 + 120 + 120 * 84 + 84 + OUTPUT


def colour(info=COLOUR, **fields):
    """The default config with fields of `model`, on 32x32 images in three channels and five classes."""
    fields = {f"model.{name}": value for name, value in fields.items()}
    return resolve(override(default_config(), {"dataset": "boats.npz", **fields}), info)


def test_a_convolution_reads_all_channels_and_has_an_output_per_class():
    layers = {layer.name: layer for layer in colour().counts.layers}
    assert layers["stage_1"].parameters == 25 * 3 * 6 + 6
    assert layers["stage_1"].macs == 25 * 3 * 6 * 28 * 28
    assert layers["stage_3"].parameters == 25 * 6 * 16 + 16  # as on grey images
    assert layers["output"].parameters == OUTPUT and layers["output"].output_shape == (5,)
    assert colour().counts.parameters == 456 + 2_416 + DENSE


@pytest.mark.parametrize(
    ("connectivity", "sharing", "stages"),
    [
        ("local", "unshared", (25 * 3 + 1) * 6 * 784 + (25 * 6 + 1) * 16 * 100),
        ("random", "shared", 456 + 2_416),
        ("full", "shared", 1_024 * 3 * 6 + 6 + 196 * 6 * 16 + 16),
        ("full", "unshared", (1_024 * 3 + 1) * 6 * 784 + (196 * 6 + 1) * 16 * 100),
    ],
)
def test_every_wiring_reads_all_channels(connectivity, sharing, stages):
    assert colour(connectivity=connectivity, sharing=sharing).counts.parameters == stages + DENSE


def test_the_matched_width_counts_channels_and_classes():
    """An MLP 3072-h-5 has 3,078 h + 5 parameters."""
    budget = colour().counts.parameters
    width = solve_width(3_072, budget, 5)
    assert abs(3_078 * width + 5 - budget) <= 3_078 / 2
    mlp = colour(name="mlp", hidden=(), parameter_budget=budget)
    assert mlp.model.hidden == (width,) and mlp.counts.parameters == 3_078 * width + 5
    with pytest.raises(UserError, match="on 3072 inputs: the nearest, with config.model.hidden=1, has 3,083"):
        colour(name="mlp", hidden=(), parameter_budget=1_000)


def test_the_matched_maps_count_channels_and_classes():
    unshared = {"maps": (5, 13), "sharing": "unshared"}
    budget = colour(**unshared).counts.parameters
    assert colour(**unshared, parameter_budget=budget).model == colour(**unshared).model


@pytest.mark.parametrize(
    ("side", "model", "size"), [(8, "cnn", 32), (8, "mlp", 28), (30, "mlp", 30), (64, "cnn", 64)]
)
def test_image_size_0_is_the_side_of_the_images_but_at_least_that_of_1998(side, model, size):
    resolved = colour(COLOUR._replace(side=side), name=model)
    assert resolved.config.data.image_size == resolved.fields["data.image_size"] == size
    assert resolved.make_program({"train": 400, "validation": 0, "test": 100}).image_size == size


def test_what_a_run_records_is_the_identity_of_its_images():
    resolved = colour()
    assert resolved.fields["dataset"] == COLOUR.identity and resolved.config.dataset == "boats.npz"
    assert resolved.make_program({"train": 400, "validation": 0, "test": 100}).channels == 3


def test_rbf_units_need_a_bitmap_for_each_class():
    bitmaps = [".#", "#.", "##", "..", "#."]
    config = override(default_config(), {"train.loss": "rbf", "model.output": "rbf", "model.hidden": (2,)})

    def classes(bitmaps):
        return len(
            resolve(override(config, {"model.bitmaps": ",".join(bitmaps)}), COLOUR).model.classifier.codes
        )

    assert classes(bitmaps) == 5
    for wrong in (bitmaps[:4], [*bitmaps, "##"]):
        with pytest.raises(UserError, match=f"holds {len(wrong)} bitmaps for 5 classes"):
            classes(wrong)


def test_a_map_table_names_channels_of_the_image_too():
    resolved = colour(map_table="0 1 2 01 12 012,c3")
    layers = {layer.name: layer for layer in resolved.counts.layers}
    assert layers["stage_1"].parameters == 25 * 10 + 6
    assert layers["stage_3"].parameters == 25 * len("".join(TABLES["c3"].split())) + 16
    with pytest.raises(UserError, match="names map 3, which doesn't exist"):
        colour(map_table="0 1 2 01 12 013,all")


def test_grey_images_of_ten_classes_have_the_documented_counts():
    assert counts_of({"dataset": "mnist_5k"}) == counts_of({"dataset": "digits"})


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("~no_such_user/own.npz", "can't be read"),
        (f"{'x' * 300}.npz", "can't be read"),
        ("nul\0.npz", "can't be read"),
        ("no/such/folder", "doesn't exist"),
        ("nope", "is unknown: choose one of digits"),
    ],
    ids=["no user", "long name", "nul", "no folder", "no name"],
)
def test_a_path_that_cannot_be_read_is_refused(dataset, words):
    with pytest.raises(UserError, match=words):
        resolve(override(default_config(), {"dataset": dataset}))


def test_a_folder_is_named_as_a_whole(tmp_path):
    for split in ("train", "test"):
        for name in "ab":
            folder = tmp_path / "data.v2" / split / name
            folder.mkdir(parents=True)
            Image.linear_gradient("L").save(folder / "1.png")
    info = dataset_info(str(tmp_path / "data.v2"))
    assert (info.name, info.classes, info.is_own) == ("data.v2", ("a", "b"), True)
    assert not dataset_info("digits").is_own
