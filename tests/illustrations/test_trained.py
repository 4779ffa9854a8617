import numpy as np
import pytest

from experiments.illustrate import TRAINED
from lenet_jax.errors import UserError
from lenet_jax.illustrations import trained
from lenet_jax.report.run_pictures import grid_of_positions
from lenet_jax.runs.loaded import load_sweep
from tests.helpers.commands import run_command

SMALL = [
    "--config.arms=local_shared,local_unshared",
    "--config.seeds=1",
    "--config.dataset=digits",
    "--config.train.epochs=1",
    "--config.data.image_size=16",
    "--config.data.box=16",
    "--config.model.maps=2,3",
    "--config.model.kernel_size=3",
]


def test_arrays_are_those_of_the_networks(tmp_path, one_format):
    ended = run_command("ablate", "--config=configs/ablation.py", *SMALL, f"--workdir={tmp_path}")
    assert ended.status == 0, ended.err
    sweep = load_sweep(tmp_path)
    [shared] = sweep.select(arm="local_shared")
    taken = trained.take(sweep)
    image = shared.splits(preprocessed=True).test.images[:1]
    ink, background = shared.config.data.ink, shared.config.data.background
    np.testing.assert_allclose(
        taken.image / 255 * (ink - background) + background, image[0, ..., 0], atol=3e-3
    )
    assert taken.scores.argmax() == shared.predict_class(image, preprocessed=True)[0]
    assert float(taken.scores.sum()) == pytest.approx(1)
    learned = shared.kernels()["stage_1"] - shared.untrained().kernels()["stage_1"]
    np.testing.assert_allclose(taken.shared, learned[0, ..., 0], rtol=1e-3, atol=1e-4)
    [unshared] = sweep.select(arm="local_unshared")
    start = unshared.untrained().kernels()["stage_1"]
    learned = (unshared.kernels()["stage_1"] - start)[..., 0]
    positions = grid_of_positions(len(learned))
    np.testing.assert_allclose(taken.unshared, learned[positions], rtol=1e-3, atol=1e-4)
    assert taken.about["start_within"] == pytest.approx(float(abs(start).max()), abs=0.02)
    maps = shared.feature_maps(image, preprocessed=True)["stage_3"][0]
    np.testing.assert_allclose(taken.stage_3 / 127.5 - 1, maps.transpose(2, 0, 1), atol=5e-3)
    assert "--config.arms=" in taken.about["command"] and taken.about["test_error_percent"]

    trained.write(tmp_path / "trained.npz", taken)
    again = trained.read(tmp_path / "trained.npz")
    assert again.about == taken.about
    for first, second in zip(taken[:-1], again[:-1], strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "trained.npz").write_bytes(TRAINED.read_bytes()[:-100])
    with pytest.raises(UserError, match="trained.npz is damaged .* take the arrays again with --trained=DIR"):
        trained.read(tmp_path / "trained.npz")


def test_the_committed_arrays_are_small_and_name_their_command():
    assert TRAINED.stat().st_size < 10_000
    about = trained.read(TRAINED).about
    assert about["command"].startswith("python -m experiments.ablate --config=configs/ablation.py")
    assert about["test_error_percent"]["local_shared"] < about["test_error_percent"]["local_unshared"]
