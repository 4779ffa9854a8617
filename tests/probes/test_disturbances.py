"""Disturbed images: what is moved, by how much, and that all networks get the same."""

import numpy as np
import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.probes.disturbances import Noise, Occlusion, Rotation, Shift, shift
from lenet_jax.probes.images import Images
from lenet_jax.probes.probe import TRAINED
from lenet_jax.runs.single import train

BACKGROUND, INK = -0.1, 1.175


def disturbed(probe, images, amount, seed=0):
    rng = np.random.default_rng(seed)
    return probe.disturb(images.astype(np.float32), amount, BACKGROUND, INK, rng)


@pytest.fixture
def dots():
    """100 images (9, 9, 1) with one pixel of ink in the centre."""
    images = np.full((100, 9, 9, 1), BACKGROUND, np.float32)
    images[:, 4, 4] = INK
    return images


def test_images_are_shifted_in_four_directions_by_the_same_distance(dots):
    places = np.argwhere(disturbed(Shift(), dots, 3)[..., 0] == np.float32(INK))[:, 1:] - 4
    assert len(places) == 100
    assert {tuple(place) for place in places.tolist()} == {(0, 3), (0, -3), (3, 0), (-3, 0)}


def test_what_is_shifted_out_is_lost():
    images = np.arange(12.0).reshape(1, 3, 4, 1)[:, :, :3]
    assert shift(images, 0, 1, -1)[0, ..., 0].tolist() == [[-1, 0, 1], [-1, 4, 5], [-1, 8, 9]]
    assert shift(images, -2, 0, -1)[0, ..., 0].tolist() == [[8, 9, 10], [-1] * 3, [-1] * 3]
    assert (shift(images, 0, 7, -1) == -1).all()


def test_images_are_rotated_about_their_centre_both_ways():
    images = np.full((100, 9, 9, 1), BACKGROUND, np.float32)
    images[:, 4, 7] = INK  # to the right of the centre
    rotated = disturbed(Rotation(), images, 90)[..., 0]
    places = [tuple(place) for place in np.argwhere(rotated > 1)[:, 1:].tolist()]
    assert len(places) == 100 and set(places) == {(1, 4), (7, 4)}


def test_noise_is_relative_to_the_contrast():
    grey = np.zeros((100, 9, 9, 1))
    noise = disturbed(Noise(), grey, 0.5)
    assert noise.std() == pytest.approx(0.5 * (INK - BACKGROUND), rel=0.05)
    assert abs(noise.mean()) < 0.05
    assert (noise == disturbed(Noise(), grey, 0.5)).all()


def test_a_square_patch_is_occluded_somewhere_in_each_image():
    occluded = disturbed(Occlusion(), np.full((100, 9, 9, 1), INK), 4)[..., 0]
    hidden = occluded == np.float32(BACKGROUND)
    assert (hidden.sum((1, 2)) == 16).all()
    assert (hidden.any(1).sum(1) == 4).all() and (hidden.any(2).sum(1) == 4).all()
    assert len(np.unique(hidden, axis=0)) > 20
    assert (occluded[~hidden] == np.float32(INK)).all()


SMALL = {"dataset": "digits", "train.epochs": 1, "train.batch_size": 431, "data.box": 20}


@pytest.fixture(scope="module")
def runs():
    """An MLP on 28x28 pixels, and one on 32x32."""
    mlp = SMALL | {"model.name": "mlp", "model.hidden": (4,)}
    return [
        train(override(default_config(), mlp | {"data.image_size": size, "seed": size})) for size in (28, 32)
    ]


@pytest.mark.parametrize("probe", [Shift((0, 5)), Rotation((0, 40)), Noise((0, 0.2)), Occlusion((0, 6))])
def test_networks_that_read_wider_margins_get_the_same_images(runs, probe):
    found = []
    for run in runs:
        images = Images().splits(run)
        found.append([probe._test(images, amount, run) for amount in probe.amounts])
    for narrow, wide in zip(*found, strict=True):
        assert (narrow == wide[:, 2:-2, 2:-2]).all()
        margin = np.ones((32, 32), bool)
        margin[2:-2, 2:-2] = False
        assert (wide[:, margin] == np.float32(BACKGROUND)).all()
    assert (found[0][0] != found[0][1]).any()


def test_undisturbed_images_have_the_recorded_errors(runs):
    images = Images()
    for run in runs:
        undisturbed, shifted = Shift((0, 6)).measure(run, images)
        assert (undisturbed.weights, undisturbed.at) == (TRAINED, 0)
        assert undisturbed.value == pytest.approx(1 - run.result["test_accuracy"])
        wrong = run.answers["test"].classes != run.answers["test"].labels
        assert (undisturbed.is_wrong == wrong).all()
        assert shifted.value == shifted.is_wrong.mean() > undisturbed.value
        [of_few] = Shift((0,), images=50).measure(run, images)
        assert (of_few.is_wrong == wrong[:50]).all()


def test_where_runs_draw_their_own_images_wrong_answers_are_not_recorded():
    draw = {"data.draw": (640, 80, 100), "data.validation_fraction": 0.0, "train.batch_size": 64}
    config = override(default_config(), SMALL | draw | {"model.name": "mlp", "model.hidden": (4,)})
    run = train(config)
    [value] = Shift((0,)).measure(run, Images())
    assert value.is_wrong is None and value.value == pytest.approx(1 - run.result["test_accuracy"])
