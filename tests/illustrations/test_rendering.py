import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from lenet_jax.illustrations.inches import entitle
from lenet_jax.illustrations.rendering import FORMATS, read_shown, read_words, render, shown


def figure(x=1.0, width=2.0, y=0.25, bar=3.0):
    drawn = Figure(figsize=(9, 3))
    entitle(drawn, "A title")
    axes = drawn.add_axes((0.1, 0.1, 0.8, 0.6))
    axes.add_patch(Rectangle((x, 0), width, 1))
    axes.barh([5], [bar])
    axes.set(xticks=[], yticks=[])
    drawn.add_artist(Line2D([0, 1], [0, y]))
    return drawn


def test_shown_are_texts_rectangles_and_lines():
    found = shown(figure())
    assert found["texts"] == ["A title"]
    assert sorted(found["shapes"], key=str) == [[0, 4.6, 3, 0.8], [1, 0, 2, 1], [[0, 0], [1, 0.25]]]


@pytest.mark.parametrize("changed", [{"x": 1.01}, {"width": 2.01}, {"y": 0.26}, {"bar": 3.01}])
def test_what_is_moved_or_longer_shows_something_else(changed):
    assert shown(figure(**changed)) != shown(figure())


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_has_what_it_shows_and_words(tmp_path, form):
    drawn = figure()
    path = tmp_path / f"picture.{form}"
    path.write_bytes(render(drawn, form, "A box <on> a line & a bar"))
    assert read_shown(path) == shown(drawn)
    assert read_words(path) == ("A title", "A box <on> a line & a bar")
