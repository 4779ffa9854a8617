"""The fields of a run, with their defaults, and how resolved configs are compared.

A run is identified by its resolved config: the ConfigDict below after a config file and the
command line have set its fields.
"""

import copy

import ml_collections
from flax import traverse_util

# Where data lies: differs from one machine to the next.
PLACES = ("data.manual_dir", "data.data_dir")
# Fields that may differ between two calls on one folder, as they don't change what a run computes:
# a folder may be asked for more seeds or other arms, and what it holds stays.
NOT_IDENTITY = (*PLACES, "tensorboard", "seeds", "arms")
# What a compiled program takes as arguments, in the order of `training.Numbers`: runs that differ in nothing
# else are trained together.
ARGUMENTS = ("seed", "train.learning_rate", "train.momentum", "train.weight_decay")


def default_config() -> ml_collections.ConfigDict:
    """LeNet-5 on digits, every field locked; config files start from here."""
    config = ml_collections.ConfigDict()
    config.dataset = "digits"  # digits, mnist, fashion_mnist, usps
    config.seed = 0  # drives initialisation, random wiring and data order, by separate keys
    config.parallel = "jit"  # jit: one device; pmap: each batch split over all local devices
    config.tensorboard = False  # also write TensorBoard event files

    config.data = data = ml_collections.ConfigDict()
    data.seed = 0  # draws the validation split; not the run's seed, so that all runs share it
    data.validation_fraction = 0.1  # of the training set
    data.image_size = 32  # LeNet-5 reads 32x32, the MLPs of 1998 read 28x28
    data.box = 20  # images under 28x28 are resized to the box that MNIST's digits fit
    data.background = -0.1  # grey levels of LeCun et al. 1998, section II-B
    data.ink = 1.175
    data.manual_dir = ""  # folder with a dataset's original files, where they can't be downloaded
    data.data_dir = ""  # where prepared data is kept; "" is tensorflow-datasets' own folder

    config.model = model = ml_collections.ConfigDict()
    model.name = "lenet5"  # lenet5, mlp
    model.connectivity = "local"  # local, random, full; one for all stages or one each: local,full
    model.sharing = "shared"  # shared, unshared; likewise
    model.maps = (6, 16)  # feature maps a stage; the length is the number of stages
    model.kernel_size = 5
    model.pooling = "average"  # average, max
    model.activation = "tanh"  # tanh, relu
    model.hidden = (120, 84)  # hidden layers of the classifier, or of the MLP
    model.parameter_budget = 0  # mlp: solve the width of one hidden layer for so many parameters

    config.train = train = ml_collections.ConfigDict()
    train.epochs = 10
    train.batch_size = 64
    train.optimizer = "sgd"  # sgd (with momentum), adam
    train.learning_rate = 0.1  # at its peak
    train.schedule = "cosine"  # cosine, linear: down to 0 over all steps; constant
    train.warmup_epochs = 0.0  # epochs of linear rise before the schedule
    train.momentum = 0.9  # sgd's momentum, adam's beta1
    train.weight_decay = 0.0  # on kernels, not biases; with adam decoupled (AdamW)
    return config.lock()


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


def differences(recorded: dict, wanted: dict) -> list[str]:
    """One line for each identifying field in which two flattened configs differ."""
    fields = [field for field in {**recorded, **wanted} if field not in NOT_IDENTITY]
    missing = object()
    return [
        f"{field}: recorded {recorded.get(field, 'nothing')!r}, asked for {wanted.get(field, 'nothing')!r}"
        for field in fields
        if recorded.get(field, missing) != wanted.get(field, missing)
    ]
