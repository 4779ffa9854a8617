"""What JAX and XLA are set to, by us or from outside, where it decides numbers.

Most settings that change results are fixed while this project computes (`own_settings`). Those that only
take effect when JAX starts are made by the commands. What is left, such as XLA's own options, is recorded
with each run (`settings_from_outside`), so that no sweep mixes two.
"""

import contextlib
import functools
import os
import pathlib
import re
from collections.abc import Generator

import jax

from lenet_jax import backend

# Context managers of JAX by name, with the values under which numbers are defined: JAX 0.10's defaults.
# Random keys do not depend on `jax_random_seed_offset`, see `lenet_jax.training.keys`.
OWN_SETTINGS = {
    "default_prng_impl": "threefry2x32",
    "threefry_partitionable": True,
    "enable_custom_prng": False,
    "debug_key_reuse": False,
    "legacy_prng_key": "allow",
    "enable_x64": False,
    "numpy_dtype_promotion": "standard",
    "numpy_rank_promotion": "allow",
    "default_matmul_precision": None,
    "allow_f16_reductions": True,
    "softmax_custom_jvp": False,
    "transfer_guard": "allow",
    "disable_jit": False,
    "debug_nans": False,  # a run whose loss is not finite is recorded as diverged
    "debug_infs": False,
    "check_tracer_leaks": False,
    "no_tracing": False,
    "no_execution": False,
    "enable_checks": False,
}
# Environment variables of XLA and the libraries below it that change numbers.
OF_XLA = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE", "ROCBLAS_DEFAULT_ATOMICS_MODE")
# Variables of JAX that do not: which devices there are, caches, messages and profiles.
HARMLESS = re.compile(
    r"JAX_(PLATFORM|.*_VISIBLE_DEVICES|NUM_CPU_DEVICES|.*COMPILATION_CACHE|PERSISTENT_CACHE|COORDINATOR|NUM_PROC"
    r"|PROCESS_ID|TRACEBACK|INCLUDE_FULL_TRACEBACKS|LOG|DEBUG_LOG|DUMP|EXPLAIN|PPRINT|RANDOM_SEED_OFFSET"
    r"|TRANSFER_GUARD|THREAD_GUARD|CHECK_PROXY|RAISE_PERSISTENT|CPU_ENABLE_ASYNC)"
)
# Options of XLA that do not, or that are recorded otherwise.
HARMLESS_OPTION = re.compile(
    r"--xla_(dump|force_host_platform_device_count|gpu_deterministic_ops|hlo_profile)"
)
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
# Of the GPUs' memory: what share a process may use, and whether it takes all of this share as it starts.
MEMORY_FRACTION = "XLA_CLIENT_MEM_FRACTION"
MEMORY_SETTINGS = (MEMORY_FRACTION, "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_ALLOCATOR")
PREALLOCATE = "XLA_PYTHON_CLIENT_PREALLOCATE"
WHOLE_FRACTION = 0.75  # JAX's default, for one process
THREADS = "NPROC"  # from which XLA takes the number of threads that share a product on a CPU


@contextlib.contextmanager
def own_settings() -> Generator[None, None, None]:
    """Within it, JAX is set as the project's numbers assume, whatever the environment or the caller has set.

    Also a decorator.
    """
    with contextlib.ExitStack() as stack:
        for name, value in OWN_SETTINGS.items():
            if hasattr(jax, name):  # one that a later JAX lacks cannot be set from outside
                stack.enter_context(getattr(jax, name)(value))
        yield


def settings_from_outside() -> dict[str, str]:
    """The environment variables that may change numbers and that `own_settings` does not fix, by name."""
    found = variables_from_outside()
    options = [option for option in xla_options() if not HARMLESS_OPTION.match(option)]
    found["XLA_FLAGS"] = " ".join(sorted(options))
    if jax.config.values.get("jax_disable_most_optimizations"):  # which a program may set as well
        found["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    return {name: value for name, value in sorted(found.items()) if value}


def variables_from_outside() -> dict[str, str]:
    """The environment variables of `settings_from_outside`, by name, as they are set."""
    fixed = {f"JAX_{name.upper()}" for name in OWN_SETTINGS}
    return {
        name: value
        for name, value in os.environ.items()
        if value
        and (name in OF_XLA or (name.startswith("JAX_") and name not in fixed and not HARMLESS.match(name)))
    }


def xla_options() -> list[str]:
    """The options in XLA_FLAGS, or in the file that it names; a file that cannot be read has none."""
    text = os.environ.get("XLA_FLAGS", "").strip()
    if text and not text.startswith("-"):
        try:
            text = pathlib.Path(text).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return []
    return text.split()


def make_gpus_deterministic() -> None:
    """Makes compiled functions deterministic on GPUs; on CPUs they are.

    Call it before JAX computes anything, as XLA reads the flag once. On a GPU or TPU the last digits of a run
    still depend on how many runs are trained side by side.
    """
    os.environ["XLA_FLAGS"] = " ".join([*(o for o in xla_options() if o != DETERMINISTIC), DETERMINISTIC])


def use_threads(number: int) -> None:
    """Lets `number` threads share each product on a CPU; 0: one per core.

    Call it before JAX computes anything. The order in which a product is summed up, and so its last digits,
    depends on the number.
    """
    if number:
        os.environ[THREADS] = str(number)
    else:
        os.environ.pop(THREADS, None)


def share_gpus(processes: int) -> None:
    """Divides the memory of the GPUs among this process's workers; it changes nothing for one process.

    By default a process takes three quarters of it as it starts, and the next one finds too little. Call it
    before JAX computes anything; child processes inherit it. What the environment says about memory is kept.
    """
    if processes > 1 and not any(os.environ.get(name) for name in MEMORY_SETTINGS):
        os.environ[MEMORY_FRACTION] = f"{WHOLE_FRACTION / processes:.4f}"
        os.environ.setdefault(PREALLOCATE, "false")  # the process that starts them computes nothing


def threads() -> int | None:
    """The number of threads that share a product; None if runs are not computed on the CPU."""
    return _threads_of_cpu() if backend.is_cpu() else None


@functools.cache  # XLA reads them when it starts
def _threads_of_cpu() -> int:
    devices = jax.local_device_count()
    wanted = os.environ.get(THREADS, "")
    is_number = re.fullmatch(r"\s*[+-]?[0-9]+\s*", wanted)  # as XLA reads it; it takes other text for none
    number = int(wanted) if is_number else len(os.sched_getaffinity(0))
    return max(number, devices)  # each simulated device has at least one of them
