"""The arms of the exploratory studies of weight sharing, with the candidates for what is selected.

A study is a function that returns its arms. Arms without candidates adopt the choices of other studies, most
of them of the core on the same dataset, which is MNIST unless the study's name ends in another.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping

from configs.finding.common import WIRINGS
from configs.finding.families import as_chosen, with_rates
from configs.finding.studies import CURVES_BATCH, STEPS, against
from lenet_jax.config.arms import Arm

OUT = 28  # rows and columns of units of the first stage
KERNELS = (1, 3, 5, 7, 11)
BLOCKS = (14, 7, 4, 2)
RANKS = (1, 2, 4, 8)
SHIFTS = (0, 1, 2, 4)
NONE, FARTHEST = SHIFTS[0], SHIFTS[-1]
SUBSETS = (600, 6_000, 60_000)
ALL = SUBSETS[-1]
AVERAGED_EVERY = (10, 100)
LONGER = 4  # times as many steps
_TIED = WIRINGS["local_unshared"] | {"model.start": "tied"}
STARTED_TIED = {
    "tied": _TIED,
    **{f"averaged_{steps}": _TIED | {"train.average_every": steps} for steps in AVERAGED_EVERY},
}
L1_PENALTIES = (0.00001, 0.00003, 0.0001, 0.0003)
L1_THRESHOLD = 50.0  # of Neyshabur 2020


def plane() -> list[Arm]:
    """Stage 1 with kernels of any size, shared by any part of its 28x28 units; stage 3 is the convolution.

    Images are as large as kernels need for 28x28 units, so that the margin around a digit grows with the
    kernel, or 32x32 where a unit reads the whole image, which is the only kernel that wraps round.
    """
    kernels = {str(side): (f"{side}x{side}", _local(side)) for side in KERNELS}
    whole = {"model.connectivity": "full,local", "model.kernel_size": (5,)}
    kernels["whole"] = "the whole image", whole
    degrees = {
        "shared": ("all units", {"model.sharing": "shared"}),
        **{f"blocks_{side}": (f"{side}x{side} units", _blocks(side)) for side in BLOCKS},
        "unshared": ("none", {"model.sharing": "unshared,shared"}),
    }
    arms = []
    for (kernel, (reads, wiring)), (degree, (units, sharing)) in itertools.product(
        kernels.items(), degrees.items()
    ):
        fields = {"model.name": "cnn", **wiring, **sharing}
        name, shared = f"kernel_{kernel}_{degree}", f"kernel_{kernel}_shared"
        factors = {"kernel": reads, "units that share a kernel": units}
        arm = dataclasses.replace(with_rates(name, fields), factors=factors)
        arms.append(arm if name == shared else against(arm, shared))
    return arms


def _blocks(side: int) -> dict:
    return {"model.sharing": "blocks,shared", "model.block": (side, 0)}


def _local(side: int) -> dict:
    return {
        "model.connectivity": "local",
        "model.kernel_size": (side, 5),
        "data.image_size": OUT + side - 1,
    }


def mixtures() -> list[Arm]:
    """Both stages with kernels that are mixed from a few, between the convolution and unshared kernels.

    A learning rate moves the mean of R kernels R times less than one shared kernel, and holds for the dense
    layers as well, so that a selected rate cannot make up for it: what mixing does and what smaller steps do
    are not told apart.
    """
    mixed = [
        with_rates(f"rank_{rank}", WIRINGS["local_shared"] | {
            "model.sharing": "low_rank", "model.rank": (rank,)
        })
        for rank in RANKS
    ]  # fmt: skip
    arms = [*mixed, Arm("local_unshared", as_chosen("mnist", "local_unshared"))]
    return [
        Arm("local_shared", as_chosen("mnist", "local_shared")),
        *(against(arm, "local_shared") for arm in arms),
    ]


def translations(dataset: str = "mnist") -> list[Arm]:
    """Shared and unshared kernels, and kernels averaged every so many steps, on translated images.

    Each time that an image is shown, it is shifted by up to some whole pixels. Averaged kernels start tied,
    since the average of many independent ones is nearly 0; `tied` kernels have this start alone. Their
    rates, and those of averaged kernels, are selected with all images, as they are; the others have those of
    the core. Some networks of all images also train for LONGER. Kernels are averaged and their momentum is
    not, so that units go apart again over the next steps, with AVERAGED_EVERY 10 over all of them.
    """
    core = {sharing: as_chosen(dataset, f"local_{sharing}") for sharing in ("shared", "unshared")}
    arms = []
    for images, shift in itertools.product(SUBSETS, SHIFTS):
        place = f"{shift}_{images}"
        fields = shifted(shift) | _of_images(images)
        arms.append(Arm(f"shared_{place}", core["shared"] | fields))
        arms.append(against(Arm(f"unshared_{place}", core["unshared"] | fields), f"shared_{place}"))
        if shift in (NONE, FARTHEST):
            for kind, its in STARTED_TIED.items():
                arm = with_rates(f"{kind}_{place}", its | fields)
                others = [f"shared_{place}"] + [f"tied_{place}"] * (kind != "tied")
                arms.append(against(arm, *others))
    for shift in (NONE, FARTHEST):
        fields = shifted(shift) | _of_images(ALL, LONGER)
        shared, unshared = (f"{sharing}_{shift}_longer" for sharing in core)
        arms.append(Arm(shared, core["shared"] | fields))
        arms.append(against(Arm(unshared, core["unshared"] | fields), shared))
    return arms


def translations_fashion_mnist() -> list[Arm]:
    """The same on Fashion-MNIST."""
    return translations("fashion_mnist")


def _of_images(images: int, longer: int = 1) -> dict:
    """The fields of training on some images, or on all, for STEPS or `longer` times as many."""
    return {
        "data.train_images": 0 if images == ALL else images,
        "train.batch_size": CURVES_BATCH,
        "train.epochs": longer * STEPS * CURVES_BATCH // images,
    }


def shifted(pixels: int) -> dict:
    """The fields with which each training image is shifted whenever it is shown, by up to `pixels` pixels."""
    if not pixels:
        return {}
    none = {f"distortion.{kind}": 0.0 for kind in ("scale", "squeeze", "shear")}
    return {
        "distortion.probability": 1.0,
        "distortion.shift": float(pixels),
        "distortion.whole_pixels": True,
        **none,
    }


def lasso() -> list[Arm]:
    """A network with fully connected stages whose small weights are set to 0, as in Neyshabur 2020.

    Do its stages become local? The penalty is on all kernels, also those of the classifier. The learning rate
    is that of the core; all penalties are reported, none is chosen.
    """
    full = as_chosen("mnist", "full_unshared")
    return [
        Arm("full_unshared", full),
        *(
            Arm(
                f"lasso_{penalty:g}",
                full | {"train.l1_penalty": penalty, "train.l1_threshold": L1_THRESHOLD},
                baselines={f"L1 penalty {penalty:g}": "full_unshared"},
            )
            for penalty in L1_PENALTIES
        ),
    ]


EXPLORATORY: Mapping[str, Callable[[], list[Arm]]] = {
    study.__name__: study for study in (plane, mixtures, translations, translations_fashion_mnist, lasso)
}
DATASET_OF = {"translations_fashion_mnist": "fashion_mnist"}  # the other studies have MNIST
# Study -> arm with candidates -> the study and the arm whose choice it adopts instead of one of its own.
ADOPTED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "plane": {  # the same networks
        "kernel_5_shared": ("mnist", "local_shared"),
        "kernel_5_unshared": ("stages", "without_sharing_1"),
        "kernel_whole_shared": ("stages", "without_connectivity_1"),
        "kernel_whole_unshared": ("stages", "without_both_1"),
    },
    **{  # the same kinds of kernels, with all images as they are
        study: {
            f"{kind}_{shift}_{images}": (study, f"{kind}_{NONE}_{ALL}")
            for kind in STARTED_TIED
            for shift, images in itertools.product((NONE, FARTHEST), SUBSETS)
            if (shift, images) != (NONE, ALL)
        }
        for study in ("translations", "translations_fashion_mnist")
    },
}
