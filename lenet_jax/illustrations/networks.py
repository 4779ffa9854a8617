"""A network as a drawing: its layers in one row, with shapes and counts below."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.report.drawing import literal, project_settings

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lenet_jax.config.resolve import Resolved
from lenet_jax.illustrations.inches import WIDTH, entitle
from lenet_jax.models.counts import ModelCounts
from lenet_jax.models.networks import CNN

# In inches.
HEADS = 0.95  # width of the texts before the first layer
LARGEST = 0.8  # side of the input
STEP = 0.033  # from one feature map of a layer to the next
DRAWN = 1.55  # height of the drawing
TITLE = 0.4  # height of the title
PARTS = 0.35  # height of the names of parts
LINE = 0.165  # height of a line of text

NET = 1.5  # height of one of several networks
COUNTS = 1.75  # width of the counts after its last layer

COUNTED = ("parameters", "connections")
PAPER_NAMES = ("C1", "S2", "C3", "S4", "C5", "F6", "OUTPUT")  # LeCun et al. 1998, section II-B
POOLINGS = {
    "average": "average\npooling",
    "max": "max\npooling",
    "trainable_sum": "subsampling,\ntrainable",
    "trainable_average": "subsampling,\ntrainable",
}
LOCAL = {"shared": "convolution", "unshared": "locally\nconnected"}
OUTPUTS = {
    "logits": "fully\nconnected,\nsoftmax",
    "activated": "fully\nconnected",
    "rbf": "Gaussian\nconnections",
}


class Row(NamedTuple):
    """A row of texts below a drawing: one for the input and each layer, of a few short lines."""

    head: str
    texts: Sequence[str]
    bold: bool = False


@project_settings()
def lenet5(original: Resolved, today: Resolved) -> Figure:
    """Draws LeNet-5, with its layers and counts in the paper and today.

    Args:
      original: as in LeCun et al. 1998.
      today: as it is built now; its layers have the same shapes.
    """
    old, new = original.counts, today.counts
    weighted = [name for name, layer in zip(PAPER_NAMES, new.layers, strict=True) if layer.parameters]
    rows = [
        Row("", ["INPUT", *PAPER_NAMES], bold=True),
        Row("units", _shapes(today)),
        Row("in 1998", ["", *layer_words(original)]),
        *_count_rows(old),
        Row("today", ["", *layer_words(today)]),
        *_count_rows(new),
    ]
    notes = (
        "Red: what one unit of the next layer, black, reads. "
        f"1998: {_totals(old)}. Today: {_totals(new)}, in {len(weighted)} layers with weights "
        f"({', '.join(weighted)}). Subsampling is now pooling without weights, whose links are not counted "
        "as connections. The brackets are today's parts: the paper calls C5 a convolution, as its units read "
        "5x5 fields of S4, which are all of it."
    )
    parts = {"feature extractor": (1, 4), "classifier": (5, 7)}
    return _draw("LeNet-5", today, rows, notes, parts)


@project_settings()
def zip_code_net(net: Resolved, control: Resolved) -> Figure:
    """Draws the network of LeCun et al. 1989; `control` is the paper's fully connected network."""
    counts = net.counts
    rows = [
        Row("", ["input", "H1", "H2", "H3", "output"], bold=True),
        Row("units", _shapes(net)),
        Row("layer", ["", *layer_words(net)]),
        *_count_rows(counts),
    ]
    notes = (
        f"{_totals(counts)}. The units of a map share a kernel; each has its own bias. Receptive fields are "
        "two pixels apart, so maps get smaller without pooling. The paper's fully connected network: "
        f"{_totals(control.counts)}."
    )
    return _draw("The zip code net of 1989", net, rows, notes, {})


@project_settings()
def nets_1989(nets: Mapping[str, Resolved]) -> Figure:
    """Draws the networks of LeCun 1989, "Generalization and Network Design Strategies", one below the other.

    Args:
      nets: name -> network; all read images of one size, and have at most as many layers as the last one.
    """
    height = TITLE + NET * len(nets)
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    entitle(figure, "Net-1 to Net-5 of 1989")
    columns = 1 + max(len(net.counts.layers) for net in nets.values())
    pitch = (WIDTH - HEADS - COUNTS) / columns
    for number, (name, net) in enumerate(nets.items()):
        top = TITLE + NET * number
        shapes = _all_shapes(net)
        places = [*range(len(shapes) - 1), columns - 1]  # outputs are in one column
        centres = [HEADS + pitch * (place + 0.5) for place in places]
        _draw_layers(axes, net, centres, top + 0.6, LARGEST / net.config.data.image_size, 0.03)
        texts = zip(_shapes(net), ["input", *layer_words(net)], strict=True)
        for centre, (units, word) in zip(centres, texts, strict=True):
            text = "\n".join([units, word.replace("\n", " ")])
            _write_lines(axes, centre, top + 1, text, ha="center", fontsize=8.5)
        _write_lines(axes, 0.1, top + 0.45, name, ha="left", fontsize=10, weight="bold")
        counts = _totals(net.counts).replace(", ", "\n")
        _write_lines(axes, WIDTH - COUNTS + 0.2, top + 0.38, counts, ha="left", fontsize=9)
    return figure


def _count_rows(counts: ModelCounts) -> list[Row]:
    return [Row(what, ["", *(f"{getattr(layer, what):,}" for layer in counts.layers)]) for what in COUNTED]


def _totals(counts: ModelCounts) -> str:
    return f"{counts.parameters:,} parameters, {counts.connections:,} connections"


def layer_words(network: Resolved) -> list[str]:
    """What each layer of a network is, in the field's words."""
    model = network.model
    words = []
    for stage in model.stages if isinstance(model, CNN) else ():
        word = LOCAL[stage.sharing] if stage.connectivity == "local" else stage.sharing
        if stage.table:
            pairs = sum(map(len, stage.table))
            word += f",\n{pairs} map pairs"
        words.append(word)
        if stage.pooling != "none":
            words.append(POOLINGS[stage.pooling])
    classifier = model.classifier if isinstance(model, CNN) else model
    words += ["fully\nconnected"] * len(classifier.hidden)
    return [*words, OUTPUTS[classifier.output]]


def _shapes(network: Resolved) -> list[str]:
    """The units of the input and of each layer: MAPS@ROWSxCOLUMNS, or their number."""
    size = network.config.data.image_size
    shapes = [layer.output_shape for layer in network.counts.layers]
    return [f"{size}x{size}", *(f"{s[-1]}@{s[0]}x{s[1]}" if _has_maps(s) else f"{s[-1]}" for s in shapes)]


def _all_shapes(network: Resolved) -> list[tuple[int, ...]]:
    """Of the input and the output of each layer."""
    size = network.config.data.image_size
    return [
        (size, size, network.dataset.channels),
        *(layer.output_shape for layer in network.counts.layers),
    ]


def _has_maps(shape: tuple[int, ...]) -> bool:
    """Whether a layer is drawn as feature maps; the units of maps of one unit each are a column."""
    return len(shape) == 3 and shape[0] > 1


def _fields(network: Resolved) -> list[int]:
    """The side of the field that a unit of each layer reads in the layer before it; 0: all of that layer."""
    model = network.model
    stages = model.stages if isinstance(model, CNN) else ()
    fields = list(itertools.chain(*([stage.kernel_size, *[2] * (stage.layers - 1)] for stage in stages)))
    return fields + [0] * (len(network.counts.layers) - len(fields))


def _draw(
    title: str,
    network: Resolved,
    rows: Sequence[Row],
    notes: str,
    parts: Mapping[str, tuple[int, int]],
) -> Figure:
    """Draws the layers of a network, `rows` of texts under them, and notes.

    Args:
      parts: name -> the first and the last layer of this part of the network.
    """
    shapes = _all_shapes(network)
    noted = literal(notes, 105)
    lines = [1 + max(text.count("\n") for text in row.texts) for row in rows]
    above = TITLE + (PARTS if parts else 0)
    height = above + DRAWN + LINE * (sum(lines) + 0.35 * len(rows) + noted.count("\n") + 2)
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    entitle(figure, title)
    pitch = (WIDTH - HEADS - 0.05) / len(shapes)
    centres = [HEADS + pitch * (i + 0.5) for i in range(len(shapes))]
    for name, (first, last) in parts.items():
        left, right = centres[first] - 0.45 * pitch, centres[last] + 0.45 * pitch
        axes.plot([left, left, right, right], [0.72, 0.64, 0.64, 0.72], color="0.4", linewidth=1)
        axes.text((left + right) / 2, 0.58, name, ha="center", fontsize=10, style="italic")

    columns = [shape[-1] for shape in shapes if not _has_maps(shape)]
    unit, pixel = min(1.2 / max(columns), 0.03), LARGEST / network.config.data.image_size
    _draw_layers(axes, network, centres, above + DRAWN / 2, pixel, unit)

    top = above + DRAWN
    for row, count in zip(rows, lines, strict=True):
        style: dict[str, Any] = {
            "fontsize": 10 if row.bold else 8.5,
            "weight": "bold" if row.bold else "normal",
        }
        if row.head and row.head not in COUNTED:
            axes.plot([0.1, WIDTH - 0.1], [top + 0.03, top + 0.03], color="0.8", linewidth=0.6)
        _write_lines(axes, 0.1, top, row.head, ha="left", **style)
        for centre, text in zip(centres, row.texts, strict=True):
            _write_lines(axes, centre, top, text, ha="center", **style)
        top += LINE * (0.35 + count)
    _write_lines(axes, WIDTH / 2, top, noted, ha="center", fontsize=9)
    return figure


def _write_lines(axes: Axes, x: float, top: float, text: str, **style: Any) -> None:
    """Writes lines of text below `top`, so that those of one row have the same base lines."""
    for number, line in enumerate(text.split("\n")):
        axes.text(x, top + LINE * (1.1 + number), line, **style)


def _draw_layers(
    axes: Axes, network: Resolved, centres: Sequence[float], middle: float, pixel: float, unit: float
) -> None:
    """Draws the input and the layers of a network, and what their units read, in inches.

    Args:
      centres: from the left, of the input and each layer.
      middle: of all of them, from the top.
      pixel: side of a pixel, and of a unit in a map.
      unit: height of a unit in a column.
    """
    middles = [(centre, middle) for centre in centres]
    fronts = [
        _draw_layer(axes, *at) for at in zip(middles, _all_shapes(network), itertools.repeat((unit, pixel)))
    ]
    for (front, after), field in zip(itertools.pairwise(fronts), _fields(network), strict=True):
        _draw_links(axes, front, after, field * pixel)


class _Front(NamedTuple):
    """The front map of a layer, or its column of units: a rectangle, in inches."""

    left: float
    top: float
    width: float
    height: float
    has_maps: bool


def _draw_layer(
    axes: Axes, middle: tuple[float, float], shape: tuple[int, ...], scale: tuple[float, float]
) -> _Front:
    """Draws all feature maps of a layer, or its units as a column; returns the one in front.

    Args:
      middle: the layer's, in inches.
      scale: height of a unit in a column, and side of a unit in a map.
    """
    (x, y), (unit, pixel), maps = middle, scale, shape[-1]
    if not _has_maps(shape):
        front = _Front(x - 0.05, y - unit * maps / 2, 0.1, unit * maps, False)
        _add_rectangle(axes, front, "#fdd0a2")
        return front
    side, reach = pixel * shape[0], STEP * (maps - 1)
    offsets = [STEP * number - (side + reach) / 2 for number in range(maps)]
    fronts = [_Front(x + offset, y + offset, side, side, True) for offset in offsets]
    for front in fronts:
        _add_rectangle(axes, front, "#deebf7")
    return fronts[-1]


def _draw_links(axes: Axes, front: _Front, after: _Front, field: float) -> None:
    """Draws the field that a unit of the next layer reads, and lines to the unit.

    A unit that reads the whole layer is linked to the ends of the layer.

    Args:
      field: its side in inches, 0 for the whole layer.
    """
    if field and after.has_maps:
        read = _Front(*_part(front, field), field, field, True)
        _add_rectangle(axes, read, "#d94801")
        dot = 0.03
        unit = _Front(*_part(after, dot), dot, dot, True)
        _add_rectangle(axes, unit, "black", zorder=5)
    else:
        read, unit = front, after
    for below in (0, 1):
        ends = (unit.left, unit.top + below * unit.height)
        start = (read.left + read.width, read.top + below * read.height)
        axes.plot(*zip(start, ends, strict=True), color="0.25", linewidth=0.7, zorder=4)


def _part(front: _Front, side: float) -> tuple[float, float]:
    """Left and top of a square in the middle of a map, a little above."""
    return front.left + 0.5 * (front.width - side), front.top + 0.4 * (front.height - side)


def _add_rectangle(axes: Axes, front: _Front, colour: str, zorder: int = 3) -> None:
    place, width, height = (front.left, front.top), front.width, front.height
    axes.add_patch(
        Rectangle(place, width, height, facecolor=colour, edgecolor="black", linewidth=0.6, zorder=zorder)
    )
