"""How a run was trained, in words."""

import pytest

from lenet_jax.config.description import describe_protocol
from lenet_jax.config.fields import default_config
from lenet_jax.config.identity import flatten
from lenet_jax.training.distortion import DISTORTIONS


def phrase_of(fields, images):
    return ", ".join(describe_protocol(fields, images))


DEFAULTS = flatten(default_config())
PLAIN = {
    "train.epochs": 3, "train.batch_size": 1, "train.optimizer": "sgd", "train.learning_rate": 0.5,
    "train.schedule": "constant", "train.momentum": 0.0, "train.weight_decay": 0.0,
}  # fmt: skip


def test_the_phrase_says_what_training_uses_and_nothing_else():
    assert phrase_of(DEFAULTS | PLAIN, 1437) == (
        "3 epochs of 1,437 images, batch size 1, cross entropy, SGD, learning rate 0.5 (constant), momentum 0"
    )


def test_the_phrase_says_everything_that_departs():
    fields = {
        "train.optimizer": "levenberg_marquardt", "train.damping": 0.02, "train.curvature": "exact",
        "train.loss": "rbf_competitive", "train.rbf_j": 10.0, "train.order": "constant",
        "train.weight_decay": 0.001, "train.l1_penalty": 0.0001, "train.l1_threshold": 50.0,
        "train.warmup_epochs": 0.5, "train.select_epoch": "best_validation",
        "data.box": 16, "data.move": 2, "data.positions": 4,
        "distortion.probability": 0.9, "distortion.shift": 2.0, "distortion.scale": 0.15,
        "distortion.squeeze": 0.15, "distortion.shear": 0.3,
        "model.initialisation": "root_fan_in", "model.dropout": 0.25, "train.loss_scale": 5.0,
        "model.output_bias": -1.0, "model.pooling_coefficient": 0.6,
        "train.curvature_estimate": "first_epoch", "train.curvature_distorted": True,
    }  # fmt: skip
    assert phrase_of(DEFAULTS | PLAIN | fields, 1437) == (
        "3 epochs of 1,437 images, batch size 1, competitive RBF loss, the loss times 5, j 10, "
        "Levenberg-Marquardt, learning rate 0.5 (constant), 0.5 warm-up epochs, damping 0.02, "
        "exact curvature of distorted images estimated once, weight decay 0.001, "
        "L1 penalty 0.0001 (threshold 50 times it), epoch selected on validation, constant order, "
        "16x16 digits, "
        "each shifted by up to 2 pixels, each at 4 positions, "
        "90% distorted (shift 2, scale 0.15, squeeze 0.15, shear 0.3), "
        "initial weights within 2.4 / sqrt(F), coefficients of pooling start at 0.6, "
        "output biases start at -1, dropout 0.25"
    )


@pytest.mark.parametrize(
    ("probability", "limits", "phrases"),
    [
        (1.0, {"shift": 4.0}, ["shifted anew each epoch by up to 4 pixels, interpolated"]),
        (1.0, {"shift": 1.0}, ["shifted anew each epoch by up to 1 pixel, interpolated"]),
        (0.5, {"shift": 2.5}, ["50% shifted anew each epoch by up to 2.5 pixels, interpolated"]),
        (1.0, {"shift": 4.0, "whole_pixels": True}, ["shifted anew each epoch by up to 4 whole pixels"]),
        (0.5, {"shift": 2.0, "shear": 0.3}, ["50% distorted (shift 2, shear 0.3)"]),
        (
            0.5,
            {"shift": 2.0, "shear": 0.3, "whole_pixels": True},
            ["50% distorted (shift 2 whole pixels, shear 0.3)"],
        ),
        (0.5, {"shear": 0.3, "whole_pixels": True}, ["50% distorted (shear 0.3)"]),
        (0.5, {}, []),
    ],
)
def test_distortions_are_named_by_their_limits(probability, limits, phrases):
    fields = {f"distortion.{kind}": limits.get(kind, 0.0) for kind in (*DISTORTIONS, "whole_pixels")}
    described = describe_protocol(DEFAULTS | PLAIN | fields | {"distortion.probability": probability}, 1437)
    assert [phrase for phrase in described if "shifted" in phrase or "distorted" in phrase] == phrases


def test_the_phrase_names_subsets_and_permuted_pixels():
    fields = {"data.train_images": 100, "data.permutation_seed": 0}
    assert phrase_of(DEFAULTS | PLAIN | fields, 100) == (
        "3 epochs of 100 images, a class-balanced subset, batch size 1, cross entropy, SGD, "
        "learning rate 0.5 (constant), momentum 0, pixels permuted by seed 0"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model.start": "tied"}, "starts tied"),
        (
            {"model.start": "convolution", "train.constrained_epochs": 1},
            "a convolution in the first epoch",
        ),
        (
            {"model.start": "convolution", "train.constrained_epochs": 1, "train.epochs": 1},
            "a convolution in the first epoch",
        ),
        (
            {"model.start": "convolution", "train.constrained_epochs": 5, "train.epochs": 5},
            "a convolution in all 5 epochs",
        ),
        (
            {"model.start": "tied", "train.constrained_epochs": 2, "model.dropout": 0.5},
            "tied in the first 2 epochs, dropout 0.5",
        ),
        ({"model.shared_gradient": "mean"}, "mean gradients of shared weights"),
        ({"model.shared_gradient": "mean", "model.sharing": "unshared"}, "momentum 0"),
        ({"model.name": "mlp", "model.start": "tied", "model.shared_gradient": "mean"}, "momentum 0"),
    ],
)
def test_starts_and_constraints_of_convolutional_stages(fields, words):
    assert phrase_of(DEFAULTS | PLAIN | fields, 10).endswith(f", {words}")


def test_targets_and_a_schedule_by_epochs():
    fields = {"train.loss": "squared_error", "train.schedule": "epochs", "train.target_low": -0.8}
    phrase = phrase_of(DEFAULTS | PLAIN | fields, 10)
    assert "squared error, targets -0.8 and 1, SGD, learning rate 0.5 (set per epoch)" in phrase
