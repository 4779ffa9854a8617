"""What learning curves draw, read back from the figures themselves."""

from lenet_jax.report import figures
from lenet_jax.report.curves import learning_curves


def is_drawn(figure):
    return figures.render(figure, "png").startswith(b"\x89PNG")


def caption(figure):
    """The caption on one line."""
    return " ".join(figure.get_supxlabel().split())


def epoch(arm, seed, number, loss, **accuracies):
    return {
        "arm": arm,
        "seed": seed,
        "epoch": number,
        "train_loss": loss,
        "train_accuracy": 0.75,
    } | accuracies


def test_curves_are_means_over_the_seeds_that_have_an_epoch():
    rows = [
        epoch("a", 0, 1, 1.0, val_accuracy=0.5),
        epoch("a", 0, 2, 0.5, val_accuracy=0.75),
        epoch("a", 1, 1, 3.0, val_accuracy=0.25),
        epoch("a", 1, 2, None, val_accuracy=None),  # diverged
        epoch("ignored", 0, 1, -1.0),
    ]
    figure = learning_curves(rows, {"a": "local, shared"}, "title")
    loss, error = figure.axes
    assert list(loss.lines[0].get_ydata()) == [2, 0.5] and loss.get_yscale() == "log"
    assert list(error.lines[0].get_ydata()) == [62.5, 25]
    assert error.get_ylabel() == "validation error (%)"
    band = error.collections[0].get_paths()[0].vertices
    assert {tuple(point) for point in band if point[0] == 1} == {(1, 50), (1, 75)}
    assert "lowest to the highest seed. Seeds per arm: n = 2." in caption(figure)
    assert "end early" in caption(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["local, shared"]
    assert is_drawn(figure)


def test_without_validation_images_the_training_error_is_drawn():
    figure = learning_curves([epoch("a", 0, 1, 0.0), epoch("b", 0, 1, 1.0)], {"a": "a", "b": "b"}, "title")
    loss, error = figure.axes
    assert loss.get_yscale() == "linear"  # 0 has no logarithm
    assert list(error.lines[0].get_ydata()) == [25] and error.get_ylabel() == "training error (%)"
    assert "end early" not in caption(figure)


def test_eleven_arms_differ_without_colour():
    arms = [f"arm{i}" for i in range(11)]
    rows = [epoch(arm, seed, 1, 1.0) for arm in arms for seed in range(1 + (arm == "arm3"))]
    figure = learning_curves(rows, {arm: arm for arm in arms}, "title")
    lines = figure.axes[0].lines
    assert len({line.get_marker() for line in lines}) == 11
    assert [text.get_text() for text in figure.legends[0].get_texts()] == arms
    assert "n = 1 to 2." in caption(figure)


def test_the_legend_of_forty_arms_fits():
    arms = [f"arm{i}" for i in range(40)]
    figure = learning_curves([epoch(arm, 0, 1, 1.0) for arm in arms], {arm: arm for arm in arms}, "title")
    figure.draw_without_rendering()
    [legend] = figure.legends
    assert legend.get_window_extent().y0 > 0 and legend.get_window_extent().y1 < figure.bbox.y1


def test_arms_without_finite_epochs_are_drawn_without_points():
    assert is_drawn(learning_curves([epoch("a", 0, 1, None, train_accuracy=None)], {"a": "a"}, "title"))
