"""Programs of every kind are lowered for accelerators, without having any: no form for one breaks another."""

import itertools
import re

import jax
import pytest

from configs import ablation
from configs.finding import families
from configs.finding.sharing_studies import EXPLORATORY
from configs.finding.studies import STUDIES
from configs.history.common import DISTORTED
from configs.history.families import ERAS
from lenet_jax import backend
from lenet_jax.config.allowed import OneOf, per_stage
from lenet_jax.config.fields import FIELDS, default_config, override
from lenet_jax.config.resolve import OPTIONAL_TERMS, resolve
from lenet_jax.training.engine import population_functions
from tests.helpers.commands import PROJECT
from tests.helpers.devices import simulated

PLATFORMS = ("cuda", "rocm", "tpu")
COUNTS = {"train": 1000, "validation": 100, "test": 300}


def first_candidates(arms):
    """Name -> fields of each arm, with its first candidate."""
    return {arm.name: arm.overrides | next(iter(arm.candidates.values()), {}) for arm in arms}


ABLATION = first_candidates(ablation.get_arms(ablation.get_config()))
HISTORY = first_candidates(itertools.chain(*ERAS.values()))
FINDING = first_candidates([
    *families.families("mnist"),
    *itertools.chain(*(study() for study in (*STUDIES.values(), *EXPLORATORY.values()))),
])  # fmt: skip

# The ablation, and a few programs of configs/history and configs/finding that together cover every kind of
# layer, loss and step. Changes that arms of one network make one at a time are combined.
ARMS = {
    **ABLATION,
    "zipcode_sgd": HISTORY["zipcode_sgd"],
    "zipcode_adam": HISTORY["zipcode_decay"],
    "zipcode_exact": HISTORY["zipcode_lm"] | {"train.curvature": "exact"},
    "net4_positions": HISTORY["net4_positions"],
    "lenet1": HISTORY["lenet1"] | {"train.curvature_estimate": "maximum"},
    "lenet5": HISTORY["lenet5"],
    "lenet5_variations": HISTORY["lenet5"] | {
        "train.loss": "rbf",
        "model.pooling": "trainable_average,trainable_average,none",
        "train.curvature": "backpropagated_sums",
        "train.curvature_estimate": "first_epoch",
        "train.curvature_distorted": True,
        **DISTORTED,
    },
    "lenet5_today": HISTORY["lenet5_today"],
    "mlp_two": HISTORY["mlp_two"] | {"model.initialisation": "root_fan_in"},
    "mlp_best": FINDING["mlp_best"] | {"model.dropout": 0.5},
    **{
        name: FINDING[name]
        for name in (
            "random_unshared_none", "full_shared_none", "random_shared_padded", "full_shared_padded",
            "within_2_unshared", "local_unshared_tied", "local_shared_mean", "embedded_1",
            "kernel_5_blocks_7", "kernel_whole_blocks_7", "rank_1", "rank_4", "averaged_10_4_600",
            "lasso_1e-05",
        )
    },
}  # fmt: skip
# Fields that the host reads, not the program.
OF_HOSTS = ("dataset", "parallel", "train.select_epoch")


def to_compile(arm, devices):
    """The functions for a population of an arm on simulated devices, of one run each on a CPU."""
    resolved = resolve(override(default_config(), ARMS[arm]))
    functions = population_functions(simulated(devices), not backend.is_cpu())
    program = resolved.make_program(COUNTS).in_epoch(1)
    return functions.to_compile(program, sum(COUNTS.values()), runs=devices if backend.is_cpu() else 4)


def test_the_arms_have_every_kind_of_what_a_program_computes():
    """If this fails for a new connectivity, loss, optimizer, ..., add an arm that has it."""
    configs = [resolve(override(default_config(), fields)).fields for fields in ARMS.values()]
    for name, field in FIELDS.items():
        if isinstance(field.allowed, OneOf) and field.identifies and name not in OF_HOSTS:
            kinds = {kind for config in configs for kind in per_stage(config[name])}
            assert kinds == set(field.allowed.names), name
    for name in OPTIONAL_TERMS:
        assert {bool(config[name]) for config in configs} == {False, True}, name


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
