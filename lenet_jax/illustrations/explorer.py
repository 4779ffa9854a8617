"""docs/explorer.html: two stages to wire, what their units read, the network's counts, and measured errors.

The page computes no count and knows no wiring: it adds up the counts of layers, which come from networks
built with each setting, and slides stencils or shows positions that come from the wiring table.
"""

import csv
import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from lenet_jax.config.allowed import per_stage
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.identity import complete, identifying, to_record
from lenet_jax.config.resolve import LEAST_SIDE, Resolved, resolve
from lenet_jax.illustrations.weights import WIRING_SEED
from lenet_jax.models.counts import LayerCounts
from lenet_jax.models.wiring import CONNECTIVITY, SHARING, output_size
from lenet_jax.report.names import dataset_words
from lenet_jax.report.numbers import seeds_in_words
from lenet_jax.report.scores import scores_of
from lenet_jax.runs.store import read_sweep

IMAGE_SIZE = LEAST_SIDE["cnn"]
KERNEL_SIZES = (3, 5, 7)
MAPS = ((3, 6, 12), (8, 16, 32))  # of stages 1 and 3: LeNet-5's, half and twice as many
SHOWN = 9  # units that can be shown with their right neighbours, in three rows and columns
TEMPLATE = pathlib.Path(__file__).with_name("explorer.html")
PLACEHOLDER = "/*DATA*/"
FIELDS = ("model.connectivity", "model.sharing", "model.kernel_size", "model.maps")
SHOWN_TRAINING = ("train.epochs", "train.batch_size", "train.learning_rate")


class Stage(NamedTuple):
    """What is chosen for one stage."""

    connectivity: str
    sharing: str
    kernel_size: int
    maps: int

    @property
    def key(self) -> str:
        """The words by which the page finds its counts."""
        return " ".join(map(str, self))


Setting = tuple[Stage, Stage]


def stages(number: int) -> list[Stage]:
    """All choices for the first stage (0) or the second (1)."""
    return [Stage(*choice) for choice in itertools.product(CONNECTIVITY, SHARING, KERNEL_SIZES, MAPS[number])]


def network(setting: Setting) -> Resolved:
    """LeNet-5 with both stages as they are set."""
    fields = {
        "model.connectivity": ",".join(stage.connectivity for stage in setting),
        "model.sharing": ",".join(stage.sharing for stage in setting),
        "model.kernel_size": tuple(stage.kernel_size for stage in setting),
        "model.maps": tuple(stage.maps for stage in setting),
    }
    return resolve(override(default_config(), fields))


def page(results: pathlib.Path) -> str:
    """The page, with what is measured in the sweeps below the folder `results`."""
    template = TEMPLATE.read_text(encoding="utf-8")
    content = json.dumps(data(results), separators=(",", ":"))
    assert template.count(PLACEHOLDER) == 1
    return template.replace(PLACEHOLDER, content)


def data(results: pathlib.Path) -> dict[str, Any]:
    """Everything that the page shows, as JSON holds it."""
    return {
        "image_size": IMAGE_SIZE,
        "options": {
            "connectivity": list(CONNECTIVITY),
            "sharing": list(SHARING),
            "kernel_size": list(KERNEL_SIZES),
            "maps": MAPS,
        },
        "counts": layer_counts(),
        "stencils": stencils(),
        "measured": measured(results),
    }


def layer_counts() -> dict[str, dict[str, list]]:
    """Units, parameters, connections and multiply-accumulates of layers, for every setting.

    Stage 1 depends on its own choices; stage 3 also on the size and number of the maps that it reads, that
    is, on kernel size and maps of stage 1; the classifier, on both kernel sizes and the maps of stage 3.
    """
    first, second, classifier = {}, {}, {}
    wirings = itertools.cycle(itertools.product(CONNECTIVITY, SHARING))  # so that stage 1 has each of them
    for kernel_size, maps in itertools.product(KERNEL_SIZES, MAPS[0]):
        for after in stages(1):
            before = Stage(*next(wirings), kernel_size, maps)
            stage_1, _, stage_3, _, *rest = network((before, after)).counts.layers
            first[before.key] = _row([stage_1], stage_1.output_shape)
            second[f"{kernel_size} {maps} {after.key}"] = _row([stage_3], stage_3.output_shape)
            classifier[f"{kernel_size} {after.kernel_size} {after.maps}"] = _row(
                rest, [layer.output_shape[-1] for layer in rest]
            )
    return {"first": first, "second": second, "classifier": classifier}


def _row(layers: Sequence[LayerCounts], units: Sequence[int]) -> list:
    """The units, and sums over the layers."""
    sums = (sum(getattr(layer, what) for layer in layers) for what in ("parameters", "connections", "macs"))
    return [list(units), *sums]


def stencils() -> dict[str, dict[str, Any]]:
    """What units read, by side of the input maps, kernel size and connectivity.

    `stencil` is what the unit at row 0, column 0 reads where units share weights. `own` is what the units
    that can be shown and their right neighbours read where each has its own weights, or None if that is the
    slid stencil as well. "all" stands for all positions, row by row; positions that are drawn are examples.
    """
    found = {}
    for side, kernel_size, (name, entry) in itertools.product(sides(), KERNEL_SIZES, CONNECTIVITY.items()):
        key = (jax.random.key(WIRING_SEED),) if entry.is_drawn else ()
        own = None
        if entry.unshared_reads is not None:
            reads = np.asarray(entry.unshared_reads(*key, 2 * SHOWN, side, kernel_size))
            own = [[_short(unit, side) for unit in two] for two in reads.reshape(SHOWN, 2, -1)]
        stencil = np.asarray(entry.stencil(*key, side, kernel_size))
        found[f"{side} {kernel_size} {name}"] = {"stencil": _short(stencil, side), "own": own}
    return found


def sides() -> list[int]:
    """The sides of the maps that stage 1 reads, and that stage 3 reads for each kernel size of stage 1."""
    return [IMAGE_SIZE, *(output_size(IMAGE_SIZE, kernel_size) // 2 for kernel_size in KERNEL_SIZES)]


def _short(reads: np.ndarray, side: int) -> list[int] | str:
    return "all" if np.array_equal(reads, np.arange(side**2)) else reads.tolist()


def measured(results: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    """By the keys of both stages: the test errors of arms of finished sweeps below `results`.

    Arms count that have an interval, and whose runs differ from the default config only in what the page
    shows: the dataset, SHOWN_TRAINING and what can be chosen.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for config in sorted(results.glob("**/config.json")):
        header, runs = read_sweep(config.parent)
        arms = {run["arm"]: run for run in runs}
        seeds = {run["seed"] for run in runs}
        if header["kind"] != "sweep" or len(runs) < len(arms) * len(seeds):
            continue  # not a sweep, or not finished
        covers_images = scores_of(config.parent, header, runs).covers_images
        rows = {row["arm"]: row for row in _read_csv(config.parent / "table.csv")}
        for arm, run in arms.items():
            fields = run["config"]
            ends = [rows[arm][f"test_accuracy_{end}"] for end in ("mean", "ci_low", "ci_high")]
            if (setting := setting_of(fields)) is None or not all(ends):
                continue
            mean, low, high = map(float, ends)
            epochs, batch_size, learning_rate = (fields[field] for field in SHOWN_TRAINING)
            seeds_of_arm = int(rows[arm]["runs"]) - int(rows[arm]["diverged"])
            images = " and the test images" if covers_images else ""
            one = {
                "dataset": dataset_words(fields["dataset"]),
                "error": f"{100 - 100 * mean:.2f}%",
                "interval": f"{100 - 100 * high:.2f} to {100 - 100 * low:.2f}",
                "over": f"{seeds_in_words([seeds_of_arm])}{images}",
                "training": f"{epochs} epochs, batch size {batch_size}, rate {learning_rate:g}",
            }
            sweep = config.parent.relative_to(results.parent).as_posix()
            of_setting = found.setdefault(" ".join(stage.key for stage in setting), [])
            if not any(one.items() <= other.items() for other in of_setting):  # the same runs, made twice
                of_setting.append({**one, "sweep": sweep})
    return found


def setting_of(recorded: Mapping[str, Any]) -> Setting | None:
    """The choices on the page that a run's recorded config stands for; None if there are none."""
    defaults = to_record(default_config()) | {"data.image_size": IMAGE_SIZE}
    fields = identifying(complete(recorded))
    changed = {field for field, value in fields.items() if value != defaults.get(field)}
    if any(map(_must_be_default, changed)) or len(fields["model.maps"]) != 2:
        return None
    columns = [_of_both(fields[field]) for field in FIELDS]
    first, second = (Stage(*row) for row in zip(*columns, strict=True))
    return (first, second) if first in stages(0) and second in stages(1) else None


def _must_be_default(field: str) -> bool:
    return field not in ("dataset", "seed", *FIELDS, *SHOWN_TRAINING)


def _of_both(value: str | list) -> list:
    """One value per stage."""
    values = list(per_stage(value)) if isinstance(value, str) else value
    return values * 2 if len(values) == 1 else values


def _read_csv(path: pathlib.Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
