"""JAX settings, to be made before anything is computed."""

import os
import pathlib

import jax


def make_gpus_deterministic() -> None:
    """Makes compiled functions deterministic on GPUs; on CPUs they are.

    Call it before JAX computes anything, as XLA reads the flag once. On a GPU or TPU the last digits of a run
    still depend on how many runs are trained side by side.
    """
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"


def keep_compilations() -> None:
    """Keeps compiled programs in the user's cache folder, so that no program is compiled twice.

    The environment variable JAX_COMPILATION_CACHE_DIR names another folder. If the folder is not writable,
    nothing is kept.
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
