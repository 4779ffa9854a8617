"""Programs of every arm are lowered for accelerators, without having any: no form for one breaks another."""

import re

import jax
import pytest

from configs import ablation
from lenet_jax import backend
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.training.engine import population_functions
from tests.helpers.commands import PROJECT
from tests.helpers.devices import simulated

PLATFORMS = ("cuda", "rocm", "tpu")
ARMS = {arm.name: arm for arm in ablation.get_arms(ablation.get_config())}
COUNTS = {"train": 600, "validation": 100, "test": 300}


def to_compile(arm, devices):
    """The functions for a population of an arm on simulated devices, of one run each on a CPU."""
    resolved = resolve(override(default_config(), ARMS[arm].overrides))
    functions = population_functions(simulated(devices), not backend.is_cpu())
    return functions.to_compile(
        resolved.make_program(COUNTS), sum(COUNTS.values()), runs=devices if backend.is_cpu() else 4
    )


@pytest.mark.parametrize("arm", ARMS)
def test_epoch_and_evaluation_lower_for_every_accelerator(arm):
    with backend.compiling_for("tpu"):
        for name, (function, arguments, _) in to_compile(arm, devices=1).items():
            exported = jax.export.export(function, platforms=PLATFORMS)(*arguments)
            assert exported.platforms == PLATFORMS, name
            assert "LayoutConstraint" not in exported.mlir_module()  # it is for CPUs
            # Sums in the same order each time make a scatter far slower than the rest on a GPU.
            assert "stablehlo.scatter" not in exported.mlir_module(), name


def test_a_population_on_several_devices_lowers_for_every_accelerator():
    with backend.compiling_for("tpu"):
        function, arguments, _ = to_compile("local_shared", devices=4)["train_epoch"]
        exported = jax.export.export(function, platforms=PLATFORMS)(*arguments)
    assert exported.nr_devices == 4


def test_on_a_cpu_programs_have_the_form_for_cpus():
    function, arguments, _ = to_compile("local_shared", devices=1)["outputs"]
    assert backend.is_cpu()
    assert "LayoutConstraint" in function.lower(*arguments).as_text()
    with backend.compiling_for("cuda"):
        assert not backend.is_cpu()
    assert backend.is_cpu()


def test_only_one_module_asks_for_the_backend():
    asking = re.compile(r"default_backend|get_backend|\.platform\b(?!\()")
    found = [
        path.relative_to(PROJECT).as_posix()
        for folder in ("lenet_jax", "experiments", "benchmarks", "configs")
        for path in sorted((PROJECT / folder).rglob("*.py"))
        if asking.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["lenet_jax/backend.py"]
