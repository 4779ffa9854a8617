"""Every field of a run: its default, its allowed values, and its meaning.

Checks of single fields and the list that `--help` prints come from FIELDS. Constraints between fields are
checked in `lenet_jax.config.checks`.
"""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import ml_collections

from lenet_jax.config.allowed import Allowed, Bounds, Each, OneOf, OneOrPath, OneOrPerStage
from lenet_jax.data import DATASETS
from lenet_jax.models import wiring
from lenet_jax.models.layers import ACTIVATIONS, INITIALISATIONS, POOLINGS
from lenet_jax.models.map_tables import ALL, TABLES
from lenet_jax.models.networks import DROPPED
from lenet_jax.models.partial_sharing import PARTIAL_SHARING
from lenet_jax.models.start import SHARED_GRADIENTS, STARTS
from lenet_jax.training.curvature import CURVATURES
from lenet_jax.training.engine import PARALLEL
from lenet_jax.training.objective import LOSSES
from lenet_jax.training.optimizer import CURVATURE_ESTIMATES, OPTIMIZERS, SCHEDULES

SEED_LIMIT = 2**31  # seeds are int32 in compiled programs
SEEDS_LIMIT = 10_000  # a larger number of seeds is meant to be a seed
SIDE_LIMIT = 1024  # in pixels; wirings are listed before their memory is estimated
MODELS = ("cnn", "mlp")
OUTPUTS = ("logits", "activated", "rbf")
BIASES = ("map", "unit")
ORDERS = ("shuffled", "constant")
SELECT_EPOCH = ("last", "best_validation")
KEEP = ("last", "best", "none")

_POSITIVE = Bounds(low=0, low_open=True)
_FRACTION = Bounds(low=0, high=1)
_AT_LEAST_0 = Bounds(low=0)
_AT_LEAST_1 = Bounds(low=1)
_FINITE = Bounds()
_SIZES = Each(_AT_LEAST_1, "hold positive whole numbers, for example --config.{field}=6,16")
_PER_STAGE = Each(_AT_LEAST_1, "be at least 1 in every stage", may_be_empty=False)
_AT_LEAST_0_PER_STAGE = Each(_AT_LEAST_0, "be at least 0 in every stage", may_be_empty=False)
_FACTORS = Each(_POSITIVE, "be numbers greater than 0, at least one", whole=False, may_be_empty=False)


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a config.

    Attributes:
      default: its default value, which also fixes its type.
      meaning: one line for the list of all fields.
      allowed: its allowed values; None if only the type is restricted.
      identifies: whether runs that differ in it are different runs. Others may differ between two
        commands on one folder.
      is_place: whether it is a folder on this machine, which is not recorded.
      hyperparameter: its name in `lenet_jax.training.hyperparameters.Hyperparameters`, the numbers that are
        arguments of compiled programs; "" if each value needs a program of its own.
      of_stages: whether only convolutional stages read it, so that an MLP ignores it.
    """

    default: Any
    meaning: str
    allowed: Allowed | None = None
    identifies: bool = True
    is_place: bool = False
    hyperparameter: str = ""
    of_stages: bool = False


FIELDS: Mapping[str, Field] = {
    "dataset": Field(
        "mnist_5k", "name of the dataset, or path of an .npz file or folder of your own", OneOrPath(DATASETS)
    ),
    "seed": Field(
        0,
        "source of all randomness in a run, with a separate key for each purpose",
        Bounds(low=0, high=SEED_LIMIT - 1),
        hyperparameter="seed",
    ),
    "parallel": Field(
        "jit", "jit: one run per device; pmap: each batch split over all devices", OneOf(PARALLEL)
    ),
    "keep": Field(
        "last",
        "which trained networks to keep: after the last epoch, after the best on validation images, or none",
        OneOf(KEEP),
        identifies=False,
    ),
    "checkpoint_minutes": Field(
        1.0,
        "minutes between checkpoints of a run in progress; 0: after every epoch",
        _AT_LEAST_0,
        identifies=False,
    ),
    "tensorboard": Field(False, "also write TensorBoard event files", identifies=False),
    "data.seed": Field(
        0,
        "seed of the validation split, data.train_images and data.move, shared by all runs",
        Bounds(0, SEED_LIMIT - 1),
    ),
    "data.validation_fraction": Field(
        0.1, "share of the training set; 0: no validation split", Bounds(low=0, high=1, high_open=True)
    ),
    "data.train_images": Field(
        0,
        "number of training images, a class-balanced subset drawn from data.seed; smaller subsets are "
        "contained in larger ones; 0: all",
        _AT_LEAST_0,
    ),
    "data.draw": Field(
        (), "numbers of training, validation and test images that each run draws by its seed; (): all"
    ),
    "data.image_size": Field(
        0,
        "side of the square images that networks read, in pixels; 0: the images' own side, but at least "
        "LeNet-5's 32, or the 28 of the MLPs of 1998",
        Bounds(0, SIDE_LIMIT),
    ),
    "data.box": Field(20, "side in pixels of the box that digits are scaled to; MNIST's fit 20", _AT_LEAST_1),
    "data.move": Field(
        0, "maximum shift in pixels; each image is shifted once, drawn from data.seed", _AT_LEAST_0
    ),
    "data.positions": Field(
        1,
        "number of horizontal positions at which data.draw shows each digit; training, validation and test "
        "images then share digits",
        _AT_LEAST_1,
    ),
    "data.permutation_seed": Field(
        -1,
        "the pixels of all images are permuted alike, by this seed; -1: they are not",
        Bounds(-1, SEED_LIMIT - 1),
    ),
    "data.background": Field(-0.1, "grey level of the background (LeCun et al. 1998, section II-B)", _FINITE),
    "data.ink": Field(1.175, "grey level of full ink", _FINITE),
    "data.manual_dir": Field(
        "",
        "folder with a dataset's original files, if they can't be downloaded",
        identifies=False,
        is_place=True,
    ),
    "data.data_dir": Field(
        "",
        "folder for prepared data; empty: lenet_jax in the folder of tensorflow-datasets",
        identifies=False,
        is_place=True,
    ),
    "distortion.probability": Field(
        0.0,
        "probability that a training image is distorted when it is shown; 0: never",
        _FRACTION,
        hyperparameter="distortion_probability",
    ),
    "distortion.shift": Field(
        2.0,
        "largest shift in pixels, in either direction, at most data.image_size",
        _AT_LEAST_0,
        hyperparameter="distortion_shift",
    ),
    "distortion.whole_pixels": Field(
        False, "shift by whole pixels, so that no grey levels are interpolated for it"
    ),
    "distortion.scale": Field(
        0.15, "largest logarithm of the scaling factor", _FRACTION, hyperparameter="distortion_scale"
    ),
    "distortion.squeeze": Field(
        0.15,
        "largest logarithm of the factor in width, whose inverse scales the height",
        _FRACTION,
        hyperparameter="distortion_squeeze",
    ),
    "distortion.shear": Field(
        0.3,
        "largest shift to the side, in pixels per pixel of height",
        _FRACTION,
        hyperparameter="distortion_shear",
    ),
    # Fields of a stage hold one value for all stages, or one per stage: 3,5 or local,full.
    "model.name": Field(
        "cnn", "convolutional stages and a classifier, or a multilayer perceptron", OneOf(MODELS)
    ),
    "model.connectivity": Field(
        "local", "which input positions a unit reads", OneOrPerStage(wiring.CONNECTIVITY), of_stages=True
    ),
    "model.sharing": Field(
        "shared",
        "whether the units of a feature map share one kernel; blocks: those of each block do, low_rank: each "
        "unit has a weighted mean of a few; both read what shared units read",
        OneOrPerStage((*wiring.SHARING, *PARTIAL_SHARING)),
        of_stages=True,
    ),
    "model.block": Field(
        (0,),
        "sharing=blocks: side in units of the square blocks whose units share a kernel",
        _AT_LEAST_0_PER_STAGE,
        of_stages=True,
    ),
    "model.rank": Field(
        (0,),
        "sharing=low_rank: number of shared kernels whose mean each unit's kernel is",
        _AT_LEAST_0_PER_STAGE,
        of_stages=True,
    ),
    "model.maps": Field(
        (6, 16), "feature maps of each stage; their number is the number of stages", _SIZES, of_stages=True
    ),
    "model.map_table": Field(
        "all",
        f"which input maps a map reads: {ALL}, {', '.join(TABLES)}, or one word per map, such as 01 12 02",
        of_stages=True,
    ),
    "model.kernel_size": Field((5,), "side of the receptive field in pixels", _PER_STAGE, of_stages=True),
    "model.stride": Field(
        (1,), "distance between neighbouring receptive fields, in pixels", _PER_STAGE, of_stages=True
    ),
    "model.pad_before": Field(
        (0,),
        "rows added above and columns added to the left, filled with pad_value",
        _AT_LEAST_0_PER_STAGE,
        of_stages=True,
    ),
    "model.pad_after": Field(
        (0,),
        "rows added below and columns added to the right",
        _AT_LEAST_0_PER_STAGE,
        of_stages=True,
    ),
    "model.pad_value": Field(-1.0, "value of the padding", _FINITE, of_stages=True),
    "model.edges": Field(
        "wrap",
        "what shared random or full units read beyond the edge: the other side, or (pad) pad_value",
        OneOrPerStage(wiring.EDGES),
        of_stages=True,
    ),
    "model.radius": Field(
        (0,),
        "random: largest distance of a tap from the centre of the unit's local receptive field, in rows and "
        "in columns, wrapping round; 0: anywhere",
        _AT_LEAST_0_PER_STAGE,
        of_stages=True,
    ),
    "model.wiring_seed": Field(
        -1,
        "seed of random wirings; -1: the run's seed",
        Bounds(low=-1, high=SEED_LIMIT - 1),
        hyperparameter="wiring_seed",
        of_stages=True,
    ),
    "model.bias": Field(
        "map",
        "one per map or one per unit if kernels are shared; unshared units have their own",
        OneOf(BIASES),
        of_stages=True,
    ),
    "model.pooling": Field("average", "2x2 pooling after a stage", OneOrPerStage(POOLINGS), of_stages=True),
    "model.pooling_coefficient": Field(
        0.0,
        "what trainable coefficients of pooling start at; 0: drawn as weights with a fan-in of 4",
        _FINITE,
        of_stages=True,
    ),
    "model.activation": Field("tanh", "activation function", OneOf(ACTIVATIONS)),
    "model.hidden": Field((120, 84), "widths of the classifier's hidden layers, or of the MLP's", _SIZES),
    "model.dropout": Field(
        0.0,
        "probability that training drops an input or a unit of a hidden layer",
        Bounds(low=0, high=1, high_open=True),
        hyperparameter="dropout",
    ),
    "model.dropout_of": Field(
        "inputs",
        "what model.dropout drops: inputs of hidden layers, also of the first, or units of hidden layers",
        OneOf(DROPPED),
    ),
    "model.output": Field("logits", "output units", OneOf(OUTPUTS)),
    "model.bitmaps": Field("1998", "bitmaps of the rbf units: 1998, or rows of # and . for each class"),
    "model.initialisation": Field(
        "unit_variance",
        "initial kernels; fan_in: uniform within 2.4/F, root_fan_in: uniform within 2.4/sqrt(F)",
        OneOf(INITIALISATIONS),
    ),
    "model.output_bias": Field(
        0.0, "initial biases of the output units, which rbf units do not have", _FINITE
    ),
    "model.start": Field(
        "free",
        "how unshared weights start: each drawn by itself, tied as if they were shared, or as a convolution",
        OneOf(STARTS),
        of_stages=True,
    ),
    "model.shared_gradient": Field(
        "sum",
        "what a shared kernel, and a bias per map, gets from the gradients of its units",
        OneOf(SHARED_GRADIENTS),
        of_stages=True,
    ),
    "model.parameter_budget": Field(
        0,
        "parameter count to come near to: sets the maps of a cnn, in the proportions of model.maps, or the "
        "width of an mlp's only hidden layer; 0: use model.maps and model.hidden",
        _AT_LEAST_0,
    ),
    "train.loss": Field("cross_entropy", "rbf and rbf_competitive are for model.output=rbf", OneOf(LOSSES)),
    "train.loss_scale": Field(
        1.0,
        "factor of the loss that training minimizes, and of its curvature; reported losses do not have it",
        _POSITIVE,
        hyperparameter="loss_scale",
    ),
    "train.target_low": Field(
        -1.0, "squared_error: target of the wrong classes", _FINITE, hyperparameter="target_low"
    ),
    "train.target_high": Field(
        1.0, "squared_error: target of the correct class", _FINITE, hyperparameter="target_high"
    ),
    "train.rbf_j": Field(
        1.0,
        "rbf_competitive: j of LeCun et al. 1998, eq. 9, which the paper doesn't specify",
        _POSITIVE,
        hyperparameter="rbf_j",
    ),
    "train.epochs": Field(10, "passes over the training images", _AT_LEAST_1),
    "train.constrained_epochs": Field(
        0,
        "first epochs in which unshared weights keep the constraint with which they start (model.start)",
        _AT_LEAST_0,
        of_stages=True,
    ),
    "train.average_every": Field(
        0,
        "steps after which the units of each local, unshared map get the mean of their weights and biases, "
        "not of their momentum; 0: never",
        _AT_LEAST_0,
        of_stages=True,
    ),
    "train.select_epoch": Field(
        "last", "which epoch counts: the last, or the best on validation images", OneOf(SELECT_EPOCH)
    ),
    "train.order": Field(
        "shuffled", "order of the training images; constant: the same in every epoch", OneOf(ORDERS)
    ),
    "train.batch_size": Field(64, "images per step; a final partial batch is dropped", _AT_LEAST_1),
    "train.optimizer": Field(
        "sgd", "levenberg_marquardt: stochastic diagonal, LeCun et al. 1998, appendix C", OneOf(OPTIMIZERS)
    ),
    "train.learning_rate": Field(0.1, "peak learning rate", _POSITIVE, hyperparameter="learning_rate"),
    "train.schedule": Field(
        "cosine",
        "of the learning rate; cosine and linear decay to 0, epochs multiplies by train.epoch_factors",
        OneOf(SCHEDULES),
    ),
    "train.epoch_factors": Field(
        (1.0,), "schedule=epochs: one factor per epoch; the last one serves all later epochs", _FACTORS
    ),
    "train.warmup_epochs": Field(
        0.0, "epochs in which the learning rate rises linearly, fewer than train.epochs", _AT_LEAST_0
    ),
    "train.momentum": Field(
        0.9, "sgd's momentum, adam's beta1", Bounds(low=0, high=1, high_open=True), hyperparameter="momentum"
    ),
    "train.weight_decay": Field(
        0.0, "of kernels, not biases; decoupled with adam (AdamW)", _AT_LEAST_0, hyperparameter="weight_decay"
    ),
    "train.l1_penalty": Field(
        0.0,
        "coefficient of the L1 norm of kernels, whose subgradient is added to the gradient; 0: none",
        _AT_LEAST_0,
        hyperparameter="l1_penalty",
    ),
    "train.l1_threshold": Field(
        0.0,
        "beta of beta-lasso (Neyshabur 2020): after each step, weights of kernels below this times "
        "train.l1_penalty are set to 0",
        _AT_LEAST_0,
        hyperparameter="l1_threshold",
    ),
    "train.curvature": Field(
        "backpropagated",
        "levenberg_marquardt: how the Gauss-Newton diagonal is computed; backpropagated_sums: trainable "
        "coefficients of pooling weight one sum, not four inputs",
        OneOf(CURVATURES),
    ),
    "train.curvature_images": Field(
        500, "levenberg_marquardt: images drawn before each epoch to estimate the curvature", _AT_LEAST_1
    ),
    "train.curvature_estimate": Field(
        "each_epoch",
        "levenberg_marquardt: the curvature is estimated before each epoch, or before the first epoch only, "
        "or it is the maximum of the estimates up to now",
        OneOf(CURVATURE_ESTIMATES),
    ),
    "train.curvature_distorted": Field(
        False, "levenberg_marquardt: whether images that estimate the curvature are distorted, if others are"
    ),
    "train.damping": Field(
        0.02,
        "levenberg_marquardt: mu; a step is learning_rate / (mu + curvature)",
        _POSITIVE,
        hyperparameter="damping",
    ),
}

SWEEP_FIELDS: Mapping[str, Field] = {
    "seeds": Field(5, "number of seeds, counted from config.seed", _AT_LEAST_1, identifies=False),
    "arms": Field("", "names of the arms to run, comma-separated; empty: all", identifies=False),
    "launcher.minutes": Field(
        60.0,
        "with --launcher: time limit of a task, which is then requeued; on SLURM in whole minutes",
        _POSITIVE,
        identifies=False,
    ),
    "launcher.requeues": Field(
        10,
        "how often a task is requeued if it reaches its time limit, is killed or crashes; 0: never",
        _AT_LEAST_0,
        identifies=False,
    ),
    "launcher.partition": Field("", "partition on SLURM; empty: the cluster's default", identifies=False),
    "launcher.cpus": Field(
        0, "processor cores of a task on SLURM; 0: one per thread (--threads)", _AT_LEAST_0, identifies=False
    ),
    "launcher.gpus": Field(0, "GPUs of a task", _AT_LEAST_0, identifies=False),
    "launcher.memory_gb": Field(
        0.0, "memory of a task on SLURM, in GB; 0: the cluster's default", _AT_LEAST_0, identifies=False
    ),
    "launcher.options": Field(
        "",
        "further long options of sbatch, separated by semicolons, such as 'account=lab;qos=long'",
        identifies=False,
    ),
}
ALL_FIELDS: Mapping[str, Field] = {**FIELDS, **SWEEP_FIELDS}


def default_config() -> ml_collections.ConfigDict:
    """LeNet-5 on mnist_5k, every field locked; config files start from here."""
    return _config_of(FIELDS)


def default_sweep() -> ml_collections.ConfigDict:
    """`default_config` with the fields of a sweep; config files of sweeps start from here."""
    return _config_of(ALL_FIELDS)


def _config_of(fields: Mapping[str, Field]) -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict()
    for name, field in fields.items():
        group, _, key = name.rpartition(".")
        if group and group not in config:
            config[group] = ml_collections.ConfigDict()
        (config[group] if group else config)[key] = field.default
    return config.lock()


def override(config: ml_collections.ConfigDict, overrides: Mapping[str, Any]) -> ml_collections.ConfigDict:
    """A copy of `config` with dotted fields replaced, such as {"model.sharing": "unshared"}.

    Raises KeyError for a field that doesn't exist, TypeError or ValueError for a value of another type.
    """
    config = copy.deepcopy(config)
    try:
        config.update_from_flattened_dict(overrides)
    except OverflowError as error:  # a whole number that no float holds
        raise ValueError(f"a number is too large: {error}") from error
    return config
