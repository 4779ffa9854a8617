"""A picture as a file, with a title and a description for people.

It also holds what it shows as metadata: a test compares that, not the image's bytes.
"""

import io
import json
import pathlib
from typing import Any
from xml.etree import ElementTree

from lenet_jax.report.drawing import project_settings

# isort: split
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

# Form -> the entry of its metadata that holds what the picture shows.
FORMATS = {"svg": "Source", "png": "Comment"}
_SVG, _METADATA = "{http://www.w3.org/2000/svg}", "{http://purl.org/dc/elements/1.1/}"


def shown(figure: Figure) -> dict[str, Any]:
    """The texts of a figure, the arrays that it draws, and its rectangles and lines.

    A rectangle is [x, y, width, height], a line a list of points, in the coordinates that it is given in.
    Numbers are rounded to 4 digits.
    """
    texts = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    arrays = [drawn.get_array() for drawn in figure.findobj() if isinstance(drawn, ScalarMappable)]
    shapes = [
        _coordinates(child)
        for owner in (figure, *figure.axes)
        for child in owner.get_children()
        if isinstance(child, (Rectangle, Line2D)) and child is not owner.patch
    ]
    return {
        "texts": [text for text in texts if text],
        "arrays": [_rounded(np.ma.filled(array, 0)) for array in arrays if array is not None],
        "shapes": [_rounded(shape) for shape in shapes],
    }


def _coordinates(shape: Rectangle | Line2D) -> np.ndarray:
    if isinstance(shape, Line2D):
        return np.asarray(shape.get_xydata(), float)
    return np.array([*shape.get_xy(), shape.get_width(), shape.get_height()], float)


@project_settings()
def render(figure: Figure, form: str, description: str) -> bytes:
    """The figure as a file of one of FORMATS, with what it shows and a description for people.

    The figure's label is the title.
    """
    metadata: dict[str, Any] = {
        "Title": figure.get_label(),
        "Description": description,
        FORMATS[form]: json.dumps(shown(figure), separators=(",", ":")),
    }
    if form == "svg":
        metadata["Date"] = None  # or it would differ every time
    image = io.BytesIO()
    figure.savefig(image, format=form, metadata=metadata)
    return image.getvalue()


def read_shown(path: pathlib.Path) -> dict[str, Any]:
    """What a file of `render` shows, as `shown` returned it."""
    return json.loads(_read_entry(path, FORMATS[path.suffix[1:]]))


def read_words(path: pathlib.Path) -> tuple[str, str]:
    """The title and the description of a file of `render`."""
    return _read_entry(path, "Title"), _read_entry(path, "Description")


def _read_entry(path: pathlib.Path, entry: str) -> str:
    """An entry of a file's metadata."""
    if path.suffix == ".svg":
        root = ElementTree.parse(path)
        text = root.findtext(f"{_SVG}title" if entry == "Title" else f".//{_METADATA}{entry.lower()}")
        assert text
        return text
    with Image.open(path) as image:
        return image.info[entry]


def _rounded(array: np.ndarray) -> list:
    """As lists, of whole numbers where there are only such."""
    if array.dtype.kind in "iub":
        return array.astype(int).tolist()
    return np.vectorize(lambda value: float(f"{value:.4g}"), otypes=[float])(array).tolist()
