"""Prints the layer table of a config: output shape, parameters, connections, multiply-accumulates.

    python -m experiments.summary --config=configs/lenet5.py

Nothing is trained and no data is read; it takes seconds. Any field can be overridden, for example
--config.model.connectivity=full or --config.model.sharing=unshared,shared.
"""

from experiments import cli
from lenet_jax import tables
from lenet_jax.models import build_model
from lenet_jax.summary import ModelCounts, count_model


def main() -> None:
    config = cli.config()
    size = config.data.image_size
    counts = count_model(build_model(config.model, size), size)
    print(layer_table(counts, size))


def layer_table(counts: ModelCounts, image_size: int) -> str:
    """The table for a terminal, with a line of sums."""
    rows = [_row("input", (image_size, image_size, 1), 0, 0, 0)]
    rows += [
        _row(layer.name, layer.output_shape, layer.parameters, layer.connections, layer.macs)
        for layer in counts.layers
    ]
    wired = [layer for layer in counts.layers if layer.kind == "wired"]
    if wired:
        names = " and ".join(layer.name for layer in wired)
        rows.append(_row(f"({names})", "", *_sums(wired)))
    rows.append(_row("network", "", *_sums(counts.layers)))
    return f"{tables.to_text(rows, 'simple')}\n\n{counts.layers_with_weights} layers have weights."


def _row(layer, shape, parameters, connections, macs) -> dict:
    return {
        "layer": layer,
        "output shape": "x".join(map(str, shape)),
        "parameters": parameters,
        "connections": connections,
        "multiply-accumulates": macs,
    }


def _sums(layers) -> list[int]:
    return [sum(getattr(layer, field) for layer in layers) for field in ("parameters", "connections", "macs")]


if __name__ == "__main__":
    cli.define_config()
    cli.run(main)
