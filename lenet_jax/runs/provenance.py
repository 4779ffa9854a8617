"""What computed a run: enough to repeat it, and to know when a number may differ."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess

import jax

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "ml-collections", "tensorflow-datasets")
SHOWN_LIBRARIES = ("jax", "flax", "optax")


@functools.cache  # of the code as loaded: commits during a sweep do not count
def provenance() -> dict:
    """Library versions, device, processor and the project's git revision, as JSON types."""
    return {
        "revision": git_revision(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "device": jax.devices()[0].device_kind,
        "host": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
    }


def versions(ran_on: dict) -> str:
    """The versions in a `provenance` that a table names: Python and some libraries."""
    recorded = ran_on["libraries"]  # empty if the provenance was lost
    libraries = (f"{name} {recorded[name]}" for name in SHOWN_LIBRARIES if name in recorded)
    return ", ".join([f"Python {ran_on['python']}", *libraries])


def git_revision() -> str:
    """The commit of this checkout, with "-dirty" if tracked files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        project = pathlib.Path(__file__).parent
        return subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown (no git checkout)"


def processor() -> str:
    """The processor's model name if Linux reports it, otherwise its architecture."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
