"""The native library: built once for this processor where there is a C++ compiler, and then loaded.

It is kept in the user's cache folder, in a folder of its own for each version of the source, the compiler,
the processor and JAX. Another process that needs it meanwhile waits. A library that cannot be built, or that
fails when it is tried out in a process of its own, is remembered with the reason, and not tried again.
"""

import concurrent.futures
import contextlib
import ctypes
import functools
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

import jax
import jaxlib
from absl import logging

from lenet_jax import backend, files
from lenet_jax.errors import UserError

SWITCH = "LENET_JAX_NATIVE"  # with "0", there is no library
SOURCE = pathlib.Path(__file__).parent
SOURCES = {
    "outputs.cc": "-O3",
    "weights.cc": "-O3",
    "images.cc": "-O3",
    "single.cc": "-O3",
    "dense.cc": "-O3",
    "matrices.cc": "-O3",
    "momentum.cc": "-O3",
    "handlers.cc": "-O1",
    "check.cc": "-O1",
}  # and how they are optimised
HANDLERS = (
    "forward",
    "weight_gradient",
    "input_gradient",
    "rows_at",
    "blocks_of_images",
    "images_of_blocks",
    "dense_forward",
    "dense_weight_gradient",
    "dense_input_gradient",
    "momentum_step",
)
COMPILERS = ("g++", "c++")
SECONDS = 300  # after which a compiler is taken for stuck
LIBRARY, FAILURE = "wired.so", "failure.txt"


class Library(NamedTuple):
    """The loaded library.

    Attributes:
      block: how many images are in a block of feature maps.
      targets: name in HANDLERS -> custom call target.
    """

    block: int
    targets: Mapping[str, str]


class Unavailable(NamedTuple):
    """There is no library.

    Attributes:
      reason: why, as a clause.
    """

    reason: str


NOT_FOR_THIS_DEVICE = Unavailable("it is for CPUs")


class _Place(NamedTuple):
    """Where the library is or will be, and what builds it."""

    folder: pathlib.Path
    compiler: str
    key: str


def load() -> Library | Unavailable:
    """The library, built if there is none yet. On other devices than CPUs there is none."""
    return _load_once() if backend.is_cpu() else NOT_FOR_THIS_DEVICE


@functools.cache
def _load_once() -> Library | Unavailable:
    place = _place()
    if isinstance(place, Unavailable):
        return place
    built = build(place.folder, place.compiler)
    return built if isinstance(built, Unavailable) else _load(built, place.key)


def outlook() -> Unavailable | None:
    """Why there is no library, as far as that is known without building it; None if there is one."""
    place = _place() if backend.is_cpu() else NOT_FOR_THIS_DEVICE
    if isinstance(place, Unavailable):
        return place
    failure = place.folder / FAILURE
    return _failure(failure) if failure.exists() else None


def _place() -> _Place | Unavailable:
    if os.environ.get(SWITCH) == "0":
        return Unavailable(f"{SWITCH}=0")
    compiler = find_compiler()
    if compiler is None:
        return Unavailable("there is no C++ compiler")
    folder = files.cache_folder()
    if folder is None:
        return Unavailable("there is no cache folder to build it in")
    key = version_key(compiler)
    return _Place(folder / f"native-{key}", compiler, key)


def _failure(path: pathlib.Path) -> Unavailable:
    return Unavailable(path.read_text(encoding="utf-8"))


def find_compiler() -> str | None:
    """The path of the C++ compiler that the environment variable CXX names, or else of one of COMPILERS."""
    named = os.environ.get("CXX")
    found = next(filter(None, map(shutil.which, [named] if named else COMPILERS)), None)
    return found and os.path.abspath(found)


def source_digest() -> str:
    """16 hexadecimal digits over the sources."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.glob("*.cc")) + sorted(SOURCE.glob("*.h")):
        digest.update(f"{path.name}\n{path.read_text(encoding='utf-8')}\n".encode())
    return digest.hexdigest()[:16]


def version_key(compiler: str) -> str:
    """16 hexadecimal digits over all that the library depends on."""
    found = os.stat(compiler)  # asking for its version would take a process
    parts = (
        source_digest(),
        jaxlib.__version__,
        os.path.realpath(compiler),
        found.st_size,
        found.st_mtime_ns,
    )
    return hashlib.sha256(repr((*parts, SOURCES, _processor())).encode()).hexdigest()[:16]


def _processor() -> str:
    """What tells processors apart for which code is not the same."""
    with contextlib.suppress(OSError):
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        told = ("model name", "flags", "Features", "CPU part")
        return "\n".join(dict.fromkeys(line for line in lines if line.startswith(told)))
    return f"{platform.machine()} {platform.processor()}"


def build(folder: pathlib.Path, compiler: str) -> pathlib.Path | Unavailable:
    """Path of the library in `folder`, made by the first process that needs it."""
    library, failure = folder / LIBRARY, folder / FAILURE
    try:
        if library.exists():
            return library
        with _only_process(folder):
            if library.exists():
                return library
            if failure.exists():
                return _failure(failure)
            print(f"Building the native kernel with {compiler}, once on this machine ...", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=folder) as draft:
                failed = _build(compiler, pathlib.Path(draft))
                if failed is None:
                    files.write(library, (pathlib.Path(draft) / LIBRARY).read_bytes())
                    return library
                reason = failed.reason
                if failed.is_lasting:
                    files.write(failure, reason)
    except (OSError, UserError) as error:
        reason = f"{folder} cannot be used ({error})"
    logging.warning("There is no native kernel, and matrix products compute instead: %s", reason)
    return Unavailable(reason)


@contextlib.contextmanager
def _only_process(folder: pathlib.Path) -> Generator[None, None, None]:
    """Within it, no other process builds in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        files.lock(descriptor)
        yield
    finally:
        os.close(descriptor)


class _Failure(NamedTuple):
    """Why a command failed, and whether it would fail again."""

    reason: str
    is_lasting: bool


def _build(compiler: str, folder: pathlib.Path) -> _Failure | None:
    """Builds the library in `folder` and tries it out; returns why it cannot be used, or None."""
    native = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
    options = ["-std=gnu++17", native, "-fPIC", "-w", f"-I{jax.ffi.include_dir()}"]
    objects = [str(folder / f"{name}.o") for name in SOURCES]
    commands = [
        [compiler, *options, level, "-c", str(SOURCE / name), "-o", to]
        for (name, level), to in zip(SOURCES.items(), objects, strict=True)
    ]
    library = folder / LIBRARY
    link = [compiler, "-shared", *objects, "-o", str(library)]
    try_out = [sys.executable, "-c", TRY_OUT, str(library)]
    for step, together in (("compile", commands), ("link", [link]), ("compute correctly", [try_out])):
        if failed := _run(together, folder):
            # A library that crashes will crash again; a compiler may have been killed for want of memory.
            is_lasting = failed.is_lasting or together == [try_out]
            return _Failure(f"it does not {step} ({failed.reason})", is_lasting)
    return None


# Without the project and its libraries: this takes a tenth of a second, and a crash is not this process's.
TRY_OUT = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).wired_check())"


def _run(commands: Sequence[Sequence[str]], folder: pathlib.Path) -> _Failure | None:
    """Runs commands at the same time; returns what went wrong, or None."""
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
        return next(filter(None, pool.map(functools.partial(_why_it_fails, folder), commands)), None)


def _why_it_fails(folder: pathlib.Path, command: Sequence[str]) -> _Failure | None:
    name = pathlib.Path(command[0]).name
    try:
        ended = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return _Failure(f"{name} has not ended after {SECONDS} seconds", is_lasting=False)
    if ended.returncode == 0:
        return None
    if ended.returncode < 0:
        return _Failure(f"{name} was ended by signal {-ended.returncode}", is_lasting=False)
    told = ended.stderr.decode(errors="replace")
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    line = next((line for line in lines if "error" in line), lines[-1] if lines else "no message")
    is_passing = any(words in told for words in ("No space left", "Killed", "out of memory"))
    return _Failure(f"{name}, exit status {ended.returncode}: {line[:200]}", not is_passing)


def _load(path: pathlib.Path, key: str) -> Library | Unavailable:
    """Loads the library and makes its functions known to XLA.

    Their names hold `key`: programs that XLA has compiled and kept call what they were compiled for.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:  # after a power cut, say
        with contextlib.suppress(OSError):
            path.unlink()  # the next process builds it again
        logging.warning("The native kernel cannot be loaded, and matrix products compute instead: %s", error)
        return Unavailable(f"{path} cannot be loaded ({error})")
    targets = {name: f"lenet_jax_{name}_{key}" for name in HANDLERS}
    for name, target in targets.items():
        jax.ffi.register_ffi_target(
            target, jax.ffi.pycapsule(getattr(library, f"wired_{name}")), platform="cpu"
        )
    return Library(library.wired_block(), targets)
