"""The committed pictures show what the models, counts and arrays say now, and can be read."""

import functools
import itertools
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from experiments import illustrate, paste
from lenet_jax.illustrations import rendering
from lenet_jax.illustrations.wirings import COLOURS, INKS

TEACHING = ("wirings", "lenet5", "receptive_fields", "kernels", "feature_maps", "zip_code_net")
NAMES = (*TEACHING, "nets_1989", "scorecard")

# ml_collections loads config files so; outside tests Python doesn't show this.
pytestmark = pytest.mark.filterwarnings(r"ignore:the load_module\(\) method:DeprecationWarning")


@functools.cache
def pictures():
    return illustrate.pictures()


def test_every_picture_is_committed_and_no_other():
    assert tuple(pictures()) == NAMES
    drawn = {path.name for path in illustrate.PICTURES.iterdir()}
    assert drawn == {f"{name}.{form}" for name in NAMES for form in rendering.FORMATS} | {"trained.npz"}


def test_every_picture_is_on_a_page():
    assert set(illustrate.descriptions()) == set(NAMES)
    idea = (paste.ROOT / "docs" / "idea.md").read_text(encoding="utf-8")
    assert {name for _, name in re.findall(illustrate.PICTURE, idea)} == set(TEACHING)
    history = [page for page in paste.pages() if "history" in page.parts[-2:] or page.stem == "history"]
    shown = {
        name
        for page in history
        for _, name in re.findall(illustrate.PICTURE, page.read_text(encoding="utf-8"))
    }
    assert shown == {"scorecard", "zip_code_net", "nets_1989", "lenet5"}
    assert "](docs/pictures/wirings.svg)" in (paste.ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", rendering.FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_committed_pictures_show_what_would_be_drawn_now(name, form):
    committed = rendering.read_shown(illustrate.PICTURES / f"{name}.{form}")
    assert committed == rendering.shown(pictures()[name]), "out of date: run `make docs`"


@pytest.mark.parametrize("form", rendering.FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_committed_pictures_have_a_title_and_the_pages_description(name, form):
    title, description = rendering.read_words(illustrate.PICTURES / f"{name}.{form}")
    assert title == pictures()[name].get_label() and title in rendering.shown(pictures()[name])["texts"]
    assert description == illustrate.descriptions()[name], "out of date: run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_inside_and_do_not_overlap(name):
    figure = pictures()[name]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = {text: text.get_window_extent(renderer) for text in texts}
    drawn = [(axes, box) for axes in figure.axes for box in drawn_boxes(axes, renderer)]
    for text, box in boxes.items():
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, text
        for axes, its_box in drawn:
            is_part = axes.axison and text.axes is axes
            assert is_part or not its_box.overlaps(box), text
    for (first, one), (second, other) in itertools.combinations(boxes.items(), 2):
        assert not one.padded(-1).overlaps(other.padded(-1)), (first, second)


def drawn_boxes(axes, renderer):
    """Where axes draw: in all of their frame, or only their shapes if they have none."""
    if axes.axison:
        return [axes.get_window_extent(renderer)]
    return [shape.get_window_extent(renderer) for shape in axes.patches]


@pytest.mark.parametrize("name", NAMES)
def test_backgrounds_are_white_on_dark_pages_as_well(name):
    svg = (illustrate.PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    background = re.search(r'<g id="patch_1">\s*<path d="[^"]*"\s*style="([^"]*)"', svg)
    assert background and background[1].startswith("fill: #ffffff")
    red, green, blue, alpha = pictures()[name].get_facecolor()
    assert (red, green, blue, alpha) == (1, 1, 1, 1)


def test_weights_can_be_told_apart_in_grey_and_numbers_read():
    cells = [luminance(colour) for colour in COLOURS]
    for one, other in itertools.combinations(cells, 2):
        assert max(contrast(one, other), contrast(other, one)) > 1.5
    for ink, cell in zip(INKS[1:], cells[1:], strict=True):
        assert max(contrast(luminance(ink), cell), contrast(cell, luminance(ink))) > 7


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(lighter, darker):
    return (lighter + 0.05) / (darker + 0.05)
