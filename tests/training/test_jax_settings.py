"""What JAX is set to from outside changes no number, or is recorded."""

import contextlib

import jax
import numpy as np
import pytest
from jaxlib import xla_client

from lenet_jax import backend
from lenet_jax.config.fields import default_config, override
from lenet_jax.runs.single import train
from lenet_jax.training import jax_settings
from lenet_jax.training.jax_settings import (
    OWN_SETTINGS,
    make_gpus_deterministic,
    own_settings,
    settings_from_outside,
    share_gpus,
    threads,
    use_threads,
    xla_options,
)
from lenet_jax.training.keys import Purpose, purpose_key


def trained_weights():
    """The weights of a run that draws everything that seeds decide."""
    config = override(default_config(), {
        "dataset": "digits", "data.image_size": 16, "data.box": 16, "model.maps": (2,), "model.hidden": (8,),
        "model.connectivity": "random", "model.sharing": "unshared", "model.dropout": 0.2,
        "distortion.probability": 0.5, "distortion.shift": 1.0, "train.epochs": 1, "train.batch_size": 431,
    })  # fmt: skip
    run = train(config)
    leaves = jax.tree.leaves((run.variables, run.predict(run.splits().test.images[:20])))
    return [np.asarray(leaf) for leaf in leaves]


@pytest.fixture(scope="module")
def weights():
    return trained_weights()


# Another value for each setting.
OTHERS = {
    "default_prng_impl": "rbg",
    "threefry_partitionable": False,
    "enable_custom_prng": True,
    "debug_key_reuse": True,
    "legacy_prng_key": "error",
    "enable_x64": True,
    "numpy_dtype_promotion": "strict",
    "numpy_rank_promotion": "raise",
    "default_matmul_precision": "bfloat16",
    "allow_f16_reductions": False,
    "softmax_custom_jvp": True,
    "transfer_guard": "disallow",
    "disable_jit": True,
    "debug_nans": True,
    "debug_infs": True,
    "check_tracer_leaks": True,
    "no_tracing": True,
    "no_execution": True,
    "enable_checks": True,
}


def test_each_setting_has_another_value():
    assert OTHERS.keys() == OWN_SETTINGS.keys()
    assert not [name for name, value in OTHERS.items() if value == OWN_SETTINGS[name]]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_no_setting_of_the_caller_changes_a_number(weights, name):
    with getattr(jax, name)(OTHERS[name]):
        same = trained_weights()
    assert_same(same, weights)


def test_all_settings_of_the_caller_together_change_no_number(weights):
    with contextlib.ExitStack() as stack:
        for name, value in OTHERS.items():
            stack.enter_context(getattr(jax, name)(value))
        same = trained_weights()
    assert_same(same, weights)


def assert_same(same, weights):
    assert len(same) == len(weights)
    for one, other in zip(same, weights, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "name",
    ["jax_transfer_guard_host_to_device", "jax_transfer_guard_device_to_host", "jax_default_prng_impl"],
)
def test_no_global_setting_changes_a_number(weights, name):
    before = jax.config.values[name]
    jax.config.update(name, "rbg" if "prng" in name else "disallow")
    try:
        same = trained_weights()
    finally:
        jax.config.update(name, before)
    assert_same(same, weights)


def test_a_seed_is_the_seed_whatever_offset_is_set():
    seeds = (0, 1, 77, 2**31 - 1)
    keys = [jax.random.key_data(purpose_key(seed, Purpose.WIRING)) for seed in seeds]
    plain = [jax.random.fold_in(jax.random.key(seed), int(Purpose.WIRING)) for seed in seeds]
    jax.config.update("jax_random_seed_offset", 1)
    try:
        again = [jax.random.key_data(purpose_key(seed, Purpose.WIRING)) for seed in seeds]
    finally:
        jax.config.update("jax_random_seed_offset", 0)
    np.testing.assert_array_equal(keys, again)
    np.testing.assert_array_equal(keys, [jax.random.key_data(key) for key in plain])


def test_settings_are_the_callers_own_again():
    with jax.numpy_dtype_promotion("strict"):
        with contextlib.suppress(ZeroDivisionError), own_settings():
            assert jax.config.jax_numpy_dtype_promotion == "standard"
            raise ZeroDivisionError
        assert jax.config.jax_numpy_dtype_promotion == "strict"


def test_what_is_not_fixed_is_recorded(monkeypatch):
    monkeypatch.setattr("os.environ", {
        "PATH": "/bin", "HOME": "/home", "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1",
        "JAX_COMPILATION_CACHE_DIR": "/tmp", "JAX_TRANSFER_GUARD_DEVICE_TO_HOST": "log",
        "JAX_RANDOM_SEED_OFFSET": "3", "JAX_NUM_CPU_DEVICES": "2", "JAX_LOG_COMPILES": "1",
    })  # fmt: skip
    assert settings_from_outside() == {}
    monkeypatch.setattr("os.environ", {
        "JAX_OPTIMIZATION_LEVEL": "O1", "JAX_A_LATER_OPTION": "1", "NVIDIA_TF32_OVERRIDE": "1",
        "XLA_FLAGS": "--xla_dump_to=/tmp --xla_cpu_enable_fast_math=true --xla_gpu_deterministic_ops=true "
        "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=1",
    })  # fmt: skip
    assert settings_from_outside() == {
        "JAX_A_LATER_OPTION": "1",
        "JAX_OPTIMIZATION_LEVEL": "O1",
        "NVIDIA_TF32_OVERRIDE": "1",
        "XLA_FLAGS": "--xla_backend_optimization_level=1 --xla_cpu_enable_fast_math=true",
    }


def test_options_in_a_file_survive(monkeypatch, tmp_path):
    (tmp_path / "flags").write_text("--xla_dump_to=/tmp\n--xla_cpu_enable_fast_math=true\n")
    monkeypatch.setenv("XLA_FLAGS", str(tmp_path / "flags"))
    assert xla_options() == ["--xla_dump_to=/tmp", "--xla_cpu_enable_fast_math=true"]
    for _ in range(2):  # once or twice makes no difference
        make_gpus_deterministic()
        assert xla_options() == [
            "--xla_dump_to=/tmp",
            "--xla_cpu_enable_fast_math=true",
            "--xla_gpu_deterministic_ops=true",
        ]
    monkeypatch.setenv("XLA_FLAGS", str(tmp_path / "missing"))
    assert xla_options() == []
    monkeypatch.delenv("XLA_FLAGS")
    make_gpus_deterministic()
    assert xla_options() == ["--xla_gpu_deterministic_ops=true"]


@pytest.mark.parametrize(
    ("variable", "devices", "cores", "number"),
    [
        ("", 1, 3, 3),
        ("1", 1, 3, 1),
        ("7", 1, 3, 7),
        ("2", 4, 3, 4),
        ("many", 1, 3, 3),
        ("-1", 1, 3, 1),
        (" +2", 1, 3, 2),
        ("0", 1, 3, 1),
        ("٣", 1, 2, 2),
    ],
)
def test_the_number_of_threads_is_the_one_that_xla_takes(monkeypatch, variable, devices, cores, number):
    monkeypatch.setenv("NPROC", variable)
    monkeypatch.setattr(jax, "local_device_count", lambda: devices)
    monkeypatch.setattr(jax_settings.os, "sched_getaffinity", lambda _: set(range(cores)))
    assert jax_settings._threads_of_cpu.__wrapped__() == number


def test_an_accelerator_has_no_threads_whatever_was_asked_before():
    with backend.compiling_for("tpu"):
        assert threads() is None
    of_cpu = threads()
    assert of_cpu is not None
    with backend.compiling_for("tpu"):
        assert threads() is None
    assert threads() == of_cpu


@pytest.mark.parametrize(
    ("environment", "processes", "fraction", "preallocate"),
    [
        ({}, 1, None, None),
        ({}, 4, 0.1875, False),
        ({"XLA_PYTHON_CLIENT_MEM_FRACTION": ".5"}, 4, 0.5, None),
        ({"XLA_CLIENT_MEM_FRACTION": ".5"}, 4, 0.5, None),
        ({"XLA_PYTHON_CLIENT_PREALLOCATE": "true"}, 2, 0.375, True),
    ],
)
def test_processes_on_one_gpu_share_its_memory(monkeypatch, environment, processes, fraction, preallocate):
    """By the options that JAX passes to the GPU's client, which is not started."""
    for name in (*jax_settings.MEMORY_SETTINGS, jax_settings.PREALLOCATE):
        monkeypatch.setenv(name, environment.get(name, ""))
        if name not in environment:
            monkeypatch.delenv(name)
    share_gpus(processes)
    options = xla_client.generate_pjrt_gpu_plugin_options()
    assert (options.get("memory_fraction"), options.get("preallocate")) == (fraction, preallocate)


def test_threads_are_set_before_jax_starts(monkeypatch):
    monkeypatch.setenv("NPROC", "5")
    use_threads(2)
    assert jax_settings.os.environ["NPROC"] == "2"
    use_threads(0)
    assert "NPROC" not in jax_settings.os.environ
