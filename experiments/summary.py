"""Prints the layer table of a config: output shape, parameters, connections, multiply-accumulates.

    python -m experiments.summary --config=configs/lenet5.py

Nothing is trained and no data is read; it takes seconds. Any field can be overridden, for example
--config.model.connectivity=full or --config.model.sharing=unshared,shared. For a sweep,
--config.arms=NAME,NAME shows these arms.
"""

from collections.abc import Sequence

import ml_collections

from experiments import cli
from lenet_jax.analysis.summaries import Row
from lenet_jax.config.arms import Arm, select_arms
from lenet_jax.config.checks import require_effect
from lenet_jax.config.fields import override
from lenet_jax.config.resolve import Resolved, resolve
from lenet_jax.models.counts import LayerCounts, ModelCounts
from lenet_jax.native import form
from lenet_jax.report import tables
from lenet_jax.runs.plan import list_runs


def main() -> None:
    config = cli.config()
    arms = cli.arms() if config.get("arms") else []
    if arms:
        require_effect(list(cli.changed_fields()), select_arms(config.arms, arms), config)
    print(summarize(config, arms))
    print(f"Runs will be computed by {form.expected()}.")


def summarize(config: ml_collections.ConfigDict, arms: Sequence[Arm] = ()) -> str:
    """The layer table of a config, or for a sweep the tables of the arms that `config.arms` names.

    Args:
      arms: all arms of the sweep.

    Raises UserError for a config that cannot be run, and for arms that are not among `arms`.
    """
    resolved = resolve(config)
    if not config.get("arms"):
        return layer_table(resolved)
    runs = list_runs(override(config, {"seeds": 1}), arms)
    return "\n\n".join(f"{run.arm}\n\n{layer_table(run.resolved)}" for run in runs)


def layer_table(resolved: Resolved) -> str:
    """The table for a terminal, with a line of sums."""
    counts, size = resolved.counts, resolved.config.data.image_size
    rows = [_row("input", ModelCounts(()), (size, size, resolved.dataset.channels))]
    rows += [_row(layer.name, layer, layer.output_shape) for layer in counts.layers]
    if wired := counts.wired.layers:
        rows.append(_row(f"({' and '.join(layer.name for layer in wired)})", counts.wired))
    rows.append(_row("network", counts))
    number = counts.layers_with_weights
    last = "1 layer has weights." if number == 1 else f"{number} layers have weights."
    return f"{tables.to_text(rows)}\n\n{last}"


def _row(name: str, counts: LayerCounts | ModelCounts, output_shape: tuple[int, ...] = ()) -> Row:
    return {
        "layer": name,
        "output shape": "x".join(map(str, output_shape)),
        "parameters": counts.parameters,
        "connections": counts.connections,
        "multiply-accumulates": counts.macs,
    }


if __name__ == "__main__":
    cli.define_config()
    cli.run(main)
