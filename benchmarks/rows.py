"""The rows of the benchmark: what is measured against what."""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.data import random_images
from benchmarks.measuring import Measured, Work, call_once, in_turns
from configs.history import common
from lenet_jax.config.build_model import build_model
from lenet_jax.config.fields import default_config, override
from lenet_jax.models import wiring
from lenet_jax.models.counts import count_model

HERE = "benchmarks"
EPOCH = 60_000  # images, as many as MNIST has for training
LENET5 = {"train.batch_size": 128, "train.schedule": "constant"}
MLP = LENET5 | {"model.name": "mlp", "model.hidden": (300, 100), "data.image_size": 28}


class Scale(NamedTuple):
    """How often each row is measured, and the share of the full work that a measurement is."""

    turns: int
    work: float

    def images(self, full: int, batch: int) -> int:
        """A part of `full` images, in whole batches, two of them at least."""
        return batch * max(2, round(self.work * full / batch))


def product_rate() -> float:
    """Multiply-accumulates a second of large float32 matrix products on this machine."""
    return call_once(Work(f"{HERE}.workloads:products_per_second", {}))


def one(scale: Scale, rate: float) -> Iterator[dict]:
    images = scale.images(25_600, 128)
    yield _against_torch("LeNet-5, batch 128", "lenet5", images, [0.1], LENET5, scale, rate)


def sweep(scale: Scale, rate: float) -> Iterator[dict]:
    rates = [0.05, 0.1] * 4
    images = scale.images(12_800, 128)
    yield _against_torch("8 LeNet-5 runs, batch 128", "lenet5", images, rates, LENET5, scale, rate)


def single(scale: Scale, rate: float) -> Iterator[dict]:
    fields = LENET5 | {"train.batch_size": 1, "train.learning_rate": 0.01}
    images = scale.images(3_000, 1)
    yield _against_torch("LeNet-5, one image a step", "lenet5", images, [0.01], fields, scale, rate)


def zipcode(scale: Scale, rate: float) -> Iterator[dict]:
    """A pass of the protocol of 1989: times 23, all 167,693 presentations."""
    fields = common.USPS_FIELD | common.ZIPCODE | common.PROTOCOL_1989 | common.PLAIN_SGD
    case = "zip code net of 1989, one image a step"
    images = scale.images(7_291, 1)
    yield _against_torch(case, "zipcode", images, [0.03], fields, scale, rate)


def mlp(scale: Scale, rate: float) -> Iterator[dict]:
    images = scale.images(25_600, 128)
    yield _against_torch("MLP 784-300-100-10, batch 128", "mlp", images, [0.1], MLP, scale, rate)


def layers(scale: Scale, rate: float) -> Iterator[dict]:
    steps = max(1, round(10 * scale.work))
    plain = {
        "local": {"shared": "Conv", "unshared": "ConvLocal"},
        "random": {"shared": "tied, masked Dense", "unshared": "masked Dense"},
        "full": {"shared": "Conv, input wrapped", "unshared": "Dense"},
    }
    for connectivity, sharing in _wirings():
        arguments = {"connectivity": connectivity, "sharing": sharing, "batch": 128, "steps": steps}
        ours, theirs = in_turns(
            [Work(f"{HERE}.workloads:layers", arguments | {"form": form}) for form in ("products", "plain")],
            scale.turns,
        )
        macs = _training_macs({"model.connectivity": connectivity, "model.sharing": sharing}, wired=True)
        yield {
            "case": f"{connectivity}_{sharing}",
            **_speed(ours, 128 * steps, macs, rate),
            **_comparison(plain[connectivity][sharing], ours.seconds, theirs.seconds),
            "their_peak_megabytes": theirs.peak_megabytes,
        }


def growth(scale: Scale, rate: float) -> Iterator[dict]:
    """Time for an image of a run, against a single run and against the least data."""
    images = scale.images(12_800, 128)
    runs = [1, 2, 4, 8, 16, *call_once(Work(f"{HERE}.workloads:more_runs", {}))]
    for unit, works in {
        "runs": {count: _ours(LENET5, images, [0.1] * count) for count in runs},
        f"x {images:,} images": {times: _ours(LENET5, times * images, [0.1]) for times in (1, 2, 4)},
    }.items():
        measured = in_turns(list(works.values()), max(2, scale.turns // 2))
        for more, ours in zip(works, measured, strict=True):
            yield {
                "case": f"{more} {unit}",
                **_speed(ours, more * images, _training_macs(LENET5), rate),
                **_comparison(f"1 {unit}", [second / more for second in ours.seconds], measured[0].seconds),
                "their_peak_megabytes": measured[0].peak_megabytes,
            }


def start(scale: Scale, rate: float) -> Iterator[dict]:
    """From a process's start to the end of its first 20 steps, both sides on the same file of images."""
    torch, ours = [], {}
    with tempfile.TemporaryDirectory() as folder:
        images, labels = random_images(20 * 64, 32)
        np.savez(f"{folder}/images.npz", images=images, labels=labels)
        for turn in range(max(2, scale.turns // 2)):
            torch.append(_start(folder, "", "torch")[0])
            for names in _wirings():
                for state in ("cold", "warm"):  # a cache of its own for each wiring and turn
                    seconds = _start(folder, f"{turn}-{'-'.join(names)}", *names)
                    ours.setdefault((*names, state), []).append(seconds)
    for (connectivity, sharing, state), seconds in ours.items():
        total, program = zip(*seconds, strict=True)
        yield {
            "case": f"{connectivity}_{sharing}, {state}",
            "seconds": statistics.median(total),
            "seconds_for_the_program": statistics.median(program),
            "turns": len(total),
            **_comparison("PyTorch", total, torch),
        }


def _wirings() -> list[tuple[str, str]]:
    return list(itertools.product(wiring.CONNECTIVITY, wiring.SHARING))


def _start(folder: str, cache: str, *arguments: str) -> tuple[float, float]:
    """Seconds from a process's start to the end of its first epoch, and those for the program."""
    command = [sys.executable, "-m", "benchmarks.startup", f"{folder}/images.npz", *arguments]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{folder}/{cache}"}
    ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    total, program = map(float, ended.stdout.split())
    return total, program


def _ours(fields: dict, images: int, learning_rates: list[float]) -> Work:
    arguments = {"fields": fields, "images": images, "learning_rates": learning_rates}
    return Work(f"{HERE}.workloads:train", arguments)


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
    works = [_ours(fields, images, learning_rates), Work(f"{HERE}.torch_peer:train", arguments)]
    ours, theirs = in_turns(works, scale.turns)
    return {
        "case": case,
        **_speed(ours, images * len(learning_rates), _training_macs(fields), rate),
        **_comparison("PyTorch", ours.seconds, theirs.seconds),
        "their_peak_megabytes": theirs.peak_megabytes,
    }


def _training_macs(fields: dict, wired: bool = False) -> int:
    """Multiply-accumulates of the definition for an image, forward and backward.

    Backward are as many again for the weights, and for the inputs of every layer but the first.
    """
    config = override(default_config(), fields)
    counts = count_model(build_model(config.model, config.data.image_size), config.data.image_size)
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


def _comparison(against: str, ours: Sequence[float], theirs: Sequence[float]) -> dict:
    """How many times less time it takes here than there: median and range of the turns' ratios."""
    ratios = [there / here for here, there in zip(ours, theirs, strict=True)]
    return {
        "against": against,
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
    }


# name -> (what it is; the function that measures it; whether that takes PyTorch)
GROUPS = {
    "one": ("one LeNet-5 run", one, True),
    "sweep": ("a sweep of 8 runs", sweep, True),
    "single": ("one image a step", single, True),
    "zipcode": ("the zip code net of 1989", zipcode, True),
    "mlp": ("an MLP", mlp, True),
    "layers": ("the six wirings, layer by layer", layers, False),
    "growth": ("more runs and more data", growth, False),
    "start": ("the start of a process", start, True),
}
