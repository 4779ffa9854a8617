"""Where compiled programs are kept."""

import jax
import pytest

from lenet_jax.training.jax_settings import keep_compilations


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
