"""The library is built once, tried out in another process, and done without where that is impossible."""

import concurrent.futures
import platform
import shutil
import subprocess
import sys

import pytest

from lenet_jax import backend
from lenet_jax.native import library
from lenet_jax.native.library import Library, Unavailable
from tests.helpers.commands import PROJECT

needs_compiler = pytest.mark.skipif(library.find_compiler() is None, reason="there is no C++ compiler")
GOOD = 'extern "C" int wired_check() { return 0; }'


@pytest.fixture(name="source")
def small_source(tmp_path, monkeypatch):
    """Writes a library's only source file, instead of the kernel's, which takes seconds to compile."""
    folder = tmp_path / "source"
    folder.mkdir()
    monkeypatch.setattr(library, "SOURCE", folder)
    monkeypatch.setattr(library, "SOURCES", {"check.cc": "-O0"})

    def write(text):
        (folder / "check.cc").write_text(text)

    write(GOOD)
    return write


@pytest.fixture(name="compiler")
def counted_compiler(tmp_path):
    """A compiler that writes a line for each call."""
    script = tmp_path / "c++"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexec {library.find_compiler()} "$@"\n')
    script.chmod(0o755)
    return str(script)


def calls_of(tmp_path):
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def load_here():
    return library._load_once.__wrapped__()


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("LENET_JAX_NATIVE", "0")
    assert load_here() == Unavailable("LENET_JAX_NATIVE=0")


def test_without_a_compiler_there_is_none(monkeypatch):
    monkeypatch.delenv("LENET_JAX_NATIVE", raising=False)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert load_here() == Unavailable("there is no C++ compiler")


def test_on_an_accelerator_there_is_none(monkeypatch):
    monkeypatch.setattr(library.jax, "default_backend", lambda: "gpu")
    assert library.load() == library.outlook() == Unavailable("it is for CPUs")


def test_compiling_for_an_accelerator_first_does_not_hide_it_from_the_cpu(monkeypatch):
    found = Library(16, {})
    monkeypatch.setattr(library, "_load_once", lambda: found)
    with backend.compiling_for("tpu"):
        assert library.load() == Unavailable("it is for CPUs")
    assert library.load() == found


def test_without_a_cache_folder_there_is_none(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "cache" in load_here().reason


@needs_compiler
def test_it_is_built_once(source, compiler, tmp_path, capsys):
    first = library.build(tmp_path / "built", compiler)
    assert first == tmp_path / "built" / "wired.so" and first.exists()
    assert "once on this machine" in capsys.readouterr().err
    calls = calls_of(tmp_path)
    assert library.build(tmp_path / "built", compiler) == first
    assert calls_of(tmp_path) == calls and capsys.readouterr().err == ""
    assert sorted(path.name for path in first.parent.iterdir()) == ["lock", "wired.so"]


@needs_compiler
def test_a_second_process_waits(source, compiler, tmp_path):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:  # each has a lock of its own, as processes have
        built = list(pool.map(lambda _: library.build(tmp_path / "built", compiler), range(4)))
    assert built == [tmp_path / "built" / "wired.so"] * 4
    assert len(calls_of(tmp_path)) == 2  # compiled and linked


@needs_compiler
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("this is no C++", "does not compile"),
        (GOOD.replace("return 0", "return 1"), "does not compute correctly"),
        (GOOD.replace("return 0", "__builtin_trap()"), "does not compute correctly"),  # it crashes
    ],
)
def test_what_fails_is_remembered_and_said_once(source, compiler, tmp_path, caplog, text, reason):
    source(text)
    failed = library.build(tmp_path / "built", compiler)
    assert isinstance(failed, Unavailable) and reason in failed.reason and "\n" not in failed.reason
    assert failed.reason in caplog.text
    calls, logged = calls_of(tmp_path), caplog.text
    assert library.build(tmp_path / "built", compiler) == failed
    assert calls_of(tmp_path) == calls and caplog.text == logged


@needs_compiler
def test_a_library_that_cannot_be_loaded_is_done_without(tmp_path):
    path = tmp_path / "wired.so"
    path.write_bytes(b"no library")
    assert "cannot be loaded" in library._load(path, "key").reason


@needs_compiler
def test_another_source_is_another_library(source):
    before = library.version_key(library.find_compiler())
    assert library.version_key(library.find_compiler()) == before
    source(GOOD + "\n")
    assert library.version_key(library.find_compiler()) != before


@needs_compiler
def test_the_kernel_itself_is_built_and_right():
    found = library.load()
    assert isinstance(found, Library) and found.block >= 8
    assert set(found.targets) == set(library.HANDLERS)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("processor", ["native", "x86-64"])  # vectors of other widths
def test_the_kernel_passes_sanitizers(tmp_path, processor):
    if processor != "native" and platform.machine() != "x86_64":
        pytest.skip("this is another architecture")
    main = tmp_path / "main.cc"
    main.write_text('extern "C" int wired_check();\nint main() { return wired_check(); }\n')
    source = PROJECT / "lenet_jax" / "native"
    command = [
        library.find_compiler(), "-std=gnu++17", f"-march={processor}", "-O1", "-g", f"-I{source}",
        "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
        *(str(source / name) for name in library.SOURCES if name != "handlers.cc"),
        str(main), "-o", str(tmp_path / "check"),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    ended = subprocess.run([tmp_path / "check"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@needs_compiler
def test_programs_of_another_library_are_compiled_anew():
    """The compiled programs that JAX keeps name the functions that they call."""
    key = library.version_key(library.find_compiler())
    assert all(target.endswith(f"_{key}") for target in library.load().targets.values())


def test_the_sources_are_found_without_a_compiler():
    assert shutil.which(sys.executable)  # the interpreter that tries a library out
    assert {path.name for path in library.SOURCE.glob("*.cc")} == set(library.SOURCES)
