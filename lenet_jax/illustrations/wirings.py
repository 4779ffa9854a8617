"""The six wirings as one picture."""

from collections.abc import Mapping

from lenet_jax.report.drawing import project_settings

# isort: split
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from lenet_jax.illustrations.inches import WIDTH, add_square, entitle, write
from lenet_jax.illustrations.weights import neighbours_weights
from lenet_jax.models.counts import ModelCounts

LEFT, SIDE, GAP, BETWEEN = 1.33, 1.73, 0.11, 0.25  # inches: the first square, a side, between units, columns
SIZE, KERNEL_SIZE = 7, 3  # of the small image on which wirings are drawn, and of its kernel

READS = {
    "local": "reads the pixels\naround its own\nposition",
    "random": f"reads {KERNEL_SIZE**2} pixels,\ndrawn at random",
    "full": "reads all pixels",
}
SHARES = {
    "shared": "all units of a map use the same weights",
    "unshared": "each unit has its own weights",
}
NAMES = {
    ("local", "shared"): "the convolution",
    ("local", "unshared"): "locally connected",
    ("random", "shared"): "one random stencil, slid, wrapping round",
    ("random", "unshared"): "each unit draws its own pixels",
    ("full", "shared"): "an image-sized kernel, slid, wrapping round",
    ("full", "unshared"): "fully connected",
}
# Of cells that are not read, of the first unit's weights, and of those that only the second unit has.
COLOURS = ("white", "#08519c", "#fdbe85")
INKS = ("none", "white", "black")


@project_settings()
def six_wirings(counts: Mapping[tuple[str, str], ModelCounts]) -> Figure:
    """Draws what two neighbouring units read under each wiring, with the weights' numbers.

    Args:
      counts: (connectivity, sharing) -> those of LeNet-5 with this wiring in both stages.
    """
    figure = Figure(figsize=(WIDTH, 8.6))
    entitle(figure, "Six ways to wire the same units")
    caption = (
        f"Which pixels two neighbouring units read, on a {SIZE}x{SIZE} image with {KERNEL_SIZE}x{KERNEL_SIZE}"
        " kernels. In LeNet-5 both are larger.",
        "Within a pair, equal numbers are one weight; orange: weights that only the neighbour has.",
    )
    for line, text in enumerate(caption):
        write(figure, WIDTH / 2, 0.56 + 0.2 * line, text, 9.5)
    for column, sharing in enumerate(SHARES):
        lefts = [LEFT + column * (2 * SIDE + GAP + BETWEEN) + unit * (SIDE + GAP) for unit in (0, 1)]
        middle = lefts[0] + SIDE + GAP / 2
        write(figure, middle, 1.13, sharing, 14, weight="bold")
        write(figure, middle, 1.31, SHARES[sharing], 9.5)
        for left, name in zip(lefts, ("one unit", "its right neighbour"), strict=True):
            write(figure, left + SIDE / 2, 1.52, name, 9, style="italic")
        for row, connectivity in enumerate(READS):
            top = 1.58 + 2.28 * row
            bottom = top + SIDE
            numbers_2SS = neighbours_weights(connectivity, sharing, SIZE, KERNEL_SIZE)
            for left, numbers_SS in zip(lefts, numbers_2SS, strict=True):
                _draw_weights(add_square(figure, left, top, SIDE), numbers_SS, numbers_2SS[0].max())
            write(figure, middle, bottom + 0.18, NAMES[connectivity, sharing], 10, weight="bold")
            of_network = counts[connectivity, sharing]
            size = f"{of_network.parameters:,} parameters, {of_network.connections:,} connections"
            write(figure, middle, bottom + 0.35, size, 9.5)
            if column == 0:
                write(figure, 0.1, top + 0.7, connectivity, 14, ha="left", weight="bold")
                write(figure, 0.1, top + 0.8, READS[connectivity], 9.5, ha="left", va="top")
    note = "Parameters and connections: of the whole LeNet-5, with this wiring in both convolutional stages."
    write(figure, WIDTH / 2, 8.48, note, 9)
    return figure


def _draw_weights(axes: Axes, numbers_SS: np.ndarray, of_first: int) -> None:
    """Draws an image whose cells have the numbers of weights; the first unit's end with `of_first`."""
    kinds_SS = np.digitize(numbers_SS, [1, of_first + 1])
    axes.pcolormesh(kinds_SS, cmap=ListedColormap(COLOURS), vmin=0, vmax=2, edgecolors="0.6", linewidth=0.5)
    for (row, column), number in np.ndenumerate(numbers_SS):
        if number:
            ink = INKS[kinds_SS[row, column]]
            axes.text(column + 0.5, row + 0.53, str(number), ha="center", va="center", fontsize=8, color=ink)
    axes.set_ylim(len(numbers_SS), 0)
