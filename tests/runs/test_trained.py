"""Trained runs in Python: opened from a folder, and trained in memory or into one."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lenet_jax
from lenet_jax.config.fields import default_config, override
from lenet_jax.data import load_native
from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.runs.loaded import load_run, load_sweep
from lenet_jax.runs.single import train
from tests.helpers import folders
from tests.helpers.commands import run_command

SMALL = {
    "dataset": "digits",
    "train.epochs": 2,
    "train.batch_size": 431,
    "model.name": "mlp",
    "model.hidden": (4,),
    "data.image_size": 16,
    "data.box": 16,
}
UNSTEADY = {
    "train__epochs": 4,
    "train__learning_rate": 1.0,
    "train__schedule": "constant",
    "train__batch_size": 64,
}


def small(**fields):
    """A config that trains in an instant (dots as `__`)."""
    return override(default_config(), SMALL | {name.replace("__", "."): it for name, it in fields.items()})


def train_unsteadily(folder, **fields):
    """A run in a folder whose best epoch, by validation accuracy, is not its last.

    Last digits decide which is best, so it is computed by products, which are there on all machines.
    """
    with form.using(form.PRODUCTS):
        return train(small(**UNSTEADY, **fields), folder=folder)


@pytest.fixture(scope="module")
def in_memory():
    """A network trained in memory, and what its callback got."""
    called = []
    return train(small(), called.append), called


def test_predictions_on_raw_images_are_those_that_were_scored(finished_sweep):
    sweep = load_sweep(finished_sweep)
    done = list(sweep.select(seed=0, where=lambda run: run.result["status"] == "done"))
    assert [run.arm for run in done] == ["local_shared", "mlp_8", "mlp_4"]
    for run in done:
        splits = run.splits()
        for split, column in (("train", "train"), ("validation", "val"), ("test", "test")):
            images, labels = getattr(splits, split)
            accuracy = (run.predict_class(images) == labels).mean()
            assert accuracy == run.result[f"{column}_accuracy"]
        images, labels = splits.test
        assert images.shape == (360, 8, 8) and images.dtype == np.uint8
        scores = run.predict(jnp.asarray(images))
        answers = run.answers["test"]
        assert (scores.argmax(-1) == answers.classes).all() and (labels == answers.labels).all()
        best = np.sort(scores, -1)
        np.testing.assert_allclose(best[:, -1] - best[:, -2], answers.margins, rtol=1e-5, atol=1e-6)
        preprocessed = run.splits(preprocessed=True).test.images
        assert (run.predict(preprocessed, preprocessed=True) == scores).all()


def test_a_loaded_run_is_the_recorded_one(finished_sweep):
    run = load_run(finished_sweep, "local_shared", 1)
    [row] = [row for row in folders.results(finished_sweep) if (row["arm"], row["seed"]) == (run.arm, 1)]
    assert run.result == row and run.seed == 1 and run.network.epoch == 2
    assert run.counts.parameters == row["parameters"]
    assert sum(leaf.size for leaf in jax.tree.leaves(run.variables["params"])) == row["parameters"]
    assert [epoch["epoch"] for epoch in run.epochs] == [1, 2]
    assert run.config.train.batch_size == 431 and run.config.dataset == "digits"
    assert list(run.feature_maps(run.splits().test.images[:3])) == ["stage_1", "pool_2"]
    assert run.kernels()["stage_1"].shape == (1, 2, 5, 5, 1)
    assert repr(run) == "<TrainedRun local_shared seed 1: done>"


def test_runs_are_selected_by_arm_seed_and_condition(finished_sweep):
    sweep = load_sweep(finished_sweep)
    assert (len(sweep), sweep.seeds) == (8, [0, 1])
    assert sweep.arms == ["local_shared", "mlp_8", "mlp_4", "too_fast"]
    assert [(run.arm, run.seed) for run in sweep.select(["mlp_4", "mlp_8"], 1)] == [
        ("mlp_8", 1),
        ("mlp_4", 1),
    ]
    small_runs = sweep.select(where=lambda run: run.counts.parameters < 2000)
    assert set(small_runs.arms) < set(sweep.arms)
    assert "8 networks" not in sweep.describe_networks() and "6 networks kept" in sweep.describe_networks()


def test_what_is_not_there_is_refused_in_a_sentence(finished_sweep, sweep_copy):
    with pytest.raises(UserError, match=r"has no runs of arm 'mlp_9': choose from local_shared, mlp_8"):
        load_run(finished_sweep, "mlp_9", 0)
    with pytest.raises(UserError, match=r"has no run of arm mlp_8 with seed 7: its seeds are 0, 1"):
        load_run(finished_sweep, "mlp_8", 7)
    with pytest.raises(UserError, match=r"has no weights of arm too_fast with seed 0: the run diverged"):
        _ = load_run(finished_sweep, "too_fast", 0).variables
    path = sweep_copy / "weights" / "mlp_8-seed0.msgpack"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"mlp_8-seed0.msgpack is damaged, its SHA-256 is not the reco"):
        load_run(sweep_copy, "mlp_8", 0).predict(np.zeros((1, 8, 8)))
    path.unlink()
    with pytest.raises(UserError, match=r"mlp_8-seed0.msgpack is missing: .* --rerun"):
        load_run(sweep_copy, "mlp_8", 0).predict(np.zeros((1, 8, 8)))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 9, 9)), r"Images of shape \(2, 9, 9\) do not fit .* 8x8 pixels and 1 channel: give"),
        (np.zeros((2, 8, 8, 3)), r"Images of shape \(2, 8, 8, 3\) do not fit"),
        (np.zeros((8, 8)), r"Images of shape \(8, 8\) do not fit"),
        (np.full((2, 8, 8), np.nan), r"Image 0 holds NaN or infinite values"),
        (np.full((2, 8, 8), 1e300), r"Image 0 holds NaN or infinite values"),
        (np.full((2, 8, 8), "x"), r"Images of dtype <U1 are not numbers"),
        ([[1, 2], [3]], r"The images are not one array"),
    ],
)
def test_images_that_do_not_fit_are_refused(in_memory, images, message):
    with pytest.raises(UserError, match=message):
        in_memory[0].predict(images)


def test_no_images_have_no_scores(in_memory):
    assert in_memory[0].predict(np.zeros((0, 8, 8))).shape == (0, 10)


def test_the_callback_gets_every_epoch(in_memory):
    run, called = in_memory
    assert called == run.epochs and [metrics["epoch"] for metrics in called] == [1, 2]
    assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"} < set(called[0])
    assert called[-1]["val_accuracy"] == run.result["val_accuracy"]
    assert run.arm == "mlp" and run.answers["test"].classes.shape == (360,)


def test_a_run_in_a_folder_is_that_of_the_command_and_is_opened_again(in_memory, tmp_path):
    called = []
    run = train(small(), called.append, tmp_path / "run")
    assert len(called) == 2
    again = train(small(), called.append, tmp_path / "run")
    assert len(called) == 2 and again.result == run.result
    assert (tmp_path / "run" / "weights" / "mlp-seed0.msgpack").exists()
    for one in (run, again):
        assert (one.predict(run.splits().test.images) == in_memory[0].predict(run.splits().test.images)).all()
    command = json.loads((tmp_path / "run" / "config.json").read_text())["command"]
    assert command[:3] == ["python", "-m", "experiments.train"]
    ended = run_command("train", *command[3:], f"--workdir={tmp_path / 'run'}")
    assert ended.status == 0 and "Already recorded" in ended.out, ended.err


@pytest.mark.parametrize("keep", ["last", "best", "none"])
def test_the_network_that_is_kept(tmp_path, keep):
    run = train_unsteadily(tmp_path, keep=keep)
    accuracies = [epoch["val_accuracy"] for epoch in run.epochs]
    best = 1 + int(np.argmax(accuracies))
    assert best < 4
    if keep == "none":
        with pytest.raises(UserError, match=r"no weights of arm mlp with seed 0: it ran with --config.keep"):
            _ = run.network
        return
    assert run.network.epoch == {"last": 4, "best": best}[keep]
    images, labels = run.splits().validation
    assert (run.predict_class(images) == labels).mean() == accuracies[run.network.epoch - 1]
    images, labels = run.splits().test  # the answers are those of the epoch that counts, the last
    right = run.answers["test"].classes == run.answers["test"].labels
    assert right.mean() == run.result["test_accuracy"]


def test_answers_are_those_of_the_epoch_that_counts(tmp_path):
    run = train_unsteadily(tmp_path, keep="best", train__select_epoch="best_validation")
    images, labels = run.splits().test
    assert (run.predict_class(images) == labels).mean() == run.result["test_accuracy"]
    assert (run.answers["test"].classes == run.predict_class(images)).all()
    assert run.result["test_accuracy"] != run.result["last_accuracy"]


def test_drawn_images_are_the_splits_of_their_run():
    config = small(data__draw=(640, 80, 100), data__validation_fraction=0.0, seed=3, train__batch_size=64)
    run = train(config)
    splits = run.splits()
    assert [len(split.labels) for split in splits] == [640, 80, 100]
    for split, column in (("train", "train"), ("validation", "val"), ("test", "test")):
        images, labels = getattr(splits, split)
        assert (run.predict_class(images) == labels).mean() == run.result[f"{column}_accuracy"]
    assert (splits.test.labels == run.answers["test"].labels).all()


def test_permuted_images_are_predicted_as_they_were_scored(tmp_path):
    config = small(data__permutation_seed=4, data__train_images=200, train__batch_size=50)
    train(config, folder=tmp_path)
    run = load_run(tmp_path, "mlp", 0)
    splits = run.splits()
    assert [len(split.labels) for split in splits] == [200, 144, 360]
    for split, column in (("train", "train"), ("validation", "val"), ("test", "test")):
        images, labels = getattr(splits, split)
        assert (run.predict_class(images) == labels).mean() == run.result[f"{column}_accuracy"]
    native = load_native("digits")
    assert (splits.test.images == native.test_images).all()
    assert (run.predict_class(native.test_images) == run.answers["test"].classes).all()
    preprocessed = run.splits(preprocessed=True).test.images
    assert (run.predict(preprocessed, preprocessed=True) == run.predict(native.test_images)).all()


def test_a_batch_is_at_most_the_subset_of_training_images():
    with pytest.raises(UserError, match=r"batch_size=431 must be at most the 200 training images of digits"):
        train(small(data__train_images=200))


def test_images_at_several_positions_are_predicted_as_preprocessed():
    config = small(
        data__draw=(64, 16, 16), data__positions=4, data__validation_fraction=0.0, train__batch_size=64
    )
    run = train(config)
    raw, shifted = run.splits().test, run.splits(preprocessed=True).test
    assert raw.images.shape == (16, 8, 8) and shifted.images.shape == (16, 16, 16, 1)
    assert (raw.labels == shifted.labels).all()
    predicted = run.predict_class(shifted.images, preprocessed=True)
    assert (predicted == shifted.labels).mean() == run.result["test_accuracy"]


def test_the_network_of_a_run_that_diverged_is_refused():
    run = train(small(train__learning_rate=1e38))
    assert run.result["status"] == "diverged"
    for attribute in ("variables", "answers"):
        with pytest.raises(UserError, match=r"mlp seed 0 diverged in epoch 1: it has no network and"):
            getattr(run, attribute)


def test_rbf_distances_are_negated():
    bitmaps = ",".join(f"{'#' * digit}{'.' * (9 - digit)}" for digit in range(10))
    config = small(
        model__output="rbf", model__hidden=(9,), model__bitmaps=bitmaps, train__loss="rbf", train__epochs=1
    )
    run = train(config)
    images, labels = run.splits().test
    scores = run.predict(images)
    assert (scores <= 0).all()
    assert (scores.argmax(-1) == labels).mean() == run.result["test_accuracy"]
    outputs = run.model.apply(run.variables, run.splits(preprocessed=True).test.images)
    np.testing.assert_allclose(scores, -outputs, rtol=1e-5)


def test_public_functions_are_these():
    assert (lenet_jax.train, lenet_jax.load_run, lenet_jax.load_sweep) == (train, load_run, load_sweep)


def test_changing_what_splits_returned_changes_nothing_else(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = rng.integers(0, 200, (40, 8, 8), np.uint8)
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    run = train(small(dataset=str(tmp_path / "own.npz"), train__batch_size=4))
    for split in run.splits():
        split.images[:] = 7
        split.labels[:] = 1
    test = run.splits().test
    assert (test.images == images).all() and (test.labels == labels).all()


def test_seeds_from_a_table_are_accepted_and_unknown_arms_are_not(finished_sweep):
    sweep = load_sweep(finished_sweep)
    seed = sweep.to_pandas()["seed"].unique()[1]  # of numpy
    assert len(sweep.select(seed=seed)) == 4 and load_run(finished_sweep, "mlp_4", seed).seed == 1
    assert len(sweep.select(arm=(name for name in ("mlp_4", "mlp_8")))) == 4
    with pytest.raises(UserError, match=r"has no runs of arm 'nope'"):
        sweep.select(arm="nope")


@pytest.mark.parametrize("computed_by", [form.PRODUCTS, form.NATIVE])
def test_the_untrained_network_is_the_one_that_training_starts_from(computed_by):
    """Training with a learning rate that moves no weight keeps it."""
    fields = {"model.name": "cnn", "model.connectivity": "random", "model.maps": (2,)}
    config = override(small(), fields | {"train.learning_rate": 1e-30, "seed": 3})
    with form.using(computed_by):
        run = train(config)
    untrained = run.untrained()
    assert jax.tree.map(np.shape, untrained.variables) == jax.tree.map(np.shape, run.variables)
    jax.tree.map(np.testing.assert_array_equal, untrained.variables["wiring"], run.variables["wiring"])
    trained, before = (network.variables["params"] for network in (run, untrained))
    jax.tree.map(lambda *leaves: np.testing.assert_allclose(*leaves, rtol=0, atol=1e-20), before, trained)
    assert repr(untrained) == "<TrainedRun cnn seed 3: untrained>" and untrained.network.epoch == 0
    assert "test_accuracy" not in untrained.result and untrained.epochs == []
    with pytest.raises(UserError, match="untrained network of cnn seed 3 has no recorded answers"):
        _ = untrained.answers


def test_with_an_l1_penalty_no_weight_is_small_but_not_0():
    run = train(small(train__l1_penalty=0.01, train__l1_threshold=5.0))
    for layer in run.variables["params"].values():
        sizes = abs(layer["kernel"]) if "kernel" in layer else np.ones(1)
        assert ((sizes == 0) | (sizes >= np.float32(0.05))).all()
    assert (run.variables["params"]["dense_1"]["kernel"] == 0).mean() > 0.2
