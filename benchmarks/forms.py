"""Training with the native kernel against training with matrix products.

    python -m benchmarks.forms

Trains each case for part of an epoch of random images, in turns, each form in a process of its own, and
prints seconds and the share of the product rate, which is measured in the same turns. This takes a quarter
of an hour on two cores, on which nothing else should run.
"""

import statistics
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks import report, rows
from benchmarks.measuring import Work
from configs import ablation
from experiments import cli
from lenet_jax.config.fields import default_config, override
from lenet_jax.native import form
from lenet_jax.report import tables

FORMS = (form.PRODUCTS, form.NATIVE)
COLUMNS = ("products", "kernel")
TURNS = 5


class Case(NamedTuple):
    """What is trained.

    Attributes:
      name: as the table shows it.
      fields: of the config that differ from the defaults.
      steps: of one turn.
    """

    name: str
    fields: Mapping[str, Any]
    steps: int


def wiring_case(connectivity: str, sharing: str, steps: int) -> Case:
    """LeNet-5, batch 128, in one wiring."""
    fields = rows.LENET5 | {"model.connectivity": connectivity, "model.sharing": sharing}
    return Case(f"{connectivity}_{sharing}, batch 128", fields, steps)


CASES = [
    wiring_case("local", "shared", 200),
    wiring_case("local", "unshared", 100),
    wiring_case("random", "shared", 100),
    wiring_case("random", "unshared", 100),
    wiring_case("full", "unshared", 30),
    Case("LeNet-5, one image per step", rows.ONE_IMAGE, 3000),
    Case("zip code net of 1989, one image per step", rows.ZIPCODE, 7291),
]


def arms() -> list[Case]:
    """The arms of the ablation."""
    return [Case(arm.name, arm.overrides, 40) for arm in ablation.get_arms(ablation.get_config())]


def main() -> None:
    """Prints the table."""
    if form.current() != form.NATIVE:
        sys.exit(f"error: there is no native kernel to measure: {form.why_products()}.")
    ran_on = report.ran_on()  # before a file in the checkout changes
    measured = []
    for case in CASES:
        seconds, rates = _seconds_per_step(case)
        macs = rows.training_macs(case.fields) * batch_size(case)
        shares = {
            f"share of {name}": f"{rates.share(macs, of_form):.0%}"
            for name, of_form in zip(COLUMNS, seconds, strict=True)
        }
        measured.append({"case": f"{case.name} (ms per step)", **_times(seconds, 1e3), **shares})
        print(f"Measured {case.name}.", file=sys.stderr)
    print("Measuring the eleven arms and cold starts ...", file=sys.stderr)
    of_arms = [
        [[60_000 // batch_size(arm) * step for step in of_form] for of_form in _seconds_per_step(arm)[0]]
        for arm in arms()
    ]
    epochs = [
        [sum(of_turn) for of_turn in zip(*(arm[number] for arm in of_arms), strict=True)] for number in (0, 1)
    ]
    measured.append({"case": "all eleven arms on MNIST (s per epoch)", **_times(epochs, 1)})
    measured.append({"case": "cold start of local_shared (s)", **_times(_cold_starts(), 1)})
    print(tables.to_markdown(measured))
    notes = (
        f"Medians of {TURNS} turns, and the smallest and the largest ratio.",
        "Shares: useful multiply-accumulates per second, by the layers' definition, over those of large "
        "float32 products in the same turn, by XLA or PyTorch, whichever is faster.",
        "Cold start: from the start of a process to the end of its first 20 steps of batch 64, with no "
        "compiled program kept; the kernel has been built before.",
        ran_on,
    )
    print("\n" + "\n".join(f"- {note}" for note in notes))


def batch_size(case: Case) -> int:
    """Images per step."""
    return override(default_config(), case.fields).train.batch_size


def _seconds_per_step(case: Case) -> tuple[list[list[float]], rows.Rates]:
    """Of each form, in each turn."""
    images = case.steps * batch_size(case)
    rate = override(default_config(), case.fields).train.learning_rate
    arguments = {"fields": case.fields, "images": images, "learning_rates": [rate]}
    works = [Work("benchmarks.workloads:train", arguments | {"computed_by": name}) for name in FORMS]
    measured, rates = rows.measure(works, TURNS)
    return [[seconds / case.steps for seconds in of_form.seconds] for of_form in measured], rates


def _cold_starts() -> list[list[float]]:
    """Seconds of products and of the kernel, which has been built before, in each turn."""
    seconds = [[], []]
    with tempfile.TemporaryDirectory() as folder:
        rows.save_images(folder)
        for turn in range(TURNS):
            for number, environment in enumerate(({form.SWITCH: "0"}, {})):
                total, _ = rows.start_once(
                    folder, f"{turn}-{number}", "local", "shared", environment=environment
                )
                seconds[number].append(total)
    return seconds


def _times(seconds: list[list[float]], scale: float) -> dict[str, str]:
    """The columns of products and kernel."""
    products, kernel = seconds
    ratios = [slow / fast for slow, fast in zip(products, kernel, strict=True)]
    return {
        **{name: f"{scale * statistics.median(of):.3g}" for name, of in zip(COLUMNS, seconds, strict=True)},
        "times faster": f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
    }


if __name__ == "__main__":
    cli.run(main)
