"""How far into the image units of each layer see, found by derivatives."""

from typing import Any, NamedTuple

from lenet_jax.report.drawing import project_settings

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lenet_jax.config.resolve import Resolved
from lenet_jax.illustrations.inches import WIDTH, draw_image, entitle, write
from lenet_jax.models.inspection import feature_maps

LAYERS = {
    "stage_1": "stage 1 (C1)",
    "pool_2": "pooling (S2)",
    "stage_3": "stage 3 (C3)",
    "pool_4": "pooling (S4)",
    "classifier": "dense (C5)",
}


class Field(NamedTuple):
    """The pixels that a unit depends on: `size` rows and columns, from row `top` and column `left` on."""

    top: int
    left: int
    size: int


def receptive_fields(network: Resolved) -> dict[str, Field]:
    """By the name of each stage and pooling layer: the field of the unit in the middle of its first map.

    The derivatives of the unit's state by the pixels that it sees are not 0, as the weights are random. The
    last layer's field, "classifier", is that of a unit which reads all units of the last stage.
    """
    size, channels = network.config.data.image_size, network.dataset.channels
    rngs = {"params": jax.random.key(0), "wiring": jax.random.key(0)}
    image = jax.random.normal(jax.random.key(1), (1, size, size, channels))
    variables = jax.jit(network.model.init)(rngs, jnp.zeros_like(image))

    def middle_units(image: jax.Array) -> dict[str, jax.Array]:
        maps = feature_maps(network.model, variables, image)
        units = {name: one[0, one.shape[1] // 2, one.shape[2] // 2, 0] for name, one in maps.items()}
        return units | {"classifier": maps[max(maps, key=_number)].sum()}

    gradients = jax.jit(jax.jacrev(middle_units))(image)
    return {name: _bounds(np.asarray(gradient)[0].any(axis=-1)) for name, gradient in gradients.items()}


def _number(layer: str) -> int:
    return int(layer.rpartition("_")[2])


def _bounds(is_seen_SS: np.ndarray) -> Field:
    rows, columns = np.flatnonzero(is_seen_SS.any(axis=1)), np.flatnonzero(is_seen_SS.any(axis=0))
    assert len(rows) == rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1  # a square without gaps
    return Field(int(rows[0]), int(columns[0]), len(rows))


@project_settings()
def growing_field(network: Resolved, image_SS: np.ndarray) -> Figure:
    """Draws an image once per layer of LeNet-5, with the receptive field of the layer's unit in the middle.

    Args:
      image_SS: uint8, 255 for ink.
    """
    size = len(image_SS)
    fields = receptive_fields(network)
    height, side, gap = 3.0, 1.6, 0.18
    figure = Figure(figsize=(WIDTH, height))

    entitle(figure, "What one unit sees grows from layer to layer")
    left = (WIDTH - len(LAYERS) * (side + gap) + gap) / 2
    for name, words in LAYERS.items():
        field = fields[name]
        seen_SS = np.full((size, size), 0.35, np.float32)
        seen_SS[field.top : field.top + field.size, field.left : field.left + field.size] = 1
        axes = draw_image(figure, seen_SS * (1 - image_SS / 255), (left, 0.5, side), 0, 1)
        corner = (field.left - 0.5, field.top - 0.5)
        style: dict[str, Any] = {"fill": False, "edgecolor": "#d94801", "linewidth": 2, "zorder": 3}
        # The frame of the whole image lies on the edge of the axes, which would clip half its width.
        axes.add_patch(Rectangle(corner, field.size, field.size, clip_on=False, **style))
        write(figure, left + side / 2, 2.3, words, 10, weight="bold")
        write(figure, left + side / 2, 2.48, f"{field.size}x{field.size} pixels", 9.5)
        left += side + gap
    note = "LeNet-5, the unit in the middle of a feature map: the pixels that can change its value."
    write(figure, WIDTH / 2, 2.8, note, 9)
    return figure
