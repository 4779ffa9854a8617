"""How a run is trained, in words, from its recorded fields."""

from collections.abc import Mapping
from typing import Any

from lenet_jax.config.allowed import per_stage
from lenet_jax.config.fields import default_config
from lenet_jax.training.distortion import DISTORTIONS
from lenet_jax.training.optimizer import LEVENBERG_MARQUARDT

# For values that are not described by their name with spaces in place of underscores.
WORDS = {
    "sgd": "SGD",
    "adam": "Adam",
    LEVENBERG_MARQUARDT: "Levenberg-Marquardt",
    "epochs": "set per epoch",
    "backpropagated_sums": "backpropagated (coefficients weight sums)",
    "rbf": "RBF loss",
    "rbf_competitive": "competitive RBF loss",
}
CURVATURE_ESTIMATES = {
    "first_epoch": " estimated once",
    "maximum": ", the maximum of all estimates",
}
INITIAL_WEIGHTS = {
    "fan_in": "initial weights within 2.4 / F",
    "root_fan_in": "initial weights within 2.4 / sqrt(F)",
}
LEARNING_RATE = "learning rate "  # how the phrase of the learning rate begins
STARTS = {"tied": ("starts tied", "tied"), "convolution": ("starts as a convolution", "a convolution")}
DEFAULT_BOX = default_config().data.box


def describe_protocol(fields: Mapping[str, Any], train_images: int) -> list[str]:
    """Phrases that say how a run was trained, without settings that its training does not use.

    Args:
      fields: the flattened config, {"train.epochs": 10, ...}, with every field.
      train_images: number of training images.
    """
    drawn = ", a class-balanced subset" if fields["data.train_images"] else ""
    return [
        f"{fields['train.epochs']} epochs of {train_images:,} images{drawn}",
        f"batch size {fields['train.batch_size']}",
        *_loss(fields),
        *_optimizer(fields),
        *_images(fields),
        *_network(fields),
    ]


def _loss(fields: Mapping[str, Any]) -> list[str]:
    loss = fields["train.loss"]
    phrases = [_words(loss)]
    if fields["train.loss_scale"] != 1:
        phrases.append(f"the loss times {fields['train.loss_scale']:g}")
    if loss == "rbf_competitive":
        phrases.append(f"j {fields['train.rbf_j']:g}")
    if loss == "squared_error":
        phrases.append(f"targets {fields['train.target_low']:g} and {fields['train.target_high']:g}")
    return phrases


def _optimizer(fields: Mapping[str, Any]) -> list[str]:
    optimizer, schedule = fields["train.optimizer"], _words(fields["train.schedule"])
    phrases = [_words(optimizer), f"{LEARNING_RATE}{fields['train.learning_rate']:g} ({schedule})"]
    if fields["train.warmup_epochs"]:
        phrases.append(f"{fields['train.warmup_epochs']:g} warm-up epochs")
    if optimizer == LEVENBERG_MARQUARDT:
        curvature = f"{_words(fields['train.curvature'])} curvature"
        distorted = " of distorted images" if _distorts_curvature(fields) else ""
        estimate = CURVATURE_ESTIMATES.get(fields["train.curvature_estimate"], "")
        phrases += [f"damping {fields['train.damping']:g}", f"{curvature}{distorted}{estimate}"]
    else:
        phrases.append(f"momentum {fields['train.momentum']:g}")
    if fields["train.weight_decay"]:
        phrases.append(f"weight decay {fields['train.weight_decay']:g}")
    if fields["train.l1_penalty"]:
        phrases.append(
            f"L1 penalty {fields['train.l1_penalty']:g} (threshold {fields['train.l1_threshold']:g} times it)"
        )
    if fields["train.select_epoch"] == "best_validation":
        phrases.append("epoch selected on validation")
    return phrases


def _distorts_curvature(fields: Mapping[str, Any]) -> bool:
    return bool(fields["train.curvature_distorted"] and fields["distortion.probability"])


def _images(fields: Mapping[str, Any]) -> list[str]:
    phrases = []
    if fields["train.order"] == "constant":
        phrases.append("constant order")
    if fields["data.box"] != DEFAULT_BOX:
        phrases.append(f"{fields['data.box']}x{fields['data.box']} digits")
    if fields["data.move"]:
        plural = "s" * (fields["data.move"] > 1)
        phrases.append(f"each shifted by up to {fields['data.move']} pixel{plural}")
    if fields["data.positions"] > 1:
        phrases.append(f"each at {fields['data.positions']} positions")
    if fields["data.permutation_seed"] >= 0:
        phrases.append(f"pixels permuted by seed {fields['data.permutation_seed']}")
    return phrases + _distortion(fields)


def _distortion(fields: Mapping[str, Any]) -> list[str]:
    limits = {kind: fields[f"distortion.{kind}"] for kind in DISTORTIONS if fields[f"distortion.{kind}"]}
    probability, whole = fields["distortion.probability"], fields["distortion.whole_pixels"]
    if not limits or not probability:
        return []
    if list(limits) == ["shift"]:
        plural = "s" * (limits["shift"] != 1)
        of_images = "" if probability == 1 else f"{probability:.0%} "
        pixels = f"whole pixel{plural}" if whole else f"pixel{plural}, interpolated"
        return [f"{of_images}shifted anew each epoch by up to {limits['shift']:g} {pixels}"]
    listed = ", ".join(
        f"{kind} {limit:g}{' whole pixels' if whole and kind == 'shift' else ''}"
        for kind, limit in limits.items()
    )
    return [f"{probability:.0%} distorted ({listed})"]


def _network(fields: Mapping[str, Any]) -> list[str]:
    phrases = []
    if fields["model.initialisation"] in INITIAL_WEIGHTS:
        phrases.append(INITIAL_WEIGHTS[fields["model.initialisation"]])
    if fields["model.name"] == "cnn" and fields["model.pooling_coefficient"]:
        phrases.append(f"coefficients of pooling start at {fields['model.pooling_coefficient']:g}")
    if fields["model.output_bias"]:
        phrases.append(f"output biases start at {fields['model.output_bias']:g}")
    if fields["model.name"] == "cnn":
        phrases += _constraint(fields)
    if fields["model.dropout"]:
        of_units = " of units" if fields["model.dropout_of"] == "units" else ""
        phrases.append(f"dropout {fields['model.dropout']:g}{of_units}")
    return phrases


def _constraint(fields: Mapping[str, Any]) -> list[str]:
    phrases = []
    if fields["model.start"] in STARTS:
        starts, stays = STARTS[fields["model.start"]]
        epochs = fields["train.constrained_epochs"]
        number = "" if epochs == 1 else f" {epochs}"
        which = "all" if 1 < epochs == fields["train.epochs"] else "the first"
        constrained = f"{stays} in {which}{number} epoch{'s' if number else ''}"
        phrases.append(constrained if epochs else starts)
    if fields["model.shared_gradient"] == "mean" and "shared" in per_stage(fields["model.sharing"]):
        phrases.append("mean gradients of shared weights")
    if fields["train.average_every"]:
        phrases.append(f"local, unshared units averaged every {fields['train.average_every']:,} steps")
    return phrases


def _words(value: str) -> str:
    return WORDS.get(value, value.replace("_", " "))
