"""The ablation: its arms, their counts, and what its contrasts isolate."""

import pytest

from configs import ablation
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import override
from lenet_jax.config.identity import differences
from lenet_jax.config.resolve import resolve
from lenet_jax.models import wiring
from lenet_jax.runs.plan import list_runs
from tests.configs.test_files import unlike


@pytest.fixture(scope="module")
def runs():
    """Name of an arm -> its run with the first seed."""
    config = override(ablation.get_config(), {"seeds": 1})
    return {run.arm: run for run in list_runs(config, ablation.get_arms(config))}


def arms():
    return {arm.name: arm for arm in ablation.get_arms(ablation.get_config())}


def test_the_small_ablation_has_every_wiring_and_two_mlps():
    names = unlike(arms().values())
    assert names == [
        *(f"{c}_{s}" for c in wiring.CONNECTIVITY for s in wiring.SHARING),
        "mlp_matched",
        "mlp_300",
    ]


def test_the_ablation_has_the_documented_arms(runs):
    """Documented parameter counts, arm by arm."""
    parameters = {
        "local_shared": 61_706,
        "local_unshared": 423_038,
        "random_shared": 61_706,
        "random_unshared": 423_038,
        "full_shared": 84_116,
        "full_unshared": 6_763_934,
        "mlp_matched": 62_020,
        "mlp_300": 238_510,
        "mlp_1000": 795_010,
        "mlp_300_100": 266_610,
        "mlp_500_150": 469_160,
    }
    assert {name: runs[name].resolved.counts.parameters for name in parameters} == parameters


def test_arms_of_the_ablation_differ_in_the_model_and_its_field_alone(runs):
    first = runs["local_shared"].resolved.fields
    for run in runs.values():
        lines = differences(first, run.resolved.fields)
        assert {line.split(":")[0].split(".")[0] for line in lines} <= {"model", "data"}
        assert not [line for line in lines if line.startswith("data.") and "image_size" not in line]


def test_contrasts_of_the_ablation_isolate_one_constraint():
    by_name = arms()
    contrasts = {
        contrast: (arm.name, base) for arm in by_name.values() for contrast, base in arm.baselines.items()
    }
    assert len(contrasts) == len(wiring.CONNECTIVITY) + 8
    for contrast, pair in contrasts.items():
        ours, baseline = (by_name[name].overrides for name in pair)
        if contrast.startswith("sharing"):
            assert ours["model.sharing"] == "shared"
            assert baseline == ours | {"model.sharing": "unshared"}
        elif contrast.startswith("sparse"):
            assert ours["model.connectivity"] in contrast
            assert baseline == ours | {"model.connectivity": "full"}
        elif contrast.startswith("local against random"):
            assert ours["model.connectivity"] == "local"
            assert baseline == ours | {"model.connectivity": "random"}
    assert contrasts["both constraints"] == ("local_shared", "full_unshared")


def test_the_matched_mlp_follows_the_convolution():
    config = override(ablation.get_config(), {"model.hidden": (60,)})
    [matched] = [arm for arm in ablation.get_arms(config) if arm.name == "mlp_matched"]
    convolution = resolve(override(config, {"model.hidden": (60,)})).counts.parameters
    assert matched.overrides["model.parameter_budget"] == convolution


def test_a_new_connectivity_gets_its_arms_and_its_contrast_automatically(monkeypatch):
    monkeypatch.setattr(ablation, "CONNECTIVITY", [*wiring.CONNECTIVITY, "strip"])
    fields = {"model.name": "cnn", "model.connectivity": "strip"}
    assert arms()["strip_shared"] == Arm(
        "strip_shared",
        fields | {"model.sharing": "shared"},
        baselines={"sharing, strip": "strip_unshared"},
    )
    assert arms()["strip_unshared"] == Arm("strip_unshared", fields | {"model.sharing": "unshared"})
