"""The rows of the benchmark: what is measured against what."""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks import plain
from benchmarks.data import random_images
from benchmarks.measuring import Measured, Work, call_once, in_turns
from configs.history import common
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.models import wiring

EPOCH = 60_000  # MNIST's training images
LENET5 = {"train.batch_size": 128, "train.schedule": "constant"}
MLP = LENET5 | {"model.name": "mlp", "model.hidden": (300, 100), "data.image_size": 28}


class Scale(NamedTuple):
    """How often each row is measured, and the fraction of the full work that one measurement does."""

    turns: int
    work: float

    def images(self, full: int, batch: int) -> int:
        """The fraction of `full` images, in whole batches, at least two."""
        return batch * max(2, round(self.work * full / batch))


def product_rate() -> float:
    """Multiply-accumulates per second of large float32 matrix products on this machine."""
    return call_once(Work("benchmarks.workloads:products_per_second", {}))


def one(scale: Scale, rate: float) -> Iterator[dict]:
    """One run of LeNet-5."""
    images = scale.images(25_600, 128)
    yield _against_torch("LeNet-5, batch 128", "lenet5", images, [0.1], LENET5, scale, rate)


def sweep(scale: Scale, rate: float) -> Iterator[dict]:
    """Eight runs of LeNet-5."""
    learning_rates = [0.05, 0.1] * 4
    images = scale.images(12_800, 128)
    yield _against_torch("8 LeNet-5 runs, batch 128", "lenet5", images, learning_rates, LENET5, scale, rate)


def single(scale: Scale, rate: float) -> Iterator[dict]:
    """LeNet-5 with batches of one image."""
    fields = LENET5 | {"train.batch_size": 1, "train.learning_rate": 0.01}
    images = scale.images(3_000, 1)
    yield _against_torch("LeNet-5, one image per step", "lenet5", images, [0.01], fields, scale, rate)


def zipcode(scale: Scale, rate: float) -> Iterator[dict]:
    """One epoch of the protocol of 1989; its 23 epochs are 167,693 presentations."""
    fields = common.USPS_FIELD | common.ZIPCODE | common.PROTOCOL_1989 | common.PLAIN_SGD
    case = "zip code net of 1989, one image per step"
    images = scale.images(7_291, 1)
    yield _against_torch(case, "zipcode", images, [0.03], fields, scale, rate)


def mlp(scale: Scale, rate: float) -> Iterator[dict]:
    """One run of a multilayer perceptron."""
    images = scale.images(25_600, 128)
    yield _against_torch("MLP 784-300-100-10, batch 128", "mlp", images, [0.1], MLP, scale, rate)


def layers(scale: Scale, rate: float) -> Iterator[dict]:
    """LeNet-5's two stages in every wiring, against plain Flax layers."""
    steps = max(1, round(10 * scale.work))
    for connectivity, sharing in _wirings():
        arguments = {"connectivity": connectivity, "sharing": sharing, "batch": 128, "steps": steps}
        products, peer = in_turns(
            [Work("benchmarks.workloads:layers", arguments | {"kind": kind}) for kind in ("wired", "plain")],
            scale.turns,
        )
        macs = training_macs({"model.connectivity": connectivity, "model.sharing": sharing}, wired=True)
        yield {
            "case": f"{connectivity}_{sharing}",
            **_speed(products, 128 * steps, macs, rate),
            **_comparison(plain.plain_form(connectivity, sharing).name, products.seconds, peer.seconds),
            "peer_peak_megabytes": peer.peak_megabytes,
        }


def growth(scale: Scale, rate: float) -> Iterator[dict]:
    """Seconds per image and run of more runs and of more data, against one run of the least data."""
    images = scale.images(12_800, 128)
    runs = [1, 2, 4, 8, 16, *call_once(Work("benchmarks.workloads:more_runs", {}))]
    for unit, works in {
        "runs": {factor: _training(LENET5, images, [0.1] * factor) for factor in runs},
        f"x {images:,} images": {factor: _training(LENET5, factor * images, [0.1]) for factor in (1, 2, 4)},
    }.items():
        measured = in_turns(list(works.values()), max(2, scale.turns // 2))
        least = measured[0]
        for factor, more in zip(works, measured, strict=True):
            yield {
                "case": f"{factor} {unit}",
                **_speed(more, factor * images, training_macs(LENET5), rate),
                **_comparison(f"1 {unit}", [seconds / factor for seconds in more.seconds], least.seconds),
                "peer_peak_megabytes": least.peak_megabytes,
            }


def start(scale: Scale, rate: float) -> Iterator[dict]:
    """From a process's start to the end of its first 20 steps, both sides on the same file of images."""
    torch_seconds, wiring_seconds = [], {}
    with tempfile.TemporaryDirectory() as folder:
        images, labels = random_images(20 * 64, 32)
        np.savez(f"{folder}/images.npz", images=images, labels=labels)
        for turn in range(max(2, scale.turns // 2)):
            torch_seconds.append(_start(folder, "", "torch")[0])
            for names in _wirings():
                for state in ("cold", "warm"):  # a cache of its own for each wiring and turn
                    seconds = _start(folder, f"{turn}-{'-'.join(names)}", *names)
                    wiring_seconds.setdefault((*names, state), []).append(seconds)
    for (connectivity, sharing, state), seconds in wiring_seconds.items():
        total, program = zip(*seconds, strict=True)
        yield {
            "case": f"{connectivity}_{sharing}, {state}",
            "seconds": statistics.median(total),
            "seconds_for_the_program": statistics.median(program),
            "turns": len(total),
            **_comparison("PyTorch", total, torch_seconds),
        }


def _wirings() -> list[tuple[str, str]]:
    return list(itertools.product(wiring.CONNECTIVITY, wiring.SHARING))


def _start(folder: str, cache: str, *arguments: str) -> tuple[float, float]:
    """Seconds from a process's start to the end of its first epoch, and the part for the program."""
    command = [sys.executable, "-m", "benchmarks.startup", f"{folder}/images.npz", *arguments]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{folder}/{cache}"}
    ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    total, program = map(float, ended.stdout.split())
    return total, program


def _training(fields: Mapping[str, Any], images: int, learning_rates: list[float]) -> Work:
    arguments = {"fields": fields, "images": images, "learning_rates": learning_rates}
    return Work("benchmarks.workloads:train", arguments)


def _against_torch(
    case: str,
    peer: str,
    images: int,
    learning_rates: list[float],
    fields: dict,
    scale: Scale,
    rate: float,
) -> dict:
    config = override(default_config(), fields)
    arguments = {
        "model": peer,
        "size": config.data.image_size,
        "images": images,
        "batch": config.train.batch_size,
        "learning_rates": learning_rates,
    }
    works = [_training(fields, images, learning_rates), Work("benchmarks.torch_peer:train", arguments)]
    project, torch = in_turns(works, scale.turns)
    return {
        "case": case,
        **_speed(project, images * len(learning_rates), training_macs(fields), rate),
        **_comparison("PyTorch", project.seconds, torch.seconds),
        "peer_peak_megabytes": torch.peak_megabytes,
    }


def training_macs(fields: Mapping[str, Any], wired: bool = False) -> int:
    """Multiply-accumulates per image by the layers' definition, forward and backward.

    The backward pass needs the number of the forward pass twice: for the gradients with respect to the
    weights and to the inputs; the first layer has no gradient with respect to its input.
    """
    counts = resolve(override(default_config(), fields)).counts
    counts = counts.wired if wired else counts
    first = next(layer for layer in counts.layers if layer.macs)
    return 3 * counts.macs - first.macs


def _speed(measured: Measured, images: int, macs: int, rate: float) -> dict:
    seconds = statistics.median(measured.seconds)
    return {
        "images_per_second": images / seconds,
        "seconds": EPOCH * seconds / images,
        "share_of_product_rate": images * macs / seconds / rate,
        "peak_megabytes": measured.peak_megabytes,
        "turns": len(measured.seconds),
    }


def _comparison(against: str, seconds: Sequence[float], peer_seconds: Sequence[float]) -> dict:
    """How many times longer the peer takes: median and range of the turns' ratios."""
    ratios = [peer / own for own, peer in zip(seconds, peer_seconds, strict=True)]
    return {
        "against": against,
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
    }


class Group(NamedTuple):
    """Rows that are measured together.

    Attributes:
      description: what they measure, for the progress message.
      measure: (scale, product rate) -> the rows.
      needs_torch: whether the peer is PyTorch.
    """

    description: str
    measure: Callable[[Scale, float], Iterator[dict]]
    needs_torch: bool


GROUPS = {
    "one": Group("one LeNet-5 run", one, needs_torch=True),
    "sweep": Group("a sweep of 8 runs", sweep, needs_torch=True),
    "single": Group("one image per step", single, needs_torch=True),
    "zipcode": Group("the zip code net of 1989", zipcode, needs_torch=True),
    "mlp": Group("an MLP", mlp, needs_torch=True),
    "layers": Group("the wirings, layer by layer", layers, needs_torch=False),
    "growth": Group("more runs and more data", growth, needs_torch=False),
    "start": Group("the start of a process", start, needs_torch=True),
}
