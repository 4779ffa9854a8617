"""What pictures of trained networks draw, read back from the figures themselves."""

import numpy as np
import pytest

from lenet_jax.report import figures, pictures

DIGITS = [str(digit) for digit in range(10)]


def is_drawn(figure):
    return figures.render(figure, "png").startswith(b"\x89PNG")


def caption(figure):
    """The caption on one line."""
    return " ".join(figure.get_supxlabel().split())


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def row_labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_counts_are_written_and_the_diagonal_is_not_on_the_grey_scale():
    figure = pictures.confusion_matrix(np.array([[90, 3], [0, 7]]), ["a class of a long name", "b"], "title")
    assert texts(figure) == ["90", "3", "7"]
    assert row_labels(figure) == ["a class of …", "b"]
    [image] = figure.axes[0].images
    assert image.get_array().tolist() == [[None, 3], [None, None]] and image.get_clim() == (1, 3)
    assert caption(figure) == "n = 100 images, 3 mistakes; framed: right answers."
    assert is_drawn(figure)


def test_many_classes_have_few_ticks_and_no_counts():
    counts = np.eye(40, dtype=int)
    counts[3, 39] = 1
    figure = pictures.confusion_matrix(counts, [f"class {i}" for i in range(40)], "title")
    assert texts(figure) == [] and len(row_labels(figure)) == 20
    assert "n = 41 images, 1 mistake;" in caption(figure)


def test_no_mistake_is_lost_among_a_thousand_classes():
    counts = np.zeros((1000, 1000), int)
    counts[999, 0], counts[3, 12], counts[4, 13] = 2, 5, 4
    figure = pictures.confusion_matrix(counts, [f"class {i}" for i in range(1000)], "title")
    [image] = figure.axes[0].images
    cells = image.get_array()
    assert cells.shape == (200, 200) and cells.count() == 2 and cells[199, 0] == 2 and cells[0, 2] == 5
    assert "largest of 5x5 counts" in caption(figure)
    assert is_drawn(figure)


def test_a_confusion_matrix_without_mistakes_has_no_grey_scale():
    figure = pictures.confusion_matrix(np.diag([1, 2]), ["a", "b"], "title")
    assert len(figure.axes) == 1 and is_drawn(figure)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_mistakes_come_by_margin(channels):
    images = np.arange(4.0).reshape(4, 1, 1, *[1 for _ in channels]) * np.ones((4, 2, 2, *channels))
    figure = pictures.mistakes(
        images,
        labels=np.array([0, 1, 2, 3]),
        answers=np.array([5, 1, 6, 7]),
        margins=np.array([0.5, 9, 2.25, 1]),
        classes=DIGITS,
        title="title",
        low=0,
        high=4,
        limit=2,
    )
    assert texts(figure) == ["2 → 6\nmargin 2.25", "3 → 7\nmargin 1"]
    assert [image.get_array().max() for image in figure.axes[0].images] == [0.5, 0.75]
    assert "n = 4 images, 3 mistakes, of which the 2 with the largest margins are shown" in caption(figure)
    assert is_drawn(figure)


def test_names_are_shortened_and_are_not_mathematics():
    names = ["$x$", "a class of a long name"]
    labels, answers = np.array([0]), np.array([1])
    figure = pictures.mistakes(np.zeros((1, 2, 2)), labels, answers, np.ones(1), names, "title", 0, 1)
    assert texts(figure) == ["\\$x\\$\n→ a class of …\nmargin 1"]


def test_without_mistakes_the_figure_says_so():
    labels = np.array([0, 1])
    figure = pictures.mistakes(np.zeros((2, 2, 2)), labels, labels, np.ones(2), DIGITS, "title", 0, 1)
    assert caption(figure) == "n = 2 images, 0 mistakes: nothing to show."
    assert is_drawn(figure)


def test_disagreements_are_counted_in_both_ways():
    labels = np.array([0, 1, 2, 3, 4])
    a, b = np.array([0, 1, 2, 9, 9]), np.array([0, 8, 7, 3, 9])
    figure = pictures.disagreements(
        np.zeros((5, 2, 2)), labels, a, b, DIGITS, ("one", "other"), 0, 1, limit=1, title="title, $"
    )
    assert figure.get_suptitle() == r"title, \$"
    assert texts(figure) == ["1 → 8", "3 → 9"]
    assert row_labels(figure) == [
        "one right,\nother wrong:\n2 of n = 5 images\n(the first 1 shown)",
        "other right,\none wrong:\n1 of n = 5 images",
    ]
    assert "Both are right on 1 image and wrong on 1." in caption(figure)
    assert is_drawn(figure)


def test_networks_that_agree_have_no_disagreements():
    labels = np.array([0, 1])
    networks = labels, labels, DIGITS, ("a", "b")
    figure = pictures.disagreements(np.zeros((2, 2, 2)), labels, *networks, 0, 1)
    assert figure.get_suptitle() == "Where a and b disagree"
    assert not figure.axes[0].images and "0 of n = 2 images" in row_labels(figure)[0]
    assert is_drawn(figure)


def test_kernels_have_one_scale_and_unread_weights_are_hatched():
    wide = np.zeros((2, 3, 3))
    wide[1, 0, 0], wide[1, 2, 2] = -4, np.nan
    figure = pictures.kernels([("first", wide), ("second", np.ones((2, 3, 3)))], "title")
    axes, scale = figure.axes
    assert row_labels(figure) == ["first", "second"] and scale.get_ylim() == (-4, 4)
    arrays = [image.get_array() for image in axes.images]
    assert arrays[0][0, 0] == 0.5 and arrays[1][0, 0] == 0 and arrays[2][0, 0] == 0.625
    assert [bool(frame.get_hatch()) for frame in axes.patches] == [False, True, False, False]
    assert "n = 2 positions" in caption(figure) and caption(figure).endswith("Hatched: not read.")
    assert is_drawn(figure)


def test_shared_kernels_share_rows_and_channels_are_averaged():
    channels = np.stack([np.full((1, 3, 3), 1.0), np.full((1, 3, 3), 3.0)], axis=-1)
    channels[0, 0, 0, 1] = np.nan  # of one channel only
    figure = pictures.kernels([(f"map {i}", channels) for i in range(9)], "title")
    assert texts(figure) == [f"map {i}" for i in range(9)] and len(row_labels(figure)) == 2
    assert figure.axes[0].images[0].get_array()[0].tolist() == [0.75, 1, 1]
    assert "Means over channels." in caption(figure) and "Hatched" not in caption(figure)


def test_kernels_of_which_little_is_read_are_mid_grey_elsewhere():
    few = np.full((1, 3, 3), np.nan)
    few[0, 1, 1] = 2
    figure = pictures.kernels([("map", few)], "title")
    [image], [frame] = figure.axes[0].images, figure.axes[0].patches
    assert image.get_array().tolist() == [[0.5, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 0.5]]
    assert not frame.get_hatch() and "mid-grey: 0 or not read. n = 1 kernel." in caption(figure)
    assert "Hatched" not in caption(figure)


def test_stages_have_scales_of_their_own_and_at_most_16_maps():
    many = np.zeros((1, 1, 20))
    many[0, 0, 1] = 8
    stages = [("C1", np.arange(8.0).reshape(2, 2, 2)), ("C5", many), ("dead", np.zeros((2, 2, 1)))]
    figure = pictures.feature_maps(np.zeros((4, 4, 3)), stages, "title", -1, 1)
    assert row_labels(figure) == [
        "input\n4x4 pixels\nblack -1, white 1",
        "C1: 2 maps\n2x2 units\nblack 0, white 7",
        "C5: 16 of 20 maps\n1x1 units\nblack 0, white 8",
        "dead: 1 map\n2x2 units\nblack 0, white 0",
    ]
    assert len(figure.axes[0].images) == 1 + 2 + 16 + 1
    assert "n = 1 image" in caption(figure)
    assert is_drawn(figure)


def test_integer_images_are_drawn_with_black_ink_on_white():
    images = np.array([[[0, 100], [200, 255]]], np.uint8)
    figure = pictures.mistakes(
        images, np.array([0]), np.array([1]), np.array([1.0]), DIGITS, "title", low=255, high=0
    )
    [tile] = figure.axes[0].images
    assert np.allclose(tile.get_array(), [[1, 155 / 255], [55 / 255, 0]])
