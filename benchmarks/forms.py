"""Training with the native kernel against training with matrix products, for each sparse wiring.

    python -m benchmarks.forms

Each trains LeNet-5 for one epoch of 12,800 random images, batch 128, in turns within one process. Prints
milliseconds per step, and the share of the product rate, which is measured in the same turns. This takes
about four minutes on two cores, on which nothing else should run.
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable

import jax

from benchmarks.rows import LENET5, training_macs
from benchmarks.workloads import prepare, products_per_second
from lenet_jax.models import wiring
from lenet_jax.native import form
from lenet_jax.report import tables
from lenet_jax.runs.provenance import provenance, versions
from lenet_jax.training.jax_settings import threads

BATCH, STEPS, TURNS = 128, 100, 9


def seconds_of_an_epoch(connectivity: str, sharing: str, computed_by: str) -> Callable[[], float]:
    """A function that trains for an epoch and returns its seconds, without initialisation."""
    fields = {"model.connectivity": connectivity, "model.sharing": sharing, "train.batch_size": BATCH}
    with form.using(computed_by):
        engine, program, data, hyperparameters = prepare(LENET5 | fields, STEPS * BATCH, [0.05])

    def work() -> float:
        state = jax.block_until_ready(engine.init_state(program, hyperparameters))
        started = time.perf_counter()
        jax.block_until_ready(engine.train_epoch(program, state, data, 1))
        return time.perf_counter() - started

    return work


def main() -> None:
    """Prints the table."""
    if form.current() != form.NATIVE:
        sys.exit(f"error: there is no native kernel to measure: {form.why_products()}.")
    rows = []
    for connectivity, sharing in itertools.product(wiring.CONNECTIVITY, wiring.SHARING):
        if not wiring.CONNECTIVITY[connectivity].is_sparse:
            continue
        works = [seconds_of_an_epoch(connectivity, sharing, name) for name in (form.PRODUCTS, form.NATIVE)]
        for work in works:
            work()
        turns = [(products_per_second(), *(work() for work in works)) for _ in range(TURNS)]
        macs = training_macs({"model.connectivity": connectivity, "model.sharing": sharing})
        ratios = [products / native for _, products, native in turns]
        shares = [[macs * STEPS * BATCH / turn[number] / rate for rate, *turn in turns] for number in (0, 1)]
        rows.append({
            "wiring": f"{connectivity}_{sharing}",
            "products, ms": f"{1e3 * statistics.median(turn[1] for turn in turns) / STEPS:.2f}",
            "kernel, ms": f"{1e3 * statistics.median(turn[2] for turn in turns) / STEPS:.2f}",
            "times faster": f"{statistics.median(ratios):.2f}",
            "range": f"{min(ratios):.2f} to {max(ratios):.2f}",
            "products, share": f"{statistics.median(shares[0]):.0%}",
            "kernel, share": f"{statistics.median(shares[1]):.0%}",
        })  # fmt: skip
    print(tables.to_markdown(rows))
    ran_on = provenance()
    print()
    print(f"- Milliseconds per training step; medians of {TURNS} turns.")
    print(
        "- `share`: useful multiply-accumulates per second, by the layers' definition, over those of a large "
        "product in the same turn."
    )
    print(
        f"- {threads()} threads on {ran_on['device']}, {ran_on['host']}; {versions(ran_on)}; "
        f"revision {ran_on['revision']}."
    )


if __name__ == "__main__":
    main()
