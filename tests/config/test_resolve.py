"""Resolution: what can be compiled together, and what is refused before it is compiled."""

import pytest

from configs.history import common
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.training.distortion import DISTORTIONS


def program(devices=1, train_images=1000, **fields):
    """The program of the default config with some fields: names without a dot are fields of `train`."""
    overrides = {name if "." in name else f"train.{name}": value for name, value in fields.items()}
    seed = {"seed": overrides.pop("train.seed")} if "train.seed" in overrides else {}
    config = override(default_config(), overrides | seed)
    return resolve(config).make_program({"train": train_images, "validation": 0, "test": 100}, devices)


def test_a_program_says_what_is_trained():
    made = program(batch_size=64, epochs=10, warmup_epochs=0.5)
    assert (made.train_images, made.batch_size, made.image_size) == (1000, 64, 32)
    assert made.optimizer.total_steps == 10 * 15  # the partial batch of 40 images is dropped
    assert made.optimizer.warmup_steps == 8  # half of 15, rounded
    assert [stage.maps for stage in made.model.stages] == [6, 16]


def test_runs_that_differ_in_numbers_alone_share_a_compilation():
    first = program()
    numbers = {"model.wiring_seed": 3}
    other = program(seed=7, learning_rate=0.3, momentum=0.1, weight_decay=0.2, **numbers)
    assert first == other and hash(first) == hash(other)


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 3},
        {"batch_size": 50},
        {"optimizer": "adam"},
        {"schedule": "linear"},
        {"warmup_epochs": 1.0},
        {"train_images": 999},
        {"model.connectivity": "random"},
        {"model.sharing": "unshared"},
        {"model.connectivity": "random", "model.radius": (3,)},
        {"model.hidden": (120,)},
        {"model.activation": "relu"},
        {"data.image_size": 28},
        {"model.shared_gradient": "mean"},
    ],
    ids=str,
)
def test_runs_that_differ_in_the_computation_do_not(fields):
    assert program(**fields) != program()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"seed": -1}, "config.seed=-1 must be from 0 to 2147483647."),
        ({"seed": 2**31}, "config.seed=2147483648 must be from 0 to 2147483647."),
        ({"epochs": 0}, "config.train.epochs=0 must be at least 1."),
        ({"epochs": -5}, "config.train.epochs=-5 must be at least 1."),
        ({"learning_rate": 0.0}, "config.train.learning_rate=0.0 must be "),
        ({"learning_rate": -0.1}, "config.train.learning_rate=-0.1 must be "),
        ({"learning_rate": float("nan")}, "config.train.learning_rate=nan must be "),
        ({"momentum": 1.0}, "config.train.momentum=1.0 must be in [0, 1)."),
        ({"momentum": -0.1}, "config.train.momentum=-0.1 must be in [0, 1)."),
        ({"weight_decay": -1e-4}, "config.train.weight_decay=-0.0001 must be "),
        ({"weight_decay": float("nan")}, "config.train.weight_decay=nan must be "),
        ({"warmup_epochs": -1.0}, "config.train.warmup_epochs=-1.0 must be at least 0"),
        ({"epochs": 3, "warmup_epochs": 3.0}, "config.train.warmup_epochs=3.0 must be from 0 to less"),
        ({"epochs": 1, "batch_size": 999, "warmup_epochs": 0.9}, "config.train.warmup_epochs=0.9 must be sh"),
        ({"batch_size": 0}, "config.train.batch_size=0 must be at least 1."),
        ({"batch_size": 1001}, "config.train.batch_size=1001 must be at most the 1,000 training images"),
        ({"batch_size": 64, "devices": 3}, "config.train.batch_size=64 must be a multiple of the 3 devices"),
        ({"optimizer": "lion"}, "config.train.optimizer='lion' is unknown: choose one of sgd, adam, leve"),
        ({"schedule": "step"}, "config.train.schedule='step' is unknown: choose one of constant, cosine"),
        ({"model.name": "alexnet"}, "config.model.name='alexnet' is unknown: choose one of cnn, mlp."),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_a_sentence(fields, sentence):
    with pytest.raises(UserError) as refusal:
        program(**fields)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"train.order": "constant"},
            "order=constant shows one pattern at a time: set config.train.batch_size=1",
        ),
        ({"train.optimizer": "levenberg_marquardt"}, "one pattern at a time"),
        (
            common.LENET5 | {"model.output_bias": -1.0},
            "must be 0 with config.model.output=rbf, whose units have",
        ),
        ({"model.pooling_coefficient": 0.6}, "must be 0 without trainable_sum or trainable_average in"),
        (common.LENET5 | {"train.loss": "cross_entropy"}, "doesn't fit config.model.output=rbf"),
        ({"train.loss": "rbf"}, "doesn't fit config.model.output=logits"),
        ({"model.output": "activated"}, "is for config.model.output=logits"),
        (common.LENET5 | {"model.hidden": (80,)}, "are 7x12, 84 pixels, but the last hidden layer has 80"),
        (common.LENET5 | {"model.hidden": ()}, "give config.model.hidden"),
        (common.LENET5 | {"model.bitmaps": "##,#."}, "holds 2 bitmaps for 10 classes"),
        (common.LENET5 | {"model.bitmaps": "," + ",".join(9 * ["#."])}, "must all be of one size"),
        (common.LENET5 | {"model.bitmaps": ",".join(10 * ["#x"])}, "draw with # and . alone"),
        (common.LENET5 | {"model.bitmaps": ",".join([*9 * ["#."], "#"])}, "must all be of one size"),
        ({"model.map_table": "all,c3x!"}, "is unknown and holds '!'"),
        ({"model.map_table": "all," + " ".join(16 * ["06"])}, "names map 6, which doesn't exist"),
        ({"model.map_table": "all,01 12"}, "has 2 words but the stage has 16 feature maps"),
        ({"model.map_table": "all," + " ".join(16 * ["00"])}, "names a map twice in '00'"),
        ({"model.map_table": "all,c3", "model.connectivity": "full"}, "only local.* stages have padding"),
        ({"model.stride": (2, 1, 1)}, "names 3 stages but config.model.maps has 2"),
        ({"model.pad_before": (-1,)}, "must be at least 0"),
        ({"model.dropout": 1.0}, r"must be in \[0, 1\)"),
        ({"model.initialisation": "zeros"}, "choose one of unit_variance, fan_in, root_fan_in"),
        ({"model.start": "shared"}, "choose one of free, tied, convolution"),
        ({"model.start": "tied", "model.maps": ()}, "start=tied must be free without convolutional stages"),
        ({"model.shared_gradient": "product"}, "choose one of sum, mean"),
        (
            {"model.shared_gradient": "mean", "model.sharing": "unshared"},
            "shared_gradient=mean is for stages with config.model.sharing=shared, and the network has none",
        ),
        (
            {"model.hidden": (), "model.dropout": 0.5},
            "dropout=0.5 drops inputs or units of hidden layers, and the network has none",
        ),
        (
            common.LENET5 | {"model.name": "mlp", "model.hidden": (), "model.parameter_budget": 66_790},
            "output=rbf fixes the width of the last hidden layer",
        ),
        (
            {
                "model.shared_gradient": "mean",
                "train.optimizer": "levenberg_marquardt",
                "train.batch_size": 1,
            },
            "shared_gradient=mean must be sum with config.train.optimizer=levenberg_marquardt",
        ),
        ({"train.constrained_epochs": -1}, "must be at least 0"),
        ({"train.constrained_epochs": 11}, "constrained_epochs=11 must be at most the 10 epochs"),
        (
            {"train.constrained_epochs": 1, "model.sharing": "unshared"},
            "keeps the constraint of config.model.start=tied or convolution: set one of the two, or",
        ),
        (
            {
                "model.start": "tied",
                "model.sharing": "unshared",
                "train.constrained_epochs": 1,
                "train.optimizer": "levenberg_marquardt",
                "train.batch_size": 1,
                "train.curvature_estimate": "first_epoch",
            },
            "constrained_epochs=1 must be 0 or 10 with config.train.curvature_estimate=first_epoch",
        ),
        ({"train.epoch_factors": ()}, "numbers greater than 0, at least one"),
        ({"train.epoch_factors": (1.0, "x")}, "numbers greater than 0, at least one"),
        ({"train.damping": 0.0}, "greater than 0"),
        ({"train.rbf_j": 0.0}, "greater than 0"),
        ({"train.target_low": 1.0}, "less than target_high"),
        ({"train.curvature": "guessed"}, "choose one of backpropagated, backpropagated_sums, exact"),
        ({"distortion.probability": 1.5}, r"in \[0, 1\]"),
        ({"distortion.shear": -1.0}, r"distortion.shear=-1.0 must be in \[0, 1\]"),
        (
            {"model.output_bias": 1e308},
            r"model.output_bias=1e\+308 is too large: numbers must be at most 3.4e",
        ),
        ({"train.weight_decay": -1e39}, r"train.weight_decay=-1e\+39 is too large"),
        ({"distortion.scale": 100.0}, r"distortion.scale=100.0 must be in \[0, 1\]"),
        ({"distortion.shift": 1e9}, "distortion.shift=1000000000.0 must be from 0 to the 32 pixels"),
        (
            {"distortion.probability": 0.5, "distortion.shift": 0.5, "distortion.whole_pixels": True},
            "distortion.shift=0.5 must be a whole number, at least 1, with config.distortion.whole_pixels",
        ),
        (
            {"distortion.probability": 0.5, **{f"distortion.{kind}": 0.0 for kind in DISTORTIONS}},
            "distortion.probability=0.5 must be 0 if config.distortion.shift, scale, squeeze and shear are 0",
        ),
        ({"data.move": 40}, "config.data.move=40 must be less than the 32 pixels"),
        ({"model.stride": (40,)}, "config.model.stride=40 is too large: convolutional stage 1"),
        ({"data.positions": 4}, "is for images that config.data.draw draws"),
        (
            {"data.positions": 4, "data.draw": (3, 4, 6), "data.validation_fraction": 0.0},
            "whose sum is a multiple of 4",
        ),
        ({"data.positions": 0}, "must be at least 1"),
        ({"data.draw": (3, 4)}, "must be three numbers of images"),
        ({"data.draw": (3, 4, 5)}, "set config.data.validation_fraction=0"),
        (
            {"data.draw": (30, 4, 5), "data.validation_fraction": 0.0, "data.train_images": 20},
            "config.data.draw draws its own training images: set config.data.train_images=0.",
        ),
        (
            {"data.permutation_seed": 3, "data.move": 2},
            "permutation_seed=3 permutes the pixels that config.data.move=2 would move: set "
            "config.data.permutation_seed=-1 or config.data.move=0.",
        ),
        (
            {"data.permutation_seed": 0, "data.positions": 4},
            "pixels that config.data.positions=4 would move: .* or config.data.positions=1.",
        ),
        (
            {"data.permutation_seed": 0, "distortion.probability": 0.5},
            "that config.distortion.probability=0.5 would move: .* or config.distortion.probability=0.",
        ),
        (
            {"data.validation_fraction": 0.0, "train.select_epoch": "best_validation"},
            "needs a validation split",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        resolve(override(default_config(), fields))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"data.seed": 2**70},
            "config.data.seed=1180591620717411303424 is too large: whole numbers must fit",
        ),
        ({"data.seed": 2**31}, "config.data.seed=2147483648 must be from 0 to 2147483647"),
        ({"seed": 10**400}, "config.seed=10.*0 is too large"),
        ({"train.epochs": -(10**400)}, "config.train.epochs=-10.*0 is too large"),
        ({"model.hidden": (10**30,)}, "config.model.hidden=10*0 is too large"),
        ({"data.draw": (2**70, 1, 1), "data.validation_fraction": 0.0}, "config.data.draw=.* is too large"),
        ({"data.image_size": 10**6}, "config.data.image_size=1000000 must be from 0 to 1024"),
        ({"model.kernel_size": (10**6,)}, "config.model.kernel_size=1000000 is too large"),
        ({"model.stride": (10**9,)}, "config.model.stride=1000000000 is too large"),
        ({"model.pad_before": (10**9,)}, "stage 1 reads 1000000032x1000000032 inputs, and at most 1024x1024"),
        (
            {"data.image_size": 1000, "model.kernel_size": (300,), "model.sharing": "unshared"},
            "stage 1 read 44,226,090,000 positions, and at most 67,108,864",
        ),
        (
            {"data.image_size": 600, "model.connectivity": "random", "model.edges": "pad"},
            "config.model.edges=pad: convolutional stage 1 would read 1195x1195 inputs, and at most 1024x",
        ),
        ({"data.positions": 10**9}, "config.data.positions=1000000000 must be less than the 32 pixels"),
        ({"train.epochs": 10**12}, "config.train.epochs=1000000000000 must be at most 143,165,576, as steps"),
        (
            {"train.batch_size": 10**15},
            "config.train.batch_size=10*0 must be at most the 1,000 training images",
        ),
        ({"train.warmup_epochs": 1e30}, "config.train.warmup_epochs=1e.30 must be from 0 to less than"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_sizes_beyond_reason_are_refused_before_anything_is_allocated(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        program(**fields)


@pytest.mark.parametrize("connectivity", ["local", "random", "full"])
def test_the_largest_images_are_counted_without_memory_for_their_wirings(connectivity):
    fields = {"data.image_size": 256, "model.connectivity": connectivity, "model.sharing": "unshared"}
    counts = resolve(override(default_config(), fields)).counts
    assert counts.parameters > 10**7


def test_repetitions_share_their_config_until_it_is_read():
    first = resolve(override(default_config(), {"seed": 3}))
    other = first.with_seed(7)
    assert (other.seed, other.epochs) == (7, 10) and "config" not in vars(other)
    assert other.shared is first.shared
    assert (first.config.seed, other.config.seed, other.fields["seed"]) == (3, 7, 7)
    assert other.config == resolve(override(default_config(), {"seed": 7})).config


def test_too_large_a_draw_is_refused():
    def draw(train, test, **fields):
        overrides = {"data.validation_fraction": 0.0, "data.draw": (320, 160, 160), **fields}
        images = {"train": train, "validation": 0, "test": test}
        return resolve(override(default_config(), overrides)).make_program(images).draw

    with pytest.raises(UserError, match="more than the 400 training and 200 test images"):
        draw(400, 200)
    positions = {"data.positions": 4}
    with pytest.raises(UserError, match="more than the 636 training and 400 test images"):
        draw(636, 400, **positions)
    assert draw(640, 400, **positions).positions == 4
    assert draw(640, 100, **positions).test == 160  # all from the training images


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 0},
        {"seed": 2**31 - 1},
        {"epochs": 1},
        {"batch_size": 1},
        {"batch_size": 1000},
        {"batch_size": 64, "devices": 4},
        {"momentum": 0.0},
        {"epochs": 2, "warmup_epochs": 1.9},
        {"learning_rate": 1e30},
    ],
    ids=str,
)
def test_values_at_the_bounds_are_accepted(fields):
    assert program(**fields).optimizer.total_steps >= 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data.validation_fraction", -0.1),
        ("data.validation_fraction", 1.0),
        ("data.validation_fraction", float("nan")),
        ("data.seed", -1),
        ("data.move", -1),
        ("data.train_images", -1),
        ("data.permutation_seed", -2),
        ("data.permutation_seed", 2**31),
        ("data.image_size", -1),
        ("data.box", 0),
    ],
)
def test_data_fields_out_of_bounds_are_refused(field, value):
    with pytest.raises(UserError, match=f"{field}={value}"):
        resolve(override(default_config(), {field: value}))
