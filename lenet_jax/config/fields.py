"""The fields of a run, with their defaults, and how resolved configs are compared.

A run is identified by its resolved config: the ConfigDict below after a config file and the
command line have set its fields.
"""

import copy
import functools

import ml_collections
from flax import traverse_util

# Where data lies: differs from one machine to the next.
PLACES = ("data.manual_dir", "data.data_dir")
# Fields that may differ between two calls on one folder, as they don't change what a run computes:
# a folder may be asked for more seeds or other arms, and what it holds stays.
NOT_IDENTITY = (*PLACES, "tensorboard", "seeds", "arms")
# What a compiled program takes as arguments, by its name in `Hyperparameters`.
ARGUMENTS = {
    "seed": "seed",
    "learning_rate": "train.learning_rate",
    "momentum": "train.momentum",
    "weight_decay": "train.weight_decay",
    "damping": "train.damping",
    "rbf_j": "train.rbf_j",
    "target_low": "train.target_low",
    "target_high": "train.target_high",
    "dropout": "model.dropout",
    "distortion_probability": "distortion.probability",
    "distortion_shift": "distortion.shift",
    "distortion_scale": "distortion.scale",
    "distortion_squeeze": "distortion.squeeze",
    "distortion_shear": "distortion.shear",
}


def default_config() -> ml_collections.ConfigDict:
    """LeNet-5 on digits, every field locked; config files start from here."""
    config = ml_collections.ConfigDict()
    config.dataset = "digits"  # digits, mnist, fashion_mnist, usps
    config.seed = 0  # drives all that is random in a run, by separate keys (lenet_jax.training.Purpose)
    config.parallel = "jit"  # jit: one device; pmap: each batch split over all local devices
    config.tensorboard = False  # also write TensorBoard event files

    config.data = data = ml_collections.ConfigDict()
    data.seed = 0  # draws the validation split and data.move; not the run's seed, so that all runs share them
    data.validation_fraction = 0.1  # of the training set; 0: none, all of it is trained on
    data.draw = ()  # train, validation and test images that each run draws by its seed, e.g. 320,160,160
    data.image_size = 32  # LeNet-5 reads 32x32, the MLPs of 1998 read 28x28
    data.box = 20  # digits are scaled to fit this box, as MNIST's fit 20; small images fill it as a whole
    data.move = 0  # pixels: each image is moved once by up to so many, drawn by data.seed; 0: all centred
    data.positions = 1  # more: data.draw takes training digits, each at so many columns, also to test on
    data.background = -0.1  # grey levels of LeCun et al. 1998, section II-B
    data.ink = 1.175
    data.manual_dir = ""  # folder with a dataset's original files, where they can't be downloaded
    data.data_dir = ""  # where prepared data is kept; "" is tensorflow-datasets' own folder

    # Of training images, anew at every presentation; amounts up to these, either way.
    config.distortion = distortion = ml_collections.ConfigDict()
    distortion.probability = 0.0  # of the images that are distorted; 0: none
    distortion.shift = 2.0  # pixels
    distortion.scale = 0.15  # logarithm of the factor
    distortion.squeeze = 0.15  # logarithm of the factor in width, its inverse in height
    distortion.shear = 0.3  # pixels to the side for each pixel up

    # Of a stage's fields, one value for all stages or one each: 3,5 or local,full.
    config.model = model = ml_collections.ConfigDict()
    model.name = "cnn"  # cnn, mlp
    model.connectivity = "local"  # local, random, full
    model.sharing = "shared"  # shared, unshared
    model.maps = (6, 16)  # feature maps a stage; the length is the number of stages
    # Which input maps a map reads: all; c3, lenet1, h2_groups, h2_cyclic, h2_thirds; or words, one a map,
    # whose characters are the maps it reads: "01 12 02" (lenet_jax/map_tables.py).
    model.map_table = "all"
    model.kernel_size = (5,)
    model.stride = (1,)
    model.pad_before = (0,)  # rows above and columns to the left, whose units are at pad_value
    model.pad_after = (0,)
    model.pad_value = -1.0
    model.bias = "map"  # map, unit: where kernels are shared; unshared units have their own
    model.pooling = "average"  # average, max, trainable_sum, trainable_average, none
    model.activation = "tanh"  # tanh, relu, scaled_tanh
    model.hidden = (120, 84)  # hidden layers of the classifier, or of the MLP
    model.dropout = 0.0  # share of each hidden layer's inputs that training leaves out
    model.output = "logits"  # logits, activated, rbf
    model.bitmaps = "1998"  # rbf: what its units compare with; or rows of # and . (lenet_jax/bitmaps.py)
    model.initialisation = "unit_variance"  # fan_in, root_fan_in: U(-2.4/F, 2.4/F), or the root of F
    model.parameter_budget = 0  # mlp: solve the width of one hidden layer for so many parameters

    config.train = train = ml_collections.ConfigDict()
    train.loss = "cross_entropy"  # cross_entropy, squared_error; of model.output=rbf: rbf, rbf_competitive
    train.target_low = -1.0  # squared_error: of the wrong classes
    train.target_high = 1.0  # squared_error: of the right one
    train.rbf_j = 1.0  # rbf_competitive: j of LeCun et al. 1998, eq. 9; the paper gives no value
    train.epochs = 10
    # Which epoch counts: last; or validation, the best there, and beside it the last and the test's best.
    train.select_epoch = "last"
    train.order = "shuffled"  # shuffled, constant: the same in every epoch
    train.batch_size = 64
    train.optimizer = "sgd"  # sgd (with momentum), adam, levenberg_marquardt (stochastic diagonal, 1998)
    train.learning_rate = 0.1  # at its peak
    train.schedule = "cosine"  # cosine, linear: down to 0 over all steps; constant; epochs: by factors
    train.epoch_factors = (1.0,)  # epochs: of the learning rate, one an epoch, the last for the rest
    train.warmup_epochs = 0.0  # epochs of linear rise before the schedule
    train.momentum = 0.9  # sgd's momentum, adam's beta1
    train.weight_decay = 0.0  # on kernels, not biases; with adam decoupled (AdamW)
    train.curvature = "backpropagated"  # levenberg_marquardt: backpropagated, exact (Gauss-Newton diagonal)
    train.curvature_images = 500  # levenberg_marquardt: drawn before each epoch to estimate it
    train.damping = 0.02  # levenberg_marquardt: mu; a step is learning_rate / (mu + curvature)
    return config.lock()


def default_sweep() -> ml_collections.ConfigDict:
    """`default_config` with the fields of a sweep; config files of sweeps start from here."""
    config = default_config()
    with config.unlocked():
        config.seeds = 5  # how many, from config.seed on
        config.arms = ""  # names, comma-separated; "" is all
    return config


def override(config: ml_collections.ConfigDict, overrides: dict) -> ml_collections.ConfigDict:
    """A copy of `config` with dotted fields replaced, e.g. {"model.sharing": "unshared"}.

    Raises KeyError or TypeError for a field that doesn't exist or a value of another type.
    """
    config = copy.deepcopy(config)
    config.update_from_flattened_dict(overrides)
    return config


def flatten(config: ml_collections.ConfigDict) -> dict:
    """{"train.epochs": 10, ...} ordered by name, with tuples as lists, as JSON returns them."""
    flat = traverse_util.flatten_dict(config.to_dict(), sep=".")
    return {field: list(value) if isinstance(value, tuple) else value for field, value in flat.items()}


def to_record(config: ml_collections.ConfigDict) -> dict:
    """`flatten`, without the fields that tell of this machine's folders."""
    return {field: value for field, value in flatten(config).items() if field not in PLACES}


@functools.cache  # asked for once a record
def _defaults() -> dict:
    return flatten(default_config())


def complete(recorded: dict) -> dict:
    """A recorded config, and for fields that came later their defaults, which do what was done before."""
    return _defaults() | recorded


def differences(recorded: dict, wanted: dict) -> list[str]:
    """One line for each identifying field in which two flattened configs differ."""
    fields = [field for field in {**recorded, **wanted} if field not in NOT_IDENTITY]
    recorded = complete(recorded)
    missing = object()
    return [
        f"{field}: recorded {recorded.get(field, 'nothing')!r}, asked for {wanted.get(field, 'nothing')!r}"
        for field in fields
        if recorded.get(field, missing) != wanted.get(field, missing)
    ]
