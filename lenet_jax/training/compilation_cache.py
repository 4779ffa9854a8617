"""Compiled programs in the user's cache folder, and what to do when one is damaged."""

import pathlib
import re
import shutil
import warnings
from collections.abc import Callable
from typing import Any

import jax
from absl import logging

from lenet_jax import files

CACHE_WARNING = re.compile(
    r"Error (?P<access>reading|writing) persistent compilation cache entry for '(?P<name>[^']+)': "
    r"(?P<reason>.*)",
    re.DOTALL,
)


def keep_compilations() -> None:
    """Keeps compiled programs in the user's cache folder, so that no program is compiled twice.

    The environment variable JAX_COMPILATION_CACHE_DIR names another folder. If the folder is not writable,
    nothing is kept. A damaged entry is removed, so that JAX compiles it again and keeps it anew.
    """
    if not jax.config.values["jax_compilation_cache_dir"]:
        folder = files.cache_folder()
        if folder is None:
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
        was_removed = found["access"] == "reading" and _remove_entries(found["name"])
        if not self._has_said:
            self._has_said = True
            state = "held a damaged program, which is compiled again" if was_removed else "cannot be used"
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
