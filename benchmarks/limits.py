"""How long a training step would take if only arithmetic, or only memory, limited it.

    python -m benchmarks.limits

For LeNet-5 in each wiring, batch 128: the time for its multiply-accumulates at the rate of large products,
and the time for moving weights, gradients and momentum at the rate at which a large array is read and
written, next to the time measured in the same turns. This takes about four minutes on two cores, on which
nothing else should run.
"""

import statistics

from benchmarks import report, rows
from benchmarks.measuring import Work
from experiments import cli
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.native import form
from lenet_jax.report import tables

BATCH, STEPS, TURNS, COPIED = 128, 30, 5, 10**8


def bytes_per_step(fields: dict) -> int:
    """What a step would move if no weight stayed in a cache; feature maps are not counted.

    Weights are read forward and, but for the first layer's, backward; gradients are written. SGD reads
    weights, momentum and gradients, and writes weights and momentum.
    """
    counts = resolve(override(default_config(), fields)).counts
    first = next(layer for layer in counts.layers if layer.parameters)
    return 4 * (8 * counts.parameters - first.parameters)


def main() -> None:
    """Prints the table."""
    ran_on = report.ran_on()  # before a file in the checkout changes
    found = []
    for connectivity, sharing in rows.wirings():
        fields = rows.LENET5 | {"model.connectivity": connectivity, "model.sharing": sharing}
        arguments = {"fields": fields, "images": STEPS * BATCH, "learning_rates": [0.05]}
        copy = Work("benchmarks.workloads:copy", {"floats": COPIED // 4})
        (training, copying), rates = rows.measure(
            [Work("benchmarks.workloads:train", arguments), copy], TURNS
        )
        moved = bytes_per_step(fields)
        seconds_to_move = statistics.median(moved * seconds / (2 * COPIED) for seconds in copying.seconds)
        seconds_to_multiply = statistics.median(
            BATCH * rows.training_macs(fields) / rate for rate in rates.of_turns
        )
        found.append({
            "wiring": f"{connectivity}_{sharing}",
            "MB moved per step": f"{moved / 1e6:.1f}",
            "ms to move": f"{1e3 * seconds_to_move:.2f}",
            "ms to multiply": f"{1e3 * seconds_to_multiply:.2f}",
            "ms measured": f"{1e3 * statistics.median(training.seconds) / STEPS:.2f}",
        })  # fmt: skip
    print(tables.to_markdown(found))
    print(
        f"\n- Networks were computed by {form.describe(form.current())}.\n"
        f"- Medians of {TURNS} turns; rates of a copy and of large products are of the same turns.\n"
        f"- {ran_on}"
    )


if __name__ == "__main__":
    cli.run(main)
