"""Prints the layer table of a config: output shape, parameters, connections, multiply-accumulates.

    python -m experiments.summary --config=configs/lenet5.py

Nothing is trained and no data is read; it takes seconds. Any field can be overridden, for example
--config.model.connectivity=full or --config.model.sharing=unshared,shared. Of a sweep,
--config.arms=NAME,NAME shows these arms.
"""

import ml_collections

from experiments import cli
from lenet_jax.config.build_model import build_model
from lenet_jax.config.fields import override
from lenet_jax.models.counts import LayerCounts, ModelCounts, count_model
from lenet_jax.report import tables
from lenet_jax.runs.sweep import require_effect, select_arms


def main() -> None:
    config = cli.config()
    if not config.get("arms"):
        print(_table_of(config))
        return
    selected = select_arms(config, cli.config_module().get_arms(config))
    require_effect(cli.changed_fields(), selected)
    print("\n\n".join(f"{name}\n\n{_table_of(override(config, it))}" for name, it in selected.items()))


def _table_of(config: ml_collections.ConfigDict) -> str:
    size = config.data.image_size
    return layer_table(count_model(build_model(config.model, size), size), size)


def layer_table(counts: ModelCounts, image_size: int) -> str:
    """The table for a terminal, with a line of sums."""
    rows = [_row(layer.name, layer, layer.output_shape) for layer in counts.layers]
    rows.insert(0, _row("input", ModelCounts(()), (image_size, image_size, 1)))
    if wired := counts.wired.layers:
        rows.append(_row(f"({' and '.join(layer.name for layer in wired)})", counts.wired))
    rows.append(_row("network", counts))
    number = counts.layers_with_weights
    last = "1 layer has weights." if number == 1 else f"{number} layers have weights."
    return f"{tables.to_text(rows, 'simple')}\n\n{last}"


def _row(name: str, counts: LayerCounts | ModelCounts, output_shape: tuple[int, ...] = ()) -> dict:
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
