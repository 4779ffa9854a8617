"""Pictures of trained networks: which are drawn of a recorded sweep, and what is refused."""

import pathlib

import numpy as np
import pytest

from lenet_jax.report import inspection_pages, run_pictures
from lenet_jax.report.inspection_pages import write_pictures
from lenet_jax.runs.loaded import load_run
from lenet_jax.runs.trained import TrainedRun
from tests.helpers import small_store
from tests.helpers.commands import run_command

OF_LOCAL = ["local_shared-seed0-confusion", "local_shared-seed0-mistakes", "local_shared-seed0-kernels"]


def inspect(directory, *arguments):
    return run_command("inspect", f"--workdir={directory}", *arguments)


@pytest.fixture
def undrawn(monkeypatch):
    """Nothing is rendered, which takes most of the time: files hold what a picture's title is."""

    def title(figure, form):
        return f"{form}: {figure.get_suptitle()}".encode()

    monkeypatch.setattr("lenet_jax.report.figures.render", title)


def test_pictures_are_listed_and_drawn_again_byte_for_byte(sweep_copy, monkeypatch):
    monkeypatch.setattr(inspection_pages, "FORMATS", ("png",))
    ended = inspect(sweep_copy)
    assert ended.status == 0, ended.err
    lines = dict(line.split(": ", 1) for line in ended.out.splitlines())
    folder = sweep_copy / "pictures"
    compared = "local_shared-mlp_8-seed0-disagreements"  # with the arm that has most parameters
    assert [pathlib.Path(path) for path in lines] == [
        folder / f"{name}.png" for name in ("curves", *OF_LOCAL, "local_shared-seed0-maps", compared)
    ]
    classes = load_run(sweep_copy, "local_shared", 0).answers["test"].labels
    assert lines[f"{folder}/curves.png"] == "loss and error after each epoch, 4 arms, 8 runs"
    assert "mistakes on test images" in lines[f"{folder}/{OF_LOCAL[1]}.png"]
    assert (
        lines[f"{folder}/local_shared-seed0-maps.png"]
        == f"the feature maps of test image 0, class {classes[0]}"
    )
    drawn = {path: path.read_bytes() for path in folder.iterdir()}
    assert len(drawn) == len(lines) and all(png.startswith(b"\x89PNG") for png in drawn.values())
    assert inspect(sweep_copy) == ended
    assert {path: path.read_bytes() for path in folder.iterdir()} == drawn


def test_two_arms_are_drawn_and_compared(sweep_copy, undrawn):
    ended = inspect(sweep_copy, "--arm=mlp_4,local_shared", "--seed=1", "--image=359,2")
    assert ended.status == 0, ended.err
    names = [line.partition(".png, .pdf: ")[0].rpartition("/")[2] for line in ended.out.splitlines()]
    assert names == [
        "curves",
        *(f"mlp_4-seed1-{kind}" for kind in ("confusion", "mistakes", "kernels")),  # an MLP has no maps
        *(f"local_shared-seed1-{kind}" for kind in ("confusion", "mistakes", "kernels")),
        "local_shared-seed1-maps-image359",
        "local_shared-seed1-maps-image2",
        "mlp_4-local_shared-seed1-disagreements",
    ]
    folder = sweep_copy / "pictures"
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{form}" for name in names for form in ("png", "pdf")
    }
    title = " ".join((folder / "local_shared-seed1-maps-image2.pdf").read_text().split())
    shown = "feature maps of test image 2, class 4, after epoch 2"
    assert title == f"pdf: digits, local_shared, seed 1: {shown}"
    title = " ".join((folder / "mlp_4-seed1-kernels.png").read_text().split())
    assert title == "png: digits, mlp_4, seed 1: weights of dense_1 after epoch 2, 4 units"
    assert "2 arms, 4 runs" in ended.out


def test_weights_that_are_not_shared_are_drawn_at_a_grid_of_positions():
    assert run_pictures.grid_of_positions(784) == [
        row * 28 + column for row in (4, 14, 23) for column in (4, 14, 23)
    ]
    assert run_pictures.grid_of_positions(4) == [0, 1, 2, 3]
    assert run_pictures.grid_of_positions(1) == [0]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--arm=lenet"], "has no runs of arm 'lenet': choose from local_shared, mlp_8, mlp_4, too_fast."),
        (["--arm=mlp_8,mlp_4,too_fast"], "--arm names 3 arms: name one, or two to compare."),
        (["--seed=7"], "has no run with seed 7: its seeds are 0, 1."),
        (["--arm=mlp_8", "--seed=7"], "has no run of arm mlp_8 with seed 7: its seeds are 0, 1."),
        (["--arm=too_fast"], "has no weights of arm too_fast with seed 0: the run diverged."),
        (["--image=360"], "--image=360 is not one of the 360 test images: choose from 0 to 359."),
        (["--image=-1"], "--image=-1 is not one of the 360 test images"),
        (["--image=three"], "--image=three must hold numbers of images, for example --image=0,17."),
        (["--image=3", "--arm=mlp_8"], "--image has no effect: arm mlp_8 is an MLP, which has no feature"),
        (["--dataset=mnist_5k"], "mnist_5k holds other images (mnist_5k) than the run's (digits)"),
        (["--seed=first"], "flag --seed=first"),
        (["first"], "'first' is not a flag"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_nothing_is_written(arguments, sentence, sweep_copy, undrawn):
    ended = inspect(sweep_copy, *arguments)
    assert ended.status == 1 and sentence in ended.err and ended.err.count("\n") == 1
    assert not (sweep_copy / "pictures").exists()


def test_without_records_nothing_is_drawn(tmp_path):
    ended = inspect(tmp_path)
    assert ended.status == 1 and "holds no config.json of a sweep" in ended.err
    assert not list(tmp_path.iterdir())


def test_without_networks_there_are_learning_curves_alone(tmp_path, undrawn):
    small_store.fill(tmp_path, small_store.FOUR)
    ended = inspect(tmp_path)
    assert ended.status == 0, ended.err
    curves, note = ended.out.splitlines()
    assert curves == f"{tmp_path}/pictures/curves.png, .pdf: loss and error after each epoch, 2 arms, 4 runs"
    assert note == f"No networks kept in {tmp_path}/weights: only the learning curves are drawn."
    ended = inspect(tmp_path, "--arm=wide")
    assert ended.status == 1 and "has no weights of arm wide with seed 0" in ended.err


def test_a_lost_network_is_passed_over_unless_it_is_chosen(sweep_copy, undrawn):
    (sweep_copy / "weights" / "local_shared-seed0.msgpack").unlink()
    assert "local_shared-seed1-kernels" in inspect(sweep_copy).out
    ended = inspect(sweep_copy, "--arm=local_shared", "--seed=0")
    assert ended.status == 1 and "local_shared-seed0.msgpack is missing" in ended.err


def test_where_test_images_are_not_scored_validation_images_are_drawn(sweep_copy, undrawn, monkeypatch):
    answers = TrainedRun.answers.func
    monkeypatch.setattr(
        TrainedRun, "answers", property(lambda run: {"validation": answers(run)["validation"]})
    )
    shown = [written.shows for written in write_pictures(sweep_copy)]
    assert "which answers were given to validation images of each class" in shown
    assert any(line.startswith("the feature maps of validation image 0") for line in shown)


def test_own_images_that_moved_are_found_by_the_flag(tmp_path, undrawn):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 16, 16, 3), np.uint8)
    labels = np.array(["$a", "b"] * 20)
    np.savez(
        tmp_path / "own.npz", x_train=images[:30], y_train=labels[:30], x_test=images[30:], y_test=labels[30:]
    )
    ended = run_command(
        "train", f"--config.dataset={tmp_path / 'own.npz'}", f"--workdir={tmp_path / 'run'}",
        "--config.model.maps=2", "--config.model.hidden=3", "--config.train.epochs=1",
        "--config.train.batch_size=9", "--config.data.validation_fraction=0.1",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    moved = (tmp_path / "own.npz").rename(tmp_path / "moved.npz")
    ended = inspect(tmp_path / "run")
    assert ended.status == 1 and "own.npz doesn't exist" in ended.err and "--dataset=PATH" in ended.err
    ended = inspect(tmp_path / "run", f"--dataset={moved}")
    assert ended.status == 0, ended.err
    assert "feature maps of test image 0, class $a" in ended.out and "disagreements" not in ended.out
