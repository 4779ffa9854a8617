"""The rows of the benchmark: what is measured against what."""

import importlib.util
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks import plain
from benchmarks.data import random_images
from benchmarks.measuring import Measured, Work, call_once, in_turns
from configs.history import common
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.models import wiring
from lenet_jax.training.jax_settings import threads

EPOCH = 60_000  # MNIST's training images
TORCH_VARIANTS = ("eager", "channels_last", "compiled")  # of torch_peer.py, which needs PyTorch
FLAX_MODELS = ("lenet5", "mlp")  # of flax_peer.py
LENET5 = {"train.batch_size": 128, "train.schedule": "constant"}
ONE_IMAGE = LENET5 | {"train.batch_size": 1, "train.learning_rate": 0.01}
ZIPCODE = (
    common.USPS_FIELD
    | common.ZIPCODE
    | common.PROTOCOL_1989
    | common.PLAIN_SGD
    | {"train.learning_rate": 0.03}
)
MLP = LENET5 | {"model.name": "mlp", "model.hidden": (300, 100), "data.image_size": 28}


class Scale(NamedTuple):
    """How often each row is measured, and the fraction of the full work that one measurement does."""

    turns: int
    work: float

    def images(self, full: int, batch: int) -> int:
        """The fraction of `full` images, in whole batches, at least two."""
        return batch * max(2, round(self.work * full / batch))


class Rates(NamedTuple):
    """Multiply-accumulates per second of large float32 products, XLA's or PyTorch's, whichever are faster."""

    of_turns: list[float]

    def share(self, macs: float, seconds: Sequence[float]) -> float:
        """The median share of the product rate, for `macs` multiply-accumulates in `seconds` of each turn."""
        shares = [macs / taken / rate for taken, rate in zip(seconds, self.of_turns, strict=True)]
        return statistics.median(shares)


def measure(works: Sequence[Work], turns: int) -> tuple[list[Measured], Rates]:
    """Each workload's seconds, and the product rate in the same turns."""
    size, count = 2048, 3
    makers = ["benchmarks.workloads:multiply"]
    if importlib.util.find_spec("torch"):
        makers.append("benchmarks.torch_peer:multiply")
    products = [Work(maker, {"size": size, "count": count}) for maker in makers]
    measured = in_turns([*works, *products], turns)
    seconds = zip(*(product.seconds for product in measured[len(works) :]), strict=True)
    return measured[: len(works)], Rates([size**3 * count / min(of_turn) for of_turn in seconds])


def one(scale: Scale) -> Iterator[dict]:
    """One run of LeNet-5."""
    yield from _against_peers("LeNet-5, batch 128", "lenet5", 25_600, LENET5, scale)


def single(scale: Scale) -> Iterator[dict]:
    """LeNet-5 with batches of one image."""
    yield from _against_peers("LeNet-5, one image per step", "lenet5", 3_000, ONE_IMAGE, scale)


def zipcode(scale: Scale) -> Iterator[dict]:
    """One epoch of the protocol of 1989; its 23 epochs are 167,693 presentations."""
    yield from _against_peers("zip code net of 1989, one image per step", "zipcode", 7_291, ZIPCODE, scale)


def mlp(scale: Scale) -> Iterator[dict]:
    """One run of a multilayer perceptron."""
    yield from _against_peers("MLP 784-300-100-10, batch 128", "mlp", 25_600, MLP, scale)


def sweep(scale: Scale) -> Iterator[dict]:
    """Eight runs of LeNet-5: on each side in one process, and shared by processes of one thread each."""
    learning_rates = [0.05, 0.1] * 4
    images = scale.images(6_400, 128)
    processes = min(len(learning_rates), threads() or 1)
    training = _training(LENET5, images, learning_rates)
    torch = _torch("lenet5", LENET5, images, learning_rates)
    own, peers = {"": training}, {f"PyTorch, {variant}": work for variant, work in torch.items()}
    if processes > 1:
        shared = f", {processes} processes"
        own |= {name + shared: _shared(work, processes) for name, work in own.items()}
        peers |= {name + shared: _shared(work, processes) for name, work in peers.items()}
    macs = training_macs(LENET5) * images * len(learning_rates)
    yield from _compared("8 LeNet-5 runs, batch 128", own, peers, images * len(learning_rates), macs, scale)


def _shared(work: Work, processes: int) -> Work:
    """The work, each of whose learning rates is left to one of several processes."""
    rates = work.arguments["learning_rates"]
    parts = [
        Work(work.function, {**work.arguments, "learning_rates": rates[number::processes]})
        for number in range(processes)
    ]
    return Work("benchmarks.measuring:side_by_side", {"works": parts, "threads": 1})


def _against_peers(case: str, model: str, images: int, fields: dict, scale: Scale) -> Iterator[dict]:
    config = resolve(override(default_config(), fields)).config
    batch, learning_rate = config.train.batch_size, config.train.learning_rate
    images = scale.images(images, batch)
    torch = _torch(model, fields, images, [learning_rate])
    peers = {f"PyTorch, {variant}": work for variant, work in torch.items()}
    if model in FLAX_MODELS:
        arguments = {"model": model, "size": config.data.image_size, "images": images, "batch": batch}
        peers["Flax"] = Work("benchmarks.flax_peer:train", arguments | {"learning_rate": learning_rate})
    own = {"": _training(fields, images, [learning_rate])}
    yield from _compared(case, own, peers, images, training_macs(fields) * images, scale)


def _torch(model: str, fields: dict, images: int, learning_rates: list[float]) -> dict[str, Work]:
    """Variant -> its work."""
    config = resolve(override(default_config(), fields)).config
    arguments = {
        "model": model,
        "size": config.data.image_size,
        "images": images,
        "batch": config.train.batch_size,
        "learning_rates": learning_rates,
    }
    variants = [name for name in TORCH_VARIANTS if model != "mlp" or name != "channels_last"]
    return {name: Work("benchmarks.torch_peer:train", arguments | {"variant": name}) for name in variants}


def _compared(
    case: str, own: Mapping[str, Work], peers: Mapping[str, Work], images: int, macs: int, scale: Scale
) -> Iterator[dict]:
    """One row for each kind of peer, the fastest of that kind, against the fastest of our own."""
    measured, rates = measure([*own.values(), *peers.values()], scale.turns)
    of = dict(zip([*own, *peers], measured, strict=True))

    def fastest(names: Iterable[str]) -> str:
        return min(names, key=lambda name: statistics.median(of[name].seconds))

    best = fastest(own)
    for kind in dict.fromkeys(name.split(",")[0] for name in peers):
        peer = fastest(name for name in peers if name.split(",")[0] == kind)
        yield {
            "case": case + best,
            **_speed(of[best], images, macs, rates),
            **_comparison(peer, of[best].seconds, of[peer].seconds),
            "peer_peak_megabytes": of[peer].peak_megabytes,
        }


def layers(scale: Scale) -> Iterator[dict]:
    """LeNet-5's two stages in every wiring, against plain Flax layers."""
    steps = max(1, round(10 * scale.work))
    for connectivity, sharing in wirings():
        arguments = {"connectivity": connectivity, "sharing": sharing, "batch": 128, "steps": steps}
        works = [
            Work("benchmarks.workloads:layers", arguments | {"kind": kind}) for kind in ("wired", "plain")
        ]
        (wired, peer), rates = measure(works, scale.turns)
        macs = training_macs({"model.connectivity": connectivity, "model.sharing": sharing}, wired=True)
        yield {
            "case": f"{connectivity}_{sharing}",
            **_speed(wired, 128 * steps, macs * 128 * steps, rates),
            **_comparison(plain.plain_form(connectivity, sharing).name, wired.seconds, peer.seconds),
            "peer_peak_megabytes": peer.peak_megabytes,
        }


def growth(scale: Scale) -> Iterator[dict]:
    """Seconds per image and run of more runs and of more data, against one run of the least data."""
    images = scale.images(12_800, 128)
    runs = [1, 2, 4, 8, 16, *call_once(Work("benchmarks.workloads:more_runs", {}))]
    for unit, works in {
        "runs": {factor: _training(LENET5, images, [0.1] * factor) for factor in runs},
        f"x {images:,} images": {factor: _training(LENET5, factor * images, [0.1]) for factor in (1, 2, 4)},
    }.items():
        measured, rates = measure(list(works.values()), max(2, scale.turns - 2))
        least = measured[0]
        for factor, more in zip(works, measured, strict=True):
            yield {
                "case": f"{factor} {unit}",
                **_speed(more, factor * images, training_macs(LENET5) * factor * images, rates),
                **_comparison(f"1 {unit}", [seconds / factor for seconds in more.seconds], least.seconds),
                "peer_peak_megabytes": least.peak_megabytes,
            }


def start(scale: Scale) -> Iterator[dict]:
    """From a process's start to the end of its first 20 steps, both sides on the same file of images."""
    torch_seconds, wiring_seconds = [], {}
    with tempfile.TemporaryDirectory() as folder:
        save_images(folder)
        for turn in range(max(2, scale.turns - 2)):
            torch_seconds.append(start_once(folder, "", "torch")[0])
            for names in wirings():
                for state in ("cold", "warm"):  # a cache of its own for each wiring and turn
                    seconds = start_once(folder, f"{turn}-{'-'.join(names)}", *names)
                    wiring_seconds.setdefault((*names, state), []).append(seconds)
    for (connectivity, sharing, state), seconds in wiring_seconds.items():
        total, program = zip(*seconds, strict=True)
        yield {
            "case": f"{connectivity}_{sharing}, {state}",
            "seconds": statistics.median(total),
            "seconds_for_the_program": statistics.median(program),
            "turns": len(total),
            **_comparison("PyTorch, eager", total, torch_seconds),
        }


def wirings() -> list[tuple[str, str]]:
    """(connectivity, sharing) of every wiring."""
    return list(itertools.product(wiring.CONNECTIVITY, wiring.SHARING))


def save_images(folder: str) -> None:
    """Writes what `start_once` trains on: images for 20 steps of batch 64."""
    images, labels = random_images(20 * 64, 32)
    np.savez(f"{folder}/images.npz", images=images, labels=labels)


def start_once(
    folder: str, cache: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """Seconds from a process's start to the end of its first epoch, and the part for the program."""
    command = [sys.executable, "-m", "benchmarks.startup", f"{folder}/images.npz", *arguments]
    variables = {**os.environ, "JAX_COMPILATION_CACHE_DIR": f"{folder}/{cache}", **(environment or {})}
    ended = subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True)
    total, program = map(float, ended.stdout.split())
    return total, program


def _training(fields: Mapping[str, Any], images: int, learning_rates: list[float]) -> Work:
    arguments = {"fields": fields, "images": images, "learning_rates": learning_rates}
    return Work("benchmarks.workloads:train", arguments)


def training_macs(fields: Mapping[str, Any], wired: bool = False) -> int:
    """Multiply-accumulates per image by the layers' definition, forward and backward.

    The backward pass needs the number of the forward pass twice: for the gradients with respect to the
    weights and to the inputs; the first layer has no gradient with respect to its input.
    """
    counts = resolve(override(default_config(), fields)).counts
    counts = counts.wired if wired else counts
    first = next(layer for layer in counts.layers if layer.macs)
    return 3 * counts.macs - first.macs


def _speed(measured: Measured, images: int, macs: int, rates: Rates) -> dict:
    seconds = statistics.median(measured.seconds)
    return {
        "images_per_second": images / seconds,
        "seconds": EPOCH * seconds / images,
        "share_of_product_rate": rates.share(macs, measured.seconds),
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
      measure: scale -> the rows.
      needs_torch: whether the peer is PyTorch.
    """

    description: str
    measure: Callable[[Scale], Iterator[dict]]
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
