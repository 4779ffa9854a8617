"""A picture as a file, which holds as metadata what it shows: a test compares that, not the image's bytes."""

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
from matplotlib.text import Text
from PIL import Image

FORMATS = ("svg", "png")
_DESCRIPTION = ".//{http://purl.org/dc/elements/1.1/}description"


def shown(figure: Figure) -> dict[str, Any]:
    """The texts of a figure, and the arrays that it draws, which are rounded to 4 digits."""
    texts = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    arrays = [drawn.get_array() for drawn in figure.findobj() if isinstance(drawn, ScalarMappable)]
    return {
        "texts": [text for text in texts if text],
        "arrays": [_rounded(np.ma.filled(array, 0)) for array in arrays if array is not None],
    }


@project_settings()
def render(figure: Figure, form: str) -> bytes:
    """The figure as a file of one of FORMATS, with what it shows as its description."""
    metadata: dict[str, Any] = {"Description": json.dumps(shown(figure), separators=(",", ":"))}
    if form == "svg":
        metadata["Date"] = None  # or it would differ every time
    image = io.BytesIO()
    figure.savefig(image, format=form, metadata=metadata)
    return image.getvalue()


def read_shown(path: pathlib.Path) -> dict[str, Any]:
    """What a file of `render` shows, as `shown` returned it."""
    if path.suffix == ".svg":
        found = ElementTree.parse(path).find(_DESCRIPTION)
        assert found is not None and found.text
        return json.loads(found.text)
    with Image.open(path) as image:
        return json.loads(image.info["Description"])


def _rounded(array: np.ndarray) -> list:
    """As lists, of whole numbers where there are only such."""
    if array.dtype.kind in "iub":
        return array.astype(int).tolist()
    return np.vectorize(lambda value: float(f"{value:.4g}"), otypes=[float])(array).tolist()
