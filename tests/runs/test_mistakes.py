"""The wrong answers of a sweep, in one small file."""

import io
import shutil
import zipfile

import numpy as np
import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs.loaded import load_sweep
from lenet_jax.runs.mistakes import FILE, Mistakes, read_mistakes, write_mistakes
from lenet_jax.runs.store import read_sweep


def test_they_are_the_test_images_that_a_run_answers_wrongly(finished_sweep):
    sweep = load_sweep(finished_sweep)
    found = sweep.mistakes()
    done = [run for run in sweep if run.result["status"] == "done"]
    assert list(found) == [(run.arm, run.seed) for run in done]
    for run in done:
        images, answers = found[run.arm, run.seed]
        labels = run.splits().test.labels
        assert len(images) == round((1 - run.result["test_accuracy"]) * len(labels)) > 0
        assert (answers != labels[images]).all() and (np.diff(images) > 0).all()
        assert (run.answers["test"].classes[images] == answers).all()
    assert len(sweep.select(arm="mlp_8", seed=0).mistakes()) == 1


def test_they_stay_when_predictions_are_gone_and_runs_are_unchanged(sweep_copy):
    before = (sweep_copy / FILE).read_bytes()
    shutil.rmtree(sweep_copy / "predictions")
    _, runs = read_sweep(sweep_copy)
    write_mistakes(sweep_copy, runs)
    assert (sweep_copy / FILE).read_bytes() == before
    for run in runs:
        run["result"]["test_accuracy"] = 0.125  # of other runs than the file's
    write_mistakes(sweep_copy, runs)
    assert not (sweep_copy / FILE).exists()
    assert load_sweep(sweep_copy).mistakes() == {}


def test_damaged_predictions_are_left_out_with_a_warning(sweep_copy, caplog):
    before = read_mistakes(sweep_copy)
    path = sweep_copy / "predictions" / "mlp_8-seed0.msgpack"
    path.write_bytes(path.read_bytes()[:-1])
    write_mistakes(sweep_copy, read_sweep(sweep_copy)[1])
    assert "mlp_8-seed0.msgpack is damaged" in caplog.text
    after = read_mistakes(sweep_copy)
    assert all(np.array_equal(after[run].images, before[run].images) for run in before)


def test_a_damaged_file_is_named_set_aside_and_made_again(sweep_copy, caplog):
    before = (sweep_copy / FILE).read_bytes()
    (sweep_copy / FILE).write_bytes(b"PK")
    with pytest.raises(UserError, match=r"mistakes.npz is damaged: experiments.report makes it again"):
        read_mistakes(sweep_copy)
    write_mistakes(sweep_copy, read_sweep(sweep_copy)[1])
    assert (sweep_copy / FILE).read_bytes() == before
    assert (sweep_copy / f"{FILE}.damaged-1").read_bytes() == b"PK" and "set aside" in caplog.text


def test_a_run_takes_less_than_a_kilobyte(sweep_copy, monkeypatch):
    """As many mistakes as an MLP makes on MNIST, 2.7 % of 10,000."""
    rng = np.random.default_rng(0)
    runs = {
        ("arm", seed): Mistakes(np.sort(rng.permutation(10_000)[:270]), rng.integers(0, 10, 270))
        for seed in range(10)
    }
    from lenet_jax.runs import mistakes

    assert len(mistakes._pack(runs)) < 1000 * len(runs)


def header_of(shape, dtype="<i8"):
    """An array in numpy's format that claims a shape, without its content."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    "member",
    [
        header_of((10**13,)),
        header_of((-1,)),
        header_of((4,), "|O") + b"cos\nsystem\n(S'true'\ntR.",
        b"not an array",
        b"",
    ],
    ids=["terabytes", "negative", "objects", "no array", "empty"],
)
def test_what_a_file_claims_is_checked_before_memory_is_allocated(tmp_path, member):
    with zipfile.ZipFile(tmp_path / FILE, "w") as archive:
        for name in ("arm", "seed", "count", "step", "answer"):
            archive.writestr(f"{name}.npy", member)
    with pytest.raises(UserError, match=r"mistakes.npz is damaged"):
        read_mistakes(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"count": np.array([3])},
        {"count": np.array([-1])},
        {"count": np.array(2)},
        {"seed": np.array([np.inf])},
        {"arm": np.array([[1, 2]])},
        {"step": np.array([0.5, 0.5])},
    ],
)
def test_arrays_that_do_not_fit_together_are_damage(tmp_path, change):
    arrays = {"arm": np.array(["a"]), "seed": np.array([0]), "count": np.array([2])}
    arrays |= {"step": np.array([1, 2]), "answer": np.array([3, 4])}
    np.savez(tmp_path / FILE, **arrays)
    assert read_mistakes(tmp_path)["a", 0].images.tolist() == [0, 2]
    np.savez(tmp_path / FILE, **arrays | change)
    with pytest.raises(UserError, match=r"mistakes.npz is damaged"):
        read_mistakes(tmp_path)
