"""The rows of the benchmark: what is measured against what."""

import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from experiments.benchmark.measuring import Measured, Work, call_once, in_turns
from lenet_jax import wiring
from lenet_jax.config import default_config, override
from lenet_jax.counts import count_model
from lenet_jax.models import build_model

HERE = "experiments.benchmark"
EPOCH = 60_000  # images, as many as MNIST has for training
LENET5 = {"train.batch_size": 128, "train.schedule": "constant"}
MLP = LENET5 | {"model.name": "mlp", "model.hidden": (300, 100), "data.image_size": 28}


class Scale(NamedTuple):
    """How often each row is measured, and how much work a measurement is (1 is meant to be)."""

    turns: int
    work: float

    def images(self, full: int, batch: int) -> int:
        """A part of `full` images, in whole batches, two of them at least."""
        return batch * max(2, round(self.work * full / batch))


def product_rate() -> float:
    """Multiply-accumulates a second of large float32 matrix products on this machine."""
    return call_once(Work(f"{HERE}.workloads:products_per_second", {}, 0))


def one(scale: Scale, rate: float) -> Iterator[dict]:
    yield _against_torch("LeNet-5, batch 128", scale.images(25_600, 128), [0.1], LENET5, scale, rate)


def sweep(scale: Scale, rate: float) -> Iterator[dict]:
    rates = [0.05, 0.1] * 4
    yield _against_torch("8 LeNet-5 runs, batch 128", scale.images(12_800, 128), rates, LENET5, scale, rate)


def single(scale: Scale, rate: float) -> Iterator[dict]:
    fields = LENET5 | {"train.batch_size": 1, "train.learning_rate": 0.01}
    yield _against_torch("LeNet-5, one image a step", scale.images(3_000, 1), [0.01], fields, scale, rate)


def mlp(scale: Scale, rate: float) -> Iterator[dict]:
    yield _against_torch("MLP 784-300-100-10, batch 128", scale.images(25_600, 128), [0.1], MLP, scale, rate)


def layers(scale: Scale, rate: float) -> Iterator[dict]:
    steps = max(1, round(10 * scale.work))
    plain = {
        "local": {"shared": "Conv", "unshared": "ConvLocal"},
        "random": {"shared": "tied, masked Dense", "unshared": "masked Dense"},
        "full": {"shared": "Conv, input wrapped", "unshared": "Dense"},
    }
    for connectivity in wiring.CONNECTIVITY:
        for sharing in wiring.SHARING:
            works = [
                Work(
                    f"{HERE}.workloads:layers",
                    {
                        "connectivity": connectivity,
                        "sharing": sharing,
                        "batch": 128,
                        "steps": steps,
                        "form": form,
                    },
                    128 * steps,
                )
                for form in ("products", "plain")
            ]
            ours, theirs = in_turns(works, scale.turns)
            fields = {"model.connectivity": connectivity, "model.sharing": sharing}
            yield {
                "case": f"{connectivity}_{sharing}",
                **_speed(ours, works[0].images, _training_macs(fields, wired=True), rate),
                **_comparison(plain[connectivity][sharing], ours, theirs, 1.0),
            }


def growth(scale: Scale, rate: float) -> Iterator[dict]:
    images = scale.images(12_800, 128)
    runs = [1, 2, 4, 8, 16, *call_once(Work(f"{HERE}.workloads:more_runs", {}, 0))]
    for name, works in {
        "{} runs": {count: _ours(LENET5, images, [0.1] * count) for count in runs},
        "{} x 12,800 images": {times: _ours(LENET5, times * images, [0.1]) for times in (1, 2, 4)},
    }.items():
        measured = in_turns(list(works.values()), max(2, scale.turns // 2))
        first = measured[0]
        for (count, work), ours in zip(works.items(), measured, strict=True):
            yield {
                "case": name.format(count),
                **_speed(ours, work.images, _training_macs(LENET5), rate),
                **_comparison(name.format(1), ours, first, work.images / images),
            }


def start(scale: Scale, rate: float) -> Iterator[dict]:
    with tempfile.TemporaryDirectory() as caches:
        torch = [_start(caches, "torch") for _ in range(max(2, scale.turns // 2))]
        for connectivity in wiring.CONNECTIVITY:
            for sharing in wiring.SHARING:
                for state, times in (("cold", 1), ("warm", max(2, scale.turns // 2))):
                    ours = [_start(caches, connectivity, sharing) for _ in range(times)]
                    total, program = (statistics.median(column) for column in zip(*ours, strict=True))
                    ratios = [theirs / total for theirs, _ in torch]
                    yield {
                        "case": f"{connectivity}_{sharing}, {state}",
                        "seconds": total,
                        "seconds_for_the_program": program,
                        "turns": times,
                        "against": "PyTorch",
                        "ratio": statistics.median(ratios),
                        "ratio_low": min(ratios),
                        "ratio_high": max(ratios),
                    }


def _start(caches: str, *arguments: str) -> tuple[float, float]:
    """Seconds from a process's start to the end of its first epoch, and those for the program."""
    command = [sys.executable, "-m", "experiments.benchmark.startup", *arguments]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": os.path.join(caches, "jax")}
    ended = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    total, program = map(float, ended.stdout.split())
    return total, program


def _ours(fields: dict, images: int, learning_rates: list[float]) -> Work:
    arguments = {"fields": fields, "images": images, "learning_rates": learning_rates}
    return Work(f"{HERE}.workloads:train", arguments, images * len(learning_rates))


def _against_torch(
    case: str, images: int, learning_rates: list[float], fields: dict, scale: Scale, rate: float
) -> dict:
    config = override(default_config(), fields)
    arguments = {
        "model": config.model.name,
        "size": config.data.image_size,
        "images": images,
        "batch": config.train.batch_size,
        "learning_rates": learning_rates,
    }
    works = [
        _ours(fields, images, learning_rates),
        Work(f"{HERE}.torch_peer:train", arguments, images * len(learning_rates)),
    ]
    ours, theirs = in_turns(works, scale.turns)
    return {
        "case": case,
        **_speed(ours, works[0].images, _training_macs(fields), rate),
        **_comparison("PyTorch", ours, theirs, 1.0),
    }


@functools.cache
def _counts(fields: tuple):
    config = override(default_config(), dict(fields))
    return count_model(build_model(config.model, config.data.image_size), config.data.image_size)


def _training_macs(fields: dict, wired: bool = False) -> int:
    """Multiply-accumulates of the definition for an image, forward and backward.

    Backward are as many again for the weights, and for the inputs of every layer but the first.
    """
    counts = _counts(tuple(fields.items()))
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


def _comparison(against: str, ours: Measured, theirs: Measured, more_work: float) -> dict:
    """How many times less time an image takes here than there, where ours went through `more_work` images."""
    ratios = [more_work * there / here for here, there in zip(ours.seconds, theirs.seconds, strict=True)]
    return {
        "against": against,
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "their_peak_megabytes": theirs.peak_megabytes,
    }


# name -> (what it is, in a sentence; the function that measures it)
GROUPS = {
    "one": ("one LeNet-5 run", one),
    "sweep": ("a sweep of 8 runs", sweep),
    "single": ("one image a step", single),
    "mlp": ("an MLP", mlp),
    "layers": ("the six wirings, layer by layer", layers),
    "growth": ("more runs and more data", growth),
    "start": ("the start of a process", start),
}
AGAINST_TORCH = ("one", "sweep", "single", "mlp", "start")
