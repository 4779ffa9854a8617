"""What figures of sweeps over the number of training images show."""

import pytest

from lenet_jax.analysis.effects import Corners, effect_rows
from lenet_jax.report import size_figures
from tests.helpers.results import result

SIZES = (100, 600)
CORNERS = {f"{size} images": Corners(*(f"{name}_{size}" for name in Corners._fields)) for size in SIZES}
LINES = {name: {size: f"{name}_{size}" for size in SIZES} for name in Corners._fields}
ERRORS = {"local_shared": 0.1, "local_unshared": 0.2, "full_shared": 0.3, "full_unshared": 0.4}
RESULTS = [
    result(f"{name}_{size}", seed, 1 - error * 100 / size + 0.001 * seed)
    for name, error in ERRORS.items()
    for size in SIZES
    for seed in (0, 1)
]


def test_ratios_are_those_of_groups_of_one_size():
    ratios = size_figures.ratios_of(LINES, CORNERS, effect_rows(RESULTS, CORNERS))
    assert list(ratios) == ["connectivity", "sharing"] and list(ratios["sharing"]) == list(SIZES)
    # Without rounding: the geometric mean of 0.2 / 0.4 and 0.1 / 0.3; of 0.3 / 0.4 and 0.1 / 0.2.
    assert ratios["connectivity"][100].mean == pytest.approx((1 / 6) ** 0.5, rel=0.01)
    assert ratios["sharing"][600].mean == pytest.approx((3 / 8) ** 0.5, rel=0.05)


def test_without_several_sizes_there_are_none():
    one = {name: corners for name, corners in CORNERS.items() if name == "100 images"}
    assert size_figures.ratios_of(LINES, one, effect_rows(RESULTS, one)) == {}
    twice = CORNERS | {"again": CORNERS["100 images"]}
    assert size_figures.ratios_of(LINES, twice, effect_rows(RESULTS, twice)) == {}
    mixed = {"": Corners("local_shared_600", *CORNERS["100 images"][1:])}
    assert size_figures.ratios_of(LINES, mixed, effect_rows(RESULTS, mixed)) == {}


@pytest.mark.parametrize("corners", [CORNERS, {}])
def test_ratios_have_a_panel_of_their_own(corners):
    ratios = size_figures.ratios_of(LINES, corners, effect_rows(RESULTS, corners))
    row = {"test_accuracy_mean": 0.9, "test_accuracy_ci_low": 0.8, "test_accuracy_ci_high": 0.95}
    arms = [arm for line in LINES.values() for arm in line.values()]
    fields = {
        arm: {
            "model.name": "cnn",
            "model.connectivity": arm.split("_")[0],
            "model.sharing": arm.split("_")[1],
        }
        for arm in arms
    }
    words = {name: f"network {name}" for name in LINES}
    figure = size_figures.error_against_images(
        LINES, dict.fromkeys(arms, row), words, fields, ratios, "title"
    )
    assert len(figure.axes) == (2 if corners else 1)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == list(words.values())
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["100", "600"]
    if corners:
        legend = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
        assert legend == ["sparse, local connectivity", "weight sharing"]
