"""The arms of the secondary studies of docs/protocol.md, on MNIST, with the candidates for what is selected.

A study is a function that returns its arms. Arms without candidates adopt the choices of the core.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping

from configs.finding.common import CORNERS, WIRINGS
from configs.finding.families import as_chosen, with_rates
from lenet_jax.config.arms import Arm
from lenet_jax.models.wiring import SHARING

DECAYS = (0.0, 0.0001, 0.0005, 0.001)
BUDGETS = (10, 20, 40)  # epochs
FITTED = 0.999  # of the training images
LENET5_PARAMETERS, UNSHARED_PARAMETERS = 61_706, 423_038
# Name -> distance in stages 1 and 3, and in words, from the 5x5 field to the whole of 32x32 and 14x14.
RADII = {
    "2": ((2, 2), "2 pixels"),
    "3": ((3, 3), "3 pixels"),
    "4": ((4, 4), "4 pixels"),
    "6": ((6, 5), "6, then 5 pixels"),
    "9": ((9, 6), "9, then 6 pixels"),
    "any": ((0, 0), "anywhere"),
}
SUBSETS = (100, 600, 3_000, 12_000, 60_000)
STEPS = 4_800  # of each run of the learning curves: 8 epochs of all images
CURVES_BATCH = 100


def decay() -> list[Arm]:
    candidates = {f"{decay:g}": {"train.weight_decay": decay} for decay in DECAYS}
    return _group("weight decay", [Arm(name, _core(name), candidates=candidates) for name in CORNERS])


def fit() -> list[Arm]:
    candidates = {str(epochs): {"train.epochs": epochs} for epochs in BUDGETS}
    return _group(
        "equal fit", [Arm(name, _core(name), candidates=candidates, fit=FITTED) for name in CORNERS]
    )


def stages() -> list[Arm]:
    """Each constraint removed in stage 1, in stage 3 and in both, and both constraints together."""
    connectivity, sharing = {"model.connectivity": "full"}, {"model.sharing": "unshared"}
    removed = {  # constraint -> the fields without it, and the corner without it in both stages
        "connectivity": (connectivity, "full_shared"),
        "sharing": (sharing, "local_unshared"),
        "both": (connectivity | sharing, "full_unshared"),
    }
    convolution = dict(WIRINGS["local_shared"])
    arms = []
    for (constraint, (freed, corner)), stage in itertools.product(removed.items(), ("1", "3", "1 and 3")):
        if stage == "1 and 3":
            arm = Arm(corner, _core(corner))
        else:
            fields = {
                field: f"{value},{convolution[field]}" if stage == "1" else f"{convolution[field]},{value}"
                for field, value in freed.items()
            }
            arm = with_rates(f"without_{constraint}_{stage}", convolution | fields)
        factors = {"stage": stage, "constraint removed": constraint}
        others = ["local_shared"] + [f"without_{constraint}_1"] * (stage == "1 and 3")
        arms.append(against(dataclasses.replace(arm, factors=factors), *others))
    return [Arm("local_shared", _core("local_shared")), *arms]


def distance() -> list[Arm]:
    """25 taps within a distance of the unit's position, in both stages; within 2, they are the 5x5 field."""
    arms = []
    for sharing, (farthest, (radii, words)) in itertools.product(SHARING, RADII.items()):
        arm = with_rates(
            f"within_{farthest}_{sharing}", WIRINGS[f"random_{sharing}"] | {"model.radius": radii}
        )
        arm = dataclasses.replace(arm, factors={"how far a unit reads": words, "weights": sharing})
        arms.append(against(arm, f"within_2_{sharing}"))
    return arms


def wiring() -> list[Arm]:
    """Ten wirings, each with several initial weights."""
    return [
        Arm(f"random_{sharing}_{seed}", _core(f"random_{sharing}") | {"model.wiring_seed": seed})
        for sharing in SHARING
        for seed in range(10)
    ]


def permuted() -> list[Arm]:
    permutation = {"data.permutation_seed": 1}
    wired = [with_rates(name, fields | permutation) for name, fields in CORNERS.items()]
    mlp = _core("mlp_best")
    return [*_group("permuted pixels", wired), with_rates("mlp_best", mlp | permutation)]


def start() -> list[Arm]:
    """Head starts without the constraint, and the constraint without the step that it brings along."""
    local, full = WIRINGS["local_unshared"], WIRINGS["full_unshared"]
    mean = {"model.shared_gradient": "mean"}
    embedded = {
        f"embedded_{epochs}": full | {"model.start": "convolution", "train.constrained_epochs": epochs}
        for epochs in (0, 1, 5, 10)
    }
    arms = [
        Arm("local_shared", _core("local_shared")),
        Arm("local_unshared", _core("local_unshared")),
        with_rates("local_unshared_tied", local | {"model.start": "tied"}),
        with_rates("local_shared_mean", WIRINGS["local_shared"] | mean),
        Arm("full_unshared", _core("full_unshared")),
        *(with_rates(name, fields) for name, fields in embedded.items()),
    ]
    others = {
        "local_unshared_tied": ("local_unshared",),
        "local_shared_mean": ("local_unshared",),
        **dict.fromkeys(embedded, ("full_unshared", "embedded_10")),
    }
    return [against(arm, "local_shared", *others.get(arm.name, ())) for arm in arms]


def matched() -> list[Arm]:
    """All arms with about as many parameters; full, unshared has more with one map."""
    of_core = {  # the networks of the core that have as many, and what they are called there
        "local_shared_small": "local_shared",
        "random_shared_small": "random_shared",
        "mlp_small": "mlp_matched",
        "local_unshared_large": "local_unshared",
        "random_unshared_large": "random_unshared",
    }
    networks = {
        **{name: fields for name, fields in WIRINGS.items() if name != "full_unshared"},
        "mlp": {"model.name": "mlp", "model.hidden": ()},
    }
    arms = []
    for words, budget in (("small", LENET5_PARAMETERS), ("large", UNSHARED_PARAMETERS)):
        size = {"model.parameter_budget": budget}
        for network, fields in networks.items():
            name = f"{network}_{words}"
            arm = (
                Arm(name, _core(of_core[name]) | size) if name in of_core else with_rates(name, fields | size)
            )
            arms.append(against(arm, f"local_shared_{words}"))
    return arms


def curves() -> list[Arm]:
    """Nested subsets of the training images, the same for every arm, with as many steps."""
    arms = []
    for images in SUBSETS:
        size = {
            "data.train_images": images,
            "train.batch_size": CURVES_BATCH,
            "train.epochs": STEPS * CURVES_BATCH // images,
        }
        networks = [Arm(f"{name}_{images}", _core(name) | size) for name in (*CORNERS, "mlp_best")]
        arms += _group(f"{images:,} images", networks)
    return arms


STUDIES: Mapping[str, Callable[[], list[Arm]]] = {
    study.__name__: study
    for study in (decay, fit, stages, distance, wiring, permuted, start, matched, curves)
}


def _core(name: str) -> dict:
    """The fields of an arm of the core on MNIST, as chosen there."""
    return as_chosen("mnist", name)


def _group(group: str, arms: list[Arm]) -> list[Arm]:
    return [dataclasses.replace(arm, group=group) for arm in arms]


def against(arm: Arm, *baselines: str) -> Arm:
    """The arm, compared with others."""
    others = [baseline for baseline in baselines if baseline != arm.name]
    return dataclasses.replace(arm, baselines={f"{arm.name} against {other}": other for other in others})
