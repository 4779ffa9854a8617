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
import shutil
import warnings
from collections.abc import Callable, Generator
from typing import Any

import jax
from absl import logging

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
THREADS = "NPROC"  # from which XLA takes the number of threads that share a product on a CPU
CACHE_WARNING = re.compile(
    r"Error (?P<access>reading|writing) persistent compilation cache entry for '(?P<name>[^']+)': "
    r"(?P<reason>.*)",
    re.DOTALL,
)


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
    fixed = {f"JAX_{name.upper()}" for name in OWN_SETTINGS}
    found = {
        name: value
        for name, value in os.environ.items()
        if value and name.startswith("JAX_") and name not in fixed and not HARMLESS.match(name)
    }
    found |= {name: os.environ[name] for name in OF_XLA if os.environ.get(name)}
    options = [option for option in xla_options() if not HARMLESS_OPTION.match(option)]
    found["XLA_FLAGS"] = " ".join(sorted(options))
    return {name: value for name, value in sorted(found.items()) if value}


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
    """Lets each product on a CPU be shared by `number` threads; 0: by as many as there are cores.

    Call it before JAX computes anything. The order in which a product is summed up, and so its last digits,
    depends on the number.
    """
    if number:
        os.environ[THREADS] = str(number)
    else:
        os.environ.pop(THREADS, None)


@functools.cache  # XLA reads them when it starts
def threads() -> int | None:
    """The number of threads that share a product; None if runs are not computed on the CPU."""
    devices = jax.local_device_count()
    if jax.default_backend() != "cpu":
        return None
    wanted = os.environ.get(THREADS, "")
    number = int(wanted) if wanted.isdecimal() else 0
    return max(number or len(os.sched_getaffinity(0)), devices)  # each simulated device has one of them


def keep_compilations() -> None:
    """Keeps compiled programs in the user's cache folder, so that no program is compiled twice.

    The environment variable JAX_COMPILATION_CACHE_DIR names another folder. If the folder is not writable,
    nothing is kept. A damaged entry is removed, so that JAX compiles it again and keeps it anew.
    """
    if not jax.config.values["jax_compilation_cache_dir"]:
        try:
            caches = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
            folder = pathlib.Path(caches) / "lenet_jax"
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):  # RuntimeError: there is no home folder
            return
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if not isinstance(warnings.showwarning, _CacheWarnings):
        warnings.showwarning = _CacheWarnings(warnings.showwarning)  # ty: ignore[invalid-assignment] replaceable
    warnings.filterwarnings("always", CACHE_WARNING.pattern, UserWarning)  # each time, and never as an error


class _CacheWarnings:
    """Takes the place of `warnings.showwarning`: says once that the cache is damaged or cannot be written.

    JAX warns about each program that it cannot read or write, and never replaces an entry that exists.
    """

    def __init__(self, show: Callable[..., None]):
        self._show, self._has_said = show, False

    def __call__(self, message: Warning | str, *args: Any, **options: Any) -> None:
        found = CACHE_WARNING.match(str(message))
        if not found:
            self._show(message, *args, **options)
            return
        is_mended = found["access"] == "reading" and _remove_entries(found["name"])
        if not self._has_said:
            self._has_said = True
            state = "held a damaged program, which is compiled again" if is_mended else "cannot be used"
            folder = jax.config.values["jax_compilation_cache_dir"]
            logging.warning("The cache of compiled programs in %s %s (%s)", folder, state, found["reason"])


def _remove_entries(name: str) -> bool:
    """Removes what the cache holds for a program, of that name or key; returns whether it could."""
    pattern = re.compile(rf"{re.escape(name)}(-[0-9a-f]{{64}})?-(cache|atime)")
    try:
        entries = pathlib.Path(jax.config.values["jax_compilation_cache_dir"]).iterdir()
        for entry in [entry for entry in entries if pattern.fullmatch(entry.name)]:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
    except OSError:
        return False
    return True
