"""What computed a run: enough to repeat it, and to know when a number may differ."""

import functools
import importlib.metadata
import os
import pathlib
import platform
from collections.abc import Mapping
from typing import Any

import jax

from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.runs.header import UNKNOWN
from lenet_jax.runs.revision import git_revision
from lenet_jax.training.jax_settings import settings_from_outside, threads

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "ml-collections", "tensorflow-datasets")
SETTINGS = ("form", "devices", "threads", "environment")
SHOWN_LIBRARIES = ("jax", "flax", "optax")


@functools.cache  # of the code as loaded: commits during a sweep do not count
def provenance() -> dict:
    """Library versions, device, processor and the project's git revision, as JSON types."""
    cores = len(os.sched_getaffinity(0))
    return {
        "revision": git_revision(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "device": jax.devices()[0].device_kind,
        "host": f"{processor()}, {cores} core{'s' * (cores > 1)}",
    }


def settings(parallel: str) -> dict[str, Any]:
    """What a run's last digits depend on besides its config, code and libraries; a sweep has one of each.

    Args:
      parallel: `config.parallel` of the run.

    Returns:
      "form": what computes the runs, see `lenet_jax.native.form`; "devices" that share each batch;
      "threads" that share each product, None if there is no CPU to share;
      "environment": variables that change how XLA compiles.
    """
    return {
        "form": form.current(),
        "devices": jax.local_device_count() if parallel == "pmap" else 1,
        "threads": threads(),
        "environment": settings_from_outside(),
    }


def check_settings(directory: pathlib.Path, recorded: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Raises UserError if runs of a folder were made with other `settings` than ours.

    Args:
      recorded: a provenance, or `settings`; those that it lacks are unknown and fit, except that runs
        without a form were computed by products.
    """
    if is_lost(recorded):
        return
    recorded = {**recorded, "form": recorded_form(recorded)}
    own_settings: dict[str, Any] = {name: ours[name] for name in SETTINGS if name in ours}
    found: dict[str, tuple[Any, Any]] = {
        name: (recorded[name], own) for name, own in own_settings.items() if recorded.get(name, own) != own
    }
    if "form" in found:
        raise UserError(_other_form(directory, found["form"][0]))
    if "threads" in found and None in found["threads"]:
        device = "a CPU" if found["threads"][0] else "an accelerator"
        raise UserError(
            f"{directory} holds runs of {device}, and this process uses another device, which changes last "
            "digits: use the same kind, or choose another --workdir."
        )
    if "threads" in found:
        theirs, own = found["threads"]
        raise UserError(
            f"{directory} holds runs that used {theirs} threads per process, not {own}, which changes last "
            f"digits: use --threads={theirs} (in Python, NPROC={theirs} before JAX starts), or choose "
            "another --workdir."
        )
    if "devices" in found:
        theirs, own = found["devices"]
        raise UserError(
            f"{directory} holds runs that split each batch over {theirs} devices, not {own}, which changes "
            f"last digits: use {theirs} devices, or choose another --workdir."
        )
    if "environment" in found:
        theirs, own = ({f"{name}={value}" for name, value in one.items()} for one in found["environment"])
        missing, added = " ".join(sorted(theirs - own)), " ".join(sorted(own - theirs))
        raise UserError(
            f"{directory} holds runs made with other environment variables, which may change numbers: set "
            f"{missing or 'none'}, unset {added or 'none'}, or choose another --workdir."
        )


def recorded_form(recorded: Mapping[str, Any]) -> str | None:
    """What computed a run, by its provenance; None if that was lost."""
    return None if is_lost(recorded) else recorded.get("form", form.PRODUCTS)


def is_lost(recorded: Mapping[str, Any]) -> bool:
    """Whether the provenance is that of a run whose own was lost."""
    return not recorded or recorded == UNKNOWN


def _other_form(directory: pathlib.Path, theirs: str) -> str:
    if theirs == form.PRODUCTS:
        return (
            f"{directory} holds runs computed by matrix products, and this process uses the native kernel, "
            f"which changes last digits: set {form.SWITCH}=0, or choose another --workdir."
        )
    return (
        f"{directory} holds runs computed by the native kernel, which this process lacks "
        f"({form.why_products()}), and last digits would change: continue where there is one, or choose "
        "another --workdir."
    )


def versions(ran_on: dict) -> str:
    """The versions in a `provenance` that a table names: Python and some libraries."""
    recorded = ran_on["libraries"]  # empty if the provenance was lost
    libraries = (f"{name} {recorded[name]}" for name in SHOWN_LIBRARIES if name in recorded)
    return ", ".join([f"Python {ran_on['python']}", *libraries])


@functools.cache
def processor() -> str:
    """The processor's model name if Linux reports it, otherwise its architecture."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
