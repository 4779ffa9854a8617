"""Where compiled programs are kept; a damaged or unusable cache gives one line at most, and is mended."""

import errno
import pathlib
import warnings

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from lenet_jax.training.compilation_cache import keep_compilations


@pytest.fixture
def cache(tmp_path):
    """The folder of a cache that only the test uses; JAX opens it with the first program."""
    before = jax.config.values["jax_compilation_cache_dir"]
    folder = tmp_path / "cache"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    compilation_cache.reset_cache()
    yield folder
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


def compute():
    """Compiles a program anew, as a new process does, or reads it from the cache."""

    def program(x):
        return x * 3.0 + 1.0

    assert jax.jit(program)(2.0) == 7.0


def entry(cache: pathlib.Path) -> pathlib.Path:
    [found] = cache.glob("jit_program-*-cache")
    return found


def make_a_folder(path):
    path.unlink()
    (path / "below").mkdir(parents=True)


DAMAGE = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "empty": lambda path: path.write_bytes(b""),
    "altered": lambda path: path.write_bytes(b"x" * 100 + path.read_bytes()[100:]),
    "a folder": make_a_folder,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_replaced_by_the_run_that_finds_it(cache, caplog, damage):
    keep_compilations()
    compute()
    whole = entry(cache).read_bytes()
    other = cache / "jit_program_of_another_name-cache"
    other.write_bytes(b"whole")
    damage(entry(cache))
    compute()
    [message] = [record.getMessage() for record in caplog.records]
    assert f"{cache} held a damaged program, which is compiled again" in message
    assert len(entry(cache).read_bytes()) == pytest.approx(len(whole), rel=0.01)
    assert other.read_bytes() == b"whole"
    caplog.clear()
    compute()
    assert not caplog.records


def test_an_unreadable_entry_is_replaced(cache, caplog, monkeypatch):
    keep_compilations()
    compute()
    entry(cache).write_bytes(b"what nobody may read")

    def refuse(self, key):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("jax._src.lru_cache.LRUCache.get", refuse)
        compute()
    assert entry(cache).read_bytes() != b"what nobody may read"
    assert "held a damaged program" in caplog.text


def test_several_damaged_entries_give_one_line(cache, caplog):
    keep_compilations()
    for _ in range(3):
        compute()
        entry(cache).write_bytes(b"")
    compute()
    assert len(caplog.records) == 1 and entry(cache).stat().st_size


def test_a_full_cache_folder_gives_one_line_and_programs_run(cache, caplog, monkeypatch):
    def refuse(self, key, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    keep_compilations()
    monkeypatch.setattr("jax._src.lru_cache.LRUCache.put", refuse)
    for _ in range(3):
        compute()
    [message] = [record.getMessage() for record in caplog.records]
    assert f"{cache} cannot be used (OSError: [Errno 28] No space left" in message


def test_a_damaged_entry_in_a_read_only_folder_gives_one_line(cache, caplog, monkeypatch):
    def refuse(path, **_):
        raise OSError(errno.EROFS, "Read-only file system")

    keep_compilations()
    compute()
    entry(cache).write_bytes(b"")
    monkeypatch.setattr(pathlib.Path, "unlink", refuse)
    for _ in range(3):
        compute()
    [message] = [record.getMessage() for record in caplog.records]
    assert "cannot be used" in message


def test_a_file_in_place_of_the_folder_gives_one_line(cache, caplog):
    cache.write_text("precious")
    keep_compilations()
    for _ in range(2):
        compute()
    assert len(caplog.records) == 1 and cache.read_text() == "precious"


def test_other_warnings_are_shown_as_before(cache, recwarn):
    warnings.simplefilter("always")
    keep_compilations()
    keep_compilations()
    warnings.warn("of something else", stacklevel=1)
    assert [str(warning.message) for warning in recwarn.list] == ["of something else"]


@pytest.fixture
def no_cache_folder():
    folder = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    jax.config.update("jax_compilation_cache_dir", folder)


def test_compilations_are_kept_in_the_users_cache(no_cache_folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))  # nothing can be written below a file
    keep_compilations()
    assert jax.config.jax_compilation_cache_dir is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_compilations()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "lenet_jax")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    keep_compilations()  # a folder already chosen stays
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "lenet_jax")
