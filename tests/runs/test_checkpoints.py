"""Runs that were stopped in the middle go on exactly, to the last bit."""

import fcntl
import random

import jax
import numpy as np
import pytest

from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.runs import checkpoints as checkpoints_lib
from lenet_jax.runs import interruption, single
from lenet_jax.runs.checkpoints import Checkpoints
from lenet_jax.runs.interruption import Interrupted
from lenet_jax.runs.population import train_runs
from lenet_jax.runs.run import Run, prepare
from lenet_jax.runs.sweep import run_sweep
from tests.helpers import folders, tiny_sweep

EPOCHS = 4
TINY = {
    "dataset": "digits",
    "data.image_size": 16,
    "data.box": 16,
    "model.maps": (2,),
    "model.hidden": (8,),
    "train.epochs": EPOCHS,
    "train.batch_size": 400,
}
# Everything that a run in training depends on besides its weights.
VARIANTS = {
    "all random": {
        "model.connectivity": "random",
        "model.sharing": "unshared",
        "model.dropout": 0.2,
        "distortion.probability": 0.5,
        "distortion.shift": 1.0,
    },
    "adam, the best epoch": {
        "train.optimizer": "adam",
        "train.learning_rate": 0.01,
        "train.select_epoch": "best_validation",
        "keep": "best",
    },
    "images of its own": {"data.draw": (800, 100, 300), "data.validation_fraction": 0.0},
    "curvature": {
        "data.draw": (40, 10, 10),
        "data.validation_fraction": 0.0,
        "train.optimizer": "levenberg_marquardt",
        "train.curvature_estimate": "maximum",
        "train.batch_size": 1,
        "train.learning_rate": 1e-4,
        "train.curvature_images": 20,
    },
    "a constraint until epoch 2": {
        "model.connectivity": "full",
        "model.sharing": "unshared",
        "model.start": "convolution",
        "train.constrained_epochs": 2,
    },
    "each batch on all devices": {"parallel": "pmap"},
}


def runs_of(fields, seeds=1, arm="arm"):
    resolved = resolve(override(default_config(), TINY | fields))
    return [Run(arm, resolved.with_seed(seed)) for seed in range(seeds)]


def train(runs, saved=(), log_epoch=lambda *_: None, **arguments):
    return train_runs(runs, prepare(runs[0].resolved, len(runs)), log_epoch, saved=saved, **arguments)


def stopped_after(epoch, runs, folder, saved=()):
    """Trains until `epoch`, saves the runs in `folder`, and stops there, as a signal would."""
    of_folder = Checkpoints(folder)

    def stop(run, its_epoch, metrics):
        if its_epoch == epoch:
            interruption.request()

    with interruption.deferred(quiet=True), pytest.raises(Interrupted):
        train(runs, saved, stop, save=of_folder.save_if_due)
    return [of_folder.read(run) for run in runs]


def assert_same(one, other):
    """All that is known of two attempts is equal, but their seconds."""
    leaves = []
    for attempt in (one, other):
        for metrics in attempt.metrics:
            metrics.pop("seconds", None)
        network = attempt.network and attempt.network._asdict()
        answers = {split: found._asdict() for split, found in attempt.answers.items()}
        plain = (attempt.status, attempt.epoch, attempt.metrics, attempt.scored, attempt.best)
        leaves.append((repr(plain), jax.tree.leaves_with_path((network, answers))))
    assert leaves[0][0] == leaves[1][0]
    assert len(leaves[0][1]) == len(leaves[1][1])
    for (path, left), (_, right) in zip(leaves[0][1], leaves[1][1], strict=True):
        np.testing.assert_array_equal(left, right, err_msg=str(path))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "each batch on all devices" else ())
        for name in VARIANTS
    ],
)
def test_a_stopped_run_goes_on_exactly(tmp_path, name):
    runs = runs_of(VARIANTS[name])
    whole = train(runs)
    first = stopped_after(1, runs, tmp_path)
    second = stopped_after(3, runs, tmp_path, first)  # stopped twice
    assert [one.epoch for one in first + second] == [1, 3]
    [resumed] = train(runs, second)
    assert resumed.status == "done" and len(resumed.metrics) == EPOCHS
    assert_same(resumed, whole[0])


def test_a_population_goes_on_with_a_run_that_diverged(tmp_path):
    mlp = {"model.name": "mlp"}
    runs = [*runs_of(mlp, seeds=3), *runs_of(mlp | {"train.learning_rate": 1e38}, arm="too_fast")]
    whole = train(runs)
    assert [attempt.status for attempt in whole] == ["done"] * 3 + ["diverged"]
    saved = stopped_after(2, runs, tmp_path)
    for resumed, untouched in zip(train(runs, saved), whole, strict=True):
        assert_same(resumed, untouched)


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory):
    """A run, and the folder of its checkpoints after epochs 1, 2 and 3. Tests do not change the folder."""
    folder = tmp_path_factory.mktemp("saved")
    [run] = runs_of({"model.name": "mlp"})
    of_folder = Checkpoints(folder)
    train([run], save=lambda runs, take: of_folder.write(run, take()[0]))
    return run, folder


@pytest.fixture
def copied(saved_run, tmp_path):
    """The run, its checkpoints in a folder of the test's own, and their files by name."""
    run, folder = saved_run
    for path in folder.rglob("*.msgpack"):
        copy = tmp_path / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return run, Checkpoints(tmp_path), {path.name: path for path in tmp_path.rglob("*.msgpack")}


def test_the_two_newest_are_kept(copied):
    run, found, paths = copied
    assert sorted(paths) == ["epoch-2.msgpack", "epoch-3.msgpack"]
    assert found.read(run).epoch == 3
    assert found.read(run._replace(arm="other")) is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_one_is_named_and_the_one_before_it_used(copied, caplog, damage):
    run, found, paths = copied
    path = paths["epoch-3.msgpack"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:1000], "flipped": content, "empty": b""}[damage])
    assert found.read(run).epoch == 2
    assert str(path) in caplog.text and "damaged" in caplog.text
    assert not path.exists()
    paths["epoch-2.msgpack"].write_bytes(b"")
    assert found.read(run) is None


def test_no_damage_goes_unnoticed(copied):
    """Bytes changed, lost and added anywhere, the checksum included."""
    run, found, paths = copied
    path, draw = paths["epoch-3.msgpack"], random.Random(0)
    intact = path.read_bytes()
    for _ in range(60):
        content = bytearray(intact)
        at = draw.choice([draw.randrange(40), draw.randrange(len(content))])
        how = draw.choice(["change", "lose", "add"])
        if how == "change":
            content[at] ^= draw.randint(1, 255)
        elif how == "lose":
            del content[at : at + draw.randint(1, 100)]
        else:
            content[at:at] = draw.randbytes(draw.randint(1, 100))
        path.write_bytes(content)
        assert found.read(run).epoch == 2


def test_one_that_other_code_made_is_not_used(copied, caplog, monkeypatch):
    run, found, paths = copied
    monkeypatch.setattr(checkpoints_lib, "code_digest", lambda: "0" * 16)
    assert found.read(run) is None
    assert "other code" in caplog.text and not any(path.exists() for path in paths.values())


def test_one_of_another_config_is_not_used(copied):
    _, found, _ = copied
    [run] = runs_of({"model.name": "mlp", "train.learning_rate": 0.01})
    assert found.read(run) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"threads": 9}, "--threads="),
        ({"environment": {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true"}}, "fast_math"),
    ],
)
def test_one_made_with_other_settings_is_refused_and_kept(copied, monkeypatch, settings, words):
    run, found, paths = copied
    real = checkpoints_lib.settings("jit")
    monkeypatch.setattr(checkpoints_lib, "settings", lambda parallel: real | settings)
    with pytest.raises(UserError, match=words):
        found.read(run)
    assert all(path.exists() for path in paths.values())


def test_one_is_written_when_its_time_has_come(copied, monkeypatch):
    run, found, _ = copied
    newest = found.read(run)
    times = iter([0.0, 59.0, 61.0, 61.0, 119.0, 122.0, 122.0])
    monkeypatch.setattr(checkpoints_lib.time, "monotonic", lambda: next(times))
    found.__init__(found._sweep)
    wrote = []
    monkeypatch.setattr(Checkpoints, "write", lambda self, run, saved: wrote.append(saved.epoch))
    for _ in range(4):  # after 59, 61, 119 and 122 seconds
        found.save_if_due([run], lambda: [newest])
    assert wrote == [3, 3]


def test_what_a_kill_has_left_of_recorded_runs_is_removed(copied, tmp_path):
    run, found, paths = copied
    (tmp_path / ".claims").mkdir()
    claim = tmp_path / ".claims" / f"{run.arm}-seed{run.seed}"
    with open(claim, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found.remove_recorded([run.key])  # a process computes it again
    assert all(path.exists() for path in paths.values())
    found.remove_recorded([("other", 0)])
    assert all(path.exists() for path in paths.values())
    found.remove_recorded([run.key])  # what a kill has left of a claim claims nothing
    assert not any(path.exists() for path in paths.values())


@pytest.mark.parametrize("name", ["python", "libraries", "device"])
def test_one_of_another_machine_or_other_libraries_is_not_used(copied, monkeypatch, name):
    run, found, _ = copied
    other = checkpoints_lib.provenance() | {name: "other"}
    monkeypatch.setattr(checkpoints_lib, "provenance", lambda: other)
    assert found.read(run) is None


@pytest.mark.parametrize("folder", [False, True])
def test_a_signal_in_the_last_epoch_counts(tmp_path, folder):
    """A loop over runs in a user's script ends, and what was trained is recorded."""
    seen = []

    def stop(metrics):
        seen.append(metrics["epoch"])
        if metrics["epoch"] == EPOCHS:
            interruption.request()

    config = override(default_config(), TINY | {"model.name": "mlp"})
    with pytest.raises(Interrupted):
        single.train(config, stop, tmp_path if folder else None)
    assert seen[-1] == EPOCHS
    if folder:
        assert single.train(config, stop, tmp_path).result["status"] == "done"
        assert len(seen) == EPOCHS


def test_a_callback_has_the_settings_of_the_caller():
    types = []
    config = override(default_config(), TINY | {"model.name": "mlp", "train.epochs": 1})
    with jax.enable_x64(True):
        single.train(config, lambda metrics: types.append(jax.numpy.ones(1).dtype))
    assert types == [np.float64]


def test_a_sweep_stopped_by_a_signal_goes_on_and_leaves_no_checkpoints(tmp_path):
    config = tiny_sweep.get_config()
    config.seeds, config.train.epochs = 1, 3
    arms = [Arm("mlp", {"model.name": "mlp"}), Arm("cnn", {})]
    run_sweep(config, arms, ["command"], tmp_path / "whole")
    seen = []

    def stop(metrics):
        seen.append(metrics["epoch"])
        if len(seen) in (2, 4):
            interruption.request()

    statuses = []
    for _ in range(2):
        with pytest.raises(Interrupted) as stopped:
            run_sweep(config, arms, ["command"], tmp_path / "stopped", callback=stop)
        statuses.append(stopped.value.status)
        assert [path.name for path in (tmp_path / "stopped" / "checkpoints").iterdir()]
    run_sweep(config, arms, ["command"], tmp_path / "stopped", callback=stop)
    assert statuses == [143, 143]
    assert seen == [1, 2, 3, 1, 2, 3]  # no epoch was trained twice
    assert not (tmp_path / "stopped" / "checkpoints").exists()
    assert folders.numbers(tmp_path / "stopped") == folders.numbers(tmp_path / "whole")
    without_seconds = [
        [{name: value for name, value in one.items() if name not in ("seconds", "sha256")} for one in epochs]
        for epochs in map(folders.epochs, (tmp_path / "stopped", tmp_path / "whole"))
    ]
    assert without_seconds[0] == without_seconds[1]
