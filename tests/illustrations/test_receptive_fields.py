import numpy as np

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.illustrations.receptive_fields import growing_field, receptive_fields


def sizes(**fields):
    network = resolve(override(default_config(), {f"model.{name}": value for name, value in fields.items()}))
    return {name: field.size for name, field in receptive_fields(network).items()}


def test_fields_of_lenet5():
    """5; one more by pooling; 4 rows of fields that are 2 apart; 2 more; everything."""
    assert sizes() == {
        "stage_1": 5, "pool_2": 5 + 1, "stage_3": 6 + 4 * 2, "pool_4": 14 + 2, "classifier": 16 + 4 * 4,
    }  # fmt: skip


def test_fields_follow_from_kernels_and_pooling():
    assert sizes(kernel_size=(3, 5))["stage_3"] == 3 + 1 + 4 * 2
    assert sizes(connectivity="full,local")["stage_1"] == 32
    without = sizes(pooling="none")
    assert (without["stage_1"], without["stage_2"]) == (5, 9)


def test_no_frame_is_clipped():
    figure = growing_field(resolve(default_config()), np.zeros((32, 32), np.uint8))
    for axes in figure.axes:
        [frame] = axes.patches
        image = axes.transData.inverted().transform_bbox(axes.bbox)
        margin = frame.get_linewidth() / 2  # more than this many pixels of the image
        inside = image.x0 + margin < frame.get_x() < frame.get_x() + frame.get_width() < image.x1 - margin
        assert inside or not frame.get_clip_on()
