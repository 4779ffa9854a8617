"""The networks and protocols of the papers as config fields, and the test errors that the papers report.

Sources: LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition" (the zip code
net); LeCun 1989, "Generalization and Network Design Strategies" (Net-1 to Net-5); LeCun et al. 1998,
"Gradient-Based Learning Applied to Document Recognition" (LeNet-1, LeNet-4, LeNet-5 and the networks
of figure 9). "Unsettled" marks what a paper leaves open; the pages of docs/history report its effect.
"""

from lenet_jax.config.arms import Paper

# --- The USPS digits as the networks of 1989 read them: 16x16 in [-1, 1].
USPS_FIELD = {
    "dataset": "usps",
    "data.image_size": 16,
    "data.box": 16,
    "data.background": -1.0,
    "data.ink": 1.0,
}

_UNITS = {
    "model.activation": "scaled_tanh",
    "model.output": "activated",
    "model.initialisation": "fan_in",
    "train.loss": "squared_error",
}

# Half the squared error, summed over the ten outputs: five times the mean, which our losses are. With a
# damping of mu, Levenberg-Marquardt takes the steps of the mean with a damping of mu / 5.
HALF_SUM = {"train.loss_scale": 5.0}

# --- LeCun et al. 1989: 9,760 parameters, 64,660 connections.
ZIPCODE = _UNITS | {
    "model.name": "cnn",
    "model.maps": (12, 12),  # H1, H2
    "model.kernel_size": (5,),
    "model.stride": (2,),
    # 8 units of stride 2 read 19 rows: the image's 16 and 3 of padding. Which side has 2 is unsettled.
    "model.pad_before": (2,),
    "model.pad_after": (1,),
    "model.pad_value": -1.0,
    "model.map_table": "all,h2_groups",  # 8 of 12 maps each; which ones is unsettled
    "model.bias": "unit",
    "model.pooling": "none",
    "model.hidden": (30,),  # H3
}

# The paper's fully connected control.
ZIPCODE_CONTROL = _UNITS | {"model.name": "mlp", "model.hidden": (40,)}

# The squared errors are means over the patterns and over the output units, as our losses are.
ZIPCODE_PAPER = Paper(
    5.0, images=2_007, errors=102, train_error_percent=0.14, train_loss=2.5e-3, test_loss=1.8e-2
)
CONTROL_PAPER = Paper(8.1, images=2_007, train_error_percent=1.6)

# 23 passes over all 7,291 images in constant order, one pattern at a time: 167,693 presentations.
PROTOCOL_1989 = {
    "data.validation_fraction": 0.0,
    "train.epochs": 23,
    "train.batch_size": 1,
    "train.order": "constant",
    "train.schedule": "constant",
}
# The paper uses a diagonal Newton step and doesn't give its settings; plain SGD is the alternative.
PLAIN_SGD = {"train.optimizer": "sgd", "train.momentum": 0.0}
DIAGONAL_NEWTON = {"train.optimizer": "levenberg_marquardt"}

# --- LeCun 1989, technical report.
_NET = _UNITS | {
    "model.name": "cnn",
    "model.kernel_size": (3, 5),
    "model.stride": (2, 1),
    # 8 units of stride 2 read 17 rows: the image's 16 and one of padding. Its side and its value are
    # unsettled; 0 is the middle of a unit's range.
    "model.pad_before": (0,),
    "model.pad_after": (1, 0),
    "model.pad_value": 0.0,
    "model.bias": "unit",
    "model.pooling": "none",
    "model.hidden": (),
}
NETS = {
    "net1": _UNITS | {"model.name": "mlp", "model.hidden": ()},
    "net2": _UNITS | {"model.name": "mlp", "model.hidden": (12,)},
    "net3": _NET | {"model.maps": (1, 1), "model.sharing": "unshared"},
    "net4": _NET | {"model.maps": (2, 1), "model.sharing": "shared,unshared"},
    "net5": _NET | {"model.maps": (2, 4)},
}
# The report gives the percentage of correct test images, at the epoch where it is highest. All five nets
# learned the training images without an error.
NETS_PAPER = {
    net: Paper(round(100 - correct, 1), images=160, train_error_percent=0.0)
    for net, correct in zip(NETS, (80.0, 87.0, 88.5, 94.0, 98.4), strict=True)
}

# USPS digits fill their field. The report had 120 digits, drawn by one person on a 16x13 bitmap, each placed
# at four consecutive horizontal positions; its training and test images were drawn from these 480. Most test
# images are then digits that training also has, at another position, and so are most validation images.
AT_POSITIONS = {"data.box": 13, "data.positions": 4}

# 320 training and 160 test digits as in the report, and 160 for validation. The report's 480 are not public:
# each run draws USPS digits by its seed, training and validation images from the training file.
DRAWN = {
    "data.draw": (320, 160, 160),
    "train.epochs": 100,
    "train.select_epoch": "best_validation",
}

# --- LeCun et al. 1998.
# Section II-B, with the loss of section II-C, eq. 9: 60,000 parameters, 340,908 connections.
LENET5 = _UNITS | {
    "model.name": "cnn",
    "model.maps": (6, 16, 120),  # C1, C3, C5
    "model.map_table": "all,c3,all",
    "model.pooling": "trainable_sum,trainable_sum,none",  # S2, S4; II-A averages: unsettled
    "model.hidden": (84,),  # F6
    "model.output": "rbf",
    "train.loss": "rbf_competitive",
    "data.image_size": 32,
}
# What is called LeNet-5 today, as changes to the default config.
LENET5_TODAY = {
    "model.pooling": "max",
    "model.activation": "relu",
}
# Section III-C: 2,578 parameters, 98,442 connections; a 16x16 digit in the middle of 28x28 pixels.
LENET1 = _UNITS | {
    "model.name": "cnn",
    "model.maps": (4, 12),
    "model.map_table": "all,lenet1",
    "model.pooling": "trainable_sum",
    "model.hidden": (),
    "data.image_size": 28,
    "data.box": 16,
}
# The published description: 4 maps, 8 subsampling maps connected in pairs to each of them, 16 maps, 16
# subsampling maps, 120 units, 10 outputs; about 260,000 connections and 17,000 parameters. But 120 units
# that read 16 maps of 5x5 have 48,120 parameters alone. Here each of the 4 maps has one subsampling map and
# every map reads all maps: 51,090 parameters.
LENET4 = LENET1 | {
    "model.maps": (4, 16, 120),
    "model.map_table": "all",
    "model.pooling": "trainable_sum,trainable_sum,none",
    "data.image_size": 32,
    "data.box": 20,
}


def mlp_of_1998(*hidden: int) -> dict:
    """A fully connected network of figure 9 on 28x28 pixels; without hidden layers, the linear classifier.

    The linear classifier outputs the weighted sums themselves.
    """
    output = {"model.output": "activated" if hidden else "logits"}
    return _UNITS | output | {"model.name": "mlp", "model.hidden": hidden, "data.image_size": 28}


MLPS_1998 = {
    "mlp_300": (300,),
    "mlp_1000": (1000,),
    "mlp_300_100": (300, 100),
    "mlp_500_150": (500, 150),
}
# The networks that figure 9 also reports with training on distorted images.
DISTORTED_NETWORKS = ("lenet5", *MLPS_1998)
# 9 in 10 presentations: the paper added 540,000 distorted images to 60,000.
DISTORTED = {"distortion.probability": 0.9}


def with_distorted(networks: dict[str, dict]) -> dict[str, dict]:
    """Name -> fields: `networks`, then NAME_dist for those that figure 9 also reports on distorted images."""
    return networks | {f"{name}_dist": networks[name] | DISTORTED for name in DISTORTED_NETWORKS}


# Arm of configs/history/figure9.py -> its label and the paper's test error in percent, of 10,000 images.
FIGURE_9 = {
    "linear": ("linear classifier", Paper(12.0, 10_000)),
    "mlp_300": ("28x28-300-10", Paper(4.7, 10_000)),
    "mlp_300_dist": ("28x28-300-10, distorted images", Paper(3.6, 10_000)),
    "mlp_1000": ("28x28-1000-10", Paper(4.5, 10_000)),
    "mlp_1000_dist": ("28x28-1000-10, distorted images", Paper(3.8, 10_000)),
    "mlp_300_100": ("28x28-300-100-10", Paper(3.05, 10_000)),
    "mlp_300_100_dist": ("28x28-300-100-10, distorted images", Paper(2.5, 10_000)),
    "mlp_500_150": ("28x28-500-150-10", Paper(2.95, 10_000)),
    "mlp_500_150_dist": ("28x28-500-150-10, distorted images", Paper(2.45, 10_000)),
    "lenet1": ("LeNet-1", Paper(1.7, 10_000)),
    "lenet4_nearest": ("LeNet-4, the nearest that can be built", Paper(1.1, 10_000)),
    "lenet5": ("LeNet-5", Paper(0.95, 10_000, train_error_percent=0.35)),
    "lenet5_dist": ("LeNet-5, distorted images", Paper(0.8, 10_000, errors=82)),
}

# Section III-B: 20 passes over all 60,000 images, one pattern at a time; step eta / (mu + h), where h is
# estimated on 500 images before each pass.
PROTOCOL_1998 = DIAGONAL_NEWTON | {
    "data.validation_fraction": 0.0,
    "train.epochs": 20,
    "train.batch_size": 1,
    "train.learning_rate": 5e-4,
    "train.schedule": "epochs",
    # eta is 5e-4 twice, 2e-4 and 1e-4 three times each, 5e-5 four times, then 1e-5: factors of the first.
    "train.epoch_factors": (1.0, 1.0, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.02),
}

# Today's optimizer.
MINI_BATCHES = {
    "train.batch_size": 64,
    "train.optimizer": "sgd",
    "train.momentum": 0.9,
    "train.schedule": "cosine",
}
# A modern protocol for the networks of figure 9; it replaces their loss, outputs and initial weights.
PROTOCOL_TODAY = MINI_BATCHES | {
    "model.output": "logits",
    "model.initialisation": "unit_variance",
    "train.loss": "cross_entropy",
    "train.epochs": 30,
}

# Holds out a tenth of the training images, where the paper's protocol uses all: candidates are compared
# on them, and the sweeps from a paper's network to today's don't train on them.
VALIDATION = {"data.validation_fraction": 0.1}
