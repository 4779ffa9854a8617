"""A user's own images, from the command line through every arm of the ablation to predictions elsewhere."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from lenet_jax.runs.loaded import load_run, load_sweep
from tests.helpers import folders
from tests.helpers.commands import PROJECT, one_device, run_command

NAMES = ("bar", "cross", "dot", "ring", "stripes")
ABLATION = f"--config={PROJECT / 'configs' / 'ablation.py'}"
# Stage 1 reads 3 channels, and there are 5 outputs.
CLASSIFIER = 400 * 120 + 120 + 120 * 84 + 84 + 84 * 5 + 5
SPARSE_SHARED = 25 * 3 * 6 + 6 + 25 * 6 * 16 + 16
SPARSE_UNSHARED = 784 * (25 * 3 * 6 + 6) + 100 * (25 * 6 * 16 + 16)
FULL_SHARED = 1024 * 3 * 6 + 6 + 196 * 6 * 16 + 16
FULL_UNSHARED = 784 * (1024 * 3 * 6 + 6) + 100 * (196 * 6 * 16 + 16)
PIXELS = 32 * 32 * 3
PARAMETERS = {
    "local_shared": SPARSE_SHARED + CLASSIFIER,
    "local_unshared": SPARSE_UNSHARED + CLASSIFIER,
    "random_shared": SPARSE_SHARED + CLASSIFIER,
    "random_unshared": SPARSE_UNSHARED + CLASSIFIER,
    "full_shared": FULL_SHARED + CLASSIFIER,
    "full_unshared": FULL_UNSHARED + CLASSIFIER,
    # (3,072 + 1 + 5) h + 5 is nearest to local_shared's with h = 20.
    "mlp_matched": 20 * (PIXELS + 1) + 5 * (20 + 1),
    "mlp_300": 300 * (PIXELS + 1) + 5 * (300 + 1),
    "mlp_1000": 1000 * (PIXELS + 1) + 5 * (1000 + 1),
    "mlp_300_100": 300 * (PIXELS + 1) + 100 * (300 + 1) + 5 * (100 + 1),
    "mlp_500_150": 500 * (PIXELS + 1) + 150 * (500 + 1) + 5 * (150 + 1),
}
PREDICT = """
import sys
import lenet_jax
for run in lenet_jax.load_sweep(sys.argv[1]):
    images, labels = run.splits().test
    accuracy = (run.predict_class(images) == labels).mean()
    assert accuracy == run.result["test_accuracy"], run
    print(run.arm)
"""


def own_images():
    """Splits of coloured patterns, one hue per class: images (N, 32, 32, 3) uint8 and their classes."""
    rng = np.random.default_rng(0)
    for split, per_class in (("train", 20), ("test", 6)):
        labels = np.repeat(np.arange(len(NAMES)), per_class)
        images = rng.integers(0, 100, (len(labels), 32, 32, 3), np.uint8)
        images[np.arange(len(labels)), :, labels] += 120
        yield split, images, labels


@pytest.fixture
def npz(tmp_path):
    """The images as one file, with the names of their classes as labels."""
    arrays = {}
    for split, images, labels in own_images():
        arrays |= {f"x_{split}": images, f"y_{split}": np.array(NAMES)[labels]}
    np.savez(tmp_path / "patterns.npz", **arrays)
    return tmp_path / "patterns.npz"


@pytest.fixture
def folder(tmp_path):
    """The same images as PNG files in folders."""
    root = tmp_path / "as_folders" / "patterns"
    for split, images, labels in own_images():
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = root / split / NAMES[label] / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return root


def ablate(dataset, directory, *arguments):
    return run_command(
        "ablate", ABLATION, f"--config.dataset={dataset}", f"--workdir={directory}",
        "--config.seeds=1", "--config.train.epochs=1", "--config.train.batch_size=45", *arguments,
    )  # fmt: skip


@pytest.mark.slow
def test_they_run_through_every_arm_and_are_predicted_exactly_in_a_new_process(npz, folder, tmp_path):
    for dataset, directory in ((npz, tmp_path / "of_npz"), (folder, tmp_path / "of_folder")):
        ended = ablate(dataset, directory)
        assert ended.status == 0, ended.err
        rows = folders.rows(directory / "table.csv")
        assert {row["arm"]: int(row["parameters"]) for row in rows} == PARAMETERS
        assert {row["dataset"] for row in folders.rows(directory / "results.csv")} == {"patterns"}
        printed = " ".join(ended.out.split())
        assert "all 30 test images of patterns" in printed and "11 networks kept" in printed
        assert load_run(directory, "local_shared", 0).dataset.classes == NAMES
    assert (tmp_path / "of_npz" / "table.csv").read_bytes() == (
        tmp_path / "of_folder" / "table.csv"
    ).read_bytes()
    assert "Already recorded" in ablate(folder, tmp_path / "of_npz").out  # the same images
    predicted = subprocess.run(
        [sys.executable, "-c", PREDICT, tmp_path / "of_npz"],
        capture_output=True, text=True, cwd=PROJECT, env=one_device(),
    )  # fmt: skip
    assert predicted.stdout.split() == list(PARAMETERS), predicted.stderr


def test_a_small_network_learns_them_and_knows_where_they_were(npz, tmp_path):
    directory = tmp_path / "sweep"
    few = "--config.arms=mlp_matched"
    ended = ablate(npz, directory, few, "--config.train.epochs=5")
    assert ended.status == 0, ended.err
    [run] = load_sweep(directory)
    assert run.result["test_accuracy"] > 0.5  # of five classes
    moved = npz.rename(tmp_path / "moved.npz")
    images, labels = run.splits(moved).test
    assert (run.predict_class(images) == labels).mean() == run.result["test_accuracy"]
    ended = ablate(npz, directory, few, "--config.train.epochs=5")
    assert ended.status == 1 and "patterns.npz doesn't exist" in ended.err
    with np.load(moved) as stored:
        arrays = dict(stored)
    arrays["x_test"][0, 0, 0, 0] ^= 1
    np.savez(npz, **arrays)  # other images at the place of the run's
    ended = ablate(npz, directory, few, "--config.train.epochs=5")
    assert ended.status == 1 and "Differing fields: dataset: recorded 'sha256:" in ended.err
    assert load_sweep(directory).arms == ["mlp_matched"]  # the folder alone is enough to open it
