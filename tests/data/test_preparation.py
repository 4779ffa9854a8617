"""From original files to the cache: what is downloaded, checked, stored, repaired and refused."""

import contextlib
import dataclasses
import errno
import fcntl
import functools
import http.server
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest
import requests

from lenet_jax.data import is_here, load_native
from lenet_jax.data.sources import SOURCES, VERSION
from lenet_jax.errors import UserError
from tests.helpers import data_files

DOWNLOADED = ("mnist", "fashion_mnist", "usps")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """No test sends anything to another machine."""
    send = requests.Session.send

    def refuse(session, request, **kwargs):
        if request.url.startswith("http://127.0.0.1:"):
            return send(session, request, **kwargs)
        raise requests.ConnectionError("no network in tests")

    monkeypatch.setattr(requests.Session, "send", refuse)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """tensorflow-datasets leaves an empty temporary folder behind each time it prepares."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


@pytest.fixture
def original(tmp_path, monkeypatch):
    """A function: dataset name -> (folder of accepted original files, the arrays in them)."""

    def make(name, **source_fields):
        folder = tmp_path / "original" / name
        arrays = data_files.write_files(name, folder)
        data_files.accept(monkeypatch, name, folder, **source_fields)
        return folder, arrays

    return make


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "prepared"


def load(name, data_dir, manual_dir=""):
    return load_native(name, data_dir=str(data_dir), manual_dir=str(manual_dir))


def assert_holds(native, arrays):
    for key, array in arrays.items():
        np.testing.assert_array_equal(getattr(native, key), array)
        assert getattr(native, key).dtype == array.dtype


def run_python(code, *arguments):
    """Starts another Python process, in which warnings are errors, as they are in tests."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    root = pathlib.Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# What is stored


def test_published_counts():
    assert {name: (s.train_count, s.test_count) for name, s in SOURCES.items()} == {
        "mnist": (60_000, 10_000),
        "fashion_mnist": (60_000, 10_000),
        "usps": (7_291, 2_007),
    }


def test_every_original_file_has_a_registered_checksum_under_its_own_name():
    from tensorflow_datasets.core.download import checksums

    from lenet_jax.data.builders import BUILDERS

    for name, source in SOURCES.items():
        registered = checksums.get_all_url_infos() | BUILDERS[name].url_infos
        for file in source.files:
            info = registered[source.url + file]
            assert info.filename == file and info.size > 0 and len(info.checksum) == 64


@pytest.mark.parametrize("name", DOWNLOADED)
def test_loaded_arrays_equal_those_in_the_files(name, original, data_dir, capfd):
    folder, arrays = original(name)
    prepared = load(name, data_dir, folder)
    cached = load(name, data_dir)
    assert_holds(prepared, arrays)
    assert_holds(cached, arrays)
    assert (cached.low, cached.high) == {"usps": (-1.0, 1.0)}.get(name, (0.0, 255.0))
    out, err = capfd.readouterr()
    assert out == "" and "Dl " not in err and "Generating" not in err


def test_records_are_versioned_and_readable_by_tensorflow_datasets(original, data_dir):
    import tensorflow_datasets as tfds

    folder, arrays = original("usps")
    load("usps", data_dir, folder)
    builder = tfds.builder_from_directory(str(data_dir / "usps" / VERSION))
    assert str(builder.version) == VERSION
    np.testing.assert_array_equal(
        [example["image"] for example in builder.as_data_source("test")], arrays["test_images"]
    )


def test_prepared_data_needs_neither_files_nor_tensorflow_datasets(original, data_dir):
    folder, arrays = original("mnist")
    load("mnist", data_dir, folder)
    code = """
import sys
from lenet_jax.data import load_native
from lenet_jax.data.sources import SOURCES
from tests.helpers import data_files
SOURCES["mnist"] = data_files.small_source("mnist")
native = load_native("mnist", data_dir=sys.argv[1], manual_dir="/not/there")
assert int(native.train_images.sum()) == int(sys.argv[2])
assert not {"tensorflow_datasets", "tensorflow", "sklearn"} & set(sys.modules)
"""
    process = run_python(code, data_dir, arrays["train_images"].sum())
    assert process.communicate()[1] == "" and process.returncode == 0


def test_a_dataset_is_here_once_it_is_prepared(original, data_dir, tmp_path):
    folder, _ = original("mnist")
    assert not is_here("mnist", str(data_dir)) and not data_dir.exists()
    load("mnist", data_dir, folder)
    assert is_here("mnist", str(data_dir)) and not is_here("usps", str(data_dir))
    assert is_here("mnist_5k") and is_here("digits")
    assert is_here(str(tmp_path)) and not is_here(str(tmp_path / "missing.npz")) and not is_here("a\0b")


def test_the_default_folder_is_not_that_of_tensorflow_datasets(original, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    folder, _ = original("usps")
    load("usps", "", folder)
    assert os.listdir(tmp_path / "tfds") == ["lenet_jax"]


@pytest.mark.skipif("LENET_JAX_DATA" not in os.environ, reason="needs a folder of the real files")
@pytest.mark.parametrize(
    "name, train_labels, test_labels",
    [
        (
            "mnist",
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
        ),
        (
            "usps",
            [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644],
            [359, 264, 198, 166, 200, 160, 170, 147, 166, 177],
        ),
    ],
)
def test_published_class_counts_of_the_real_files(name, train_labels, test_labels, data_dir):
    native = load(name, data_dir, pathlib.Path(os.environ["LENET_JAX_DATA"]) / name)
    assert np.bincount(native.train_labels).tolist() == train_labels
    assert np.bincount(native.test_labels).tolist() == test_labels


# Bad input


def test_missing_folder(original, data_dir):
    original("mnist")
    with pytest.raises(UserError, match="--config.data.manual_dir=/not/there is not a folder"):
        load("mnist", data_dir, "/not/there")


def test_missing_file(original, data_dir):
    folder, _ = original("mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match="original/mnist lacks t10k-labels-idx1-ubyte.gz: mnist needs all"):
        load("mnist", data_dir, folder)


def damage(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "altered"])
@pytest.mark.parametrize("name, file", [("mnist", "train-images-idx3-ubyte.gz"), ("usps", "zip.test.gz")])
def test_damaged_original_file(name, file, how, original, data_dir):
    folder, arrays = original(name)
    shutil.copy(folder / file, folder / "whole")
    damage(folder / file, how)
    with pytest.raises(UserError, match=f"{file} is not the original file of {name}"):
        load(name, data_dir, folder)
    os.replace(folder / "whole", folder / file)
    assert_holds(load(name, data_dir, folder), arrays)


def test_files_of_mnist_for_fashion_mnist(original, data_dir, tmp_path):
    original("fashion_mnist")
    data_files.write_files("mnist", tmp_path / "other", seed=1)
    with pytest.raises(UserError, match="train-images.* is not the original file of fashion_mnist"):
        load("fashion_mnist", data_dir, tmp_path / "other")


def test_a_different_number_of_images(original, data_dir, monkeypatch):
    folder, _ = original("usps")
    monkeypatch.setitem(SOURCES, "usps", dataclasses.replace(SOURCES["usps"], test_count=13))
    with pytest.raises(UserError, match="zip.test.gz holds 12 images instead of 13"):
        load("usps", data_dir, folder)


def test_a_data_dir_that_cannot_be_written(original, tmp_path):
    folder, _ = original("usps")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="usps can't be stored in .*--config.data.data_dir=FOLDER"):
        load("usps", tmp_path / "file" / "inside", folder)


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_data_dir_without_locks_is_named(original, data_dir, monkeypatch, error):
    def refuse(*_):
        raise OSError(error, os.strerror(error))

    folder, _ = original("usps")
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        with pytest.raises(UserError) as refusal:
            load("usps", data_dir, folder)
    assert str(refusal.value) == (
        f"usps can't be stored in {data_dir / 'usps'} ({os.strerror(error)}): its file system has no file "
        "locks, so choose a folder on another one (--config.data.data_dir=FOLDER names a folder)."
    )
    assert not data_dir.exists()


def test_a_full_disk_at_the_cache_keeps_the_records(original, data_dir, monkeypatch):
    def refuse(*_, **arrays):
        raise OSError(errno.ENOSPC, "No space left on device")

    folder, arrays = original("usps")
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", refuse)
        with pytest.raises(UserError, match=r"usps can't be stored in .*No space.*free space.*data_dir=FOL"):
            load("usps", data_dir, folder)
    assert [path.name for path in (data_dir / "usps").iterdir() if path.is_file()] == []
    (data_dir / "usps" / f".{VERSION}.npz.0123abcd.123").write_bytes(b"half")  # as a kill leaves it
    assert_holds(load("usps", data_dir, "/not/there"), arrays)
    assert [path.name for path in (data_dir / "usps").iterdir() if path.is_file()] == [f"{VERSION}.npz"]


@pytest.mark.parametrize("what", ["the cache", "the folder above", "the original files"])
def test_the_file_or_folder_without_access_is_named(what, original, data_dir):
    folder, _ = original("usps")
    load("usps", data_dir, folder)
    cached = data_dir / "usps" / f"{VERSION}.npz"
    if what == "the original files":
        cached.unlink()
        shutil.rmtree(data_dir / "usps" / VERSION)
    closed = {"the cache": cached, "the folder above": data_dir, "the original files": folder}[what]
    with without_access(data_dir.parent, closed), pytest.raises(UserError) as refusal:
        load("usps", data_dir, folder)
    words = {
        "the cache": f"({cached}: Permission denied)",
        "the folder above": f"(Permission denied: {data_dir} is a folder that you may not open)",
        "the original files": f"{folder}",
    }
    assert words[what] in str(refusal.value) and str(refusal.value).endswith(".")


@contextlib.contextmanager
def without_access(root, closed):
    """Everything at and above `root` may be used by anyone, but `closed` by nobody, root included."""
    before = {path: path.stat().st_mode for path in (*root.parents, root, *root.rglob("*"))}
    user = os.geteuid()
    for path in (root, *root.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    for path in root.parents:
        path.chmod(before[path] | 0o055)
    closed.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        for path, mode in before.items():
            path.chmod(mode)


# Downloads


@pytest.mark.parametrize("name", DOWNLOADED)
def test_no_network(name, original, data_dir):
    original(name)
    start = time.monotonic()
    with pytest.raises(UserError) as refusal:
        load(name, data_dir)
    assert time.monotonic() - start < 10
    for hint in (*SOURCES[name].files, SOURCES[name].url, "--config.data.manual_dir=FOLDER"):
        assert hint in str(refusal.value)


@contextlib.contextmanager
def serve(folder, refuse=False):
    """Serves the files in a folder from this machine and yields the address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def send_head(self):
            return self.send_error(503) if refuse else super().send_head()

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_download_is_kept_for_a_later_preparation(original, data_dir, tmp_path):
    with serve(tmp_path / "original" / "mnist") as url:
        _, arrays = original("mnist", url=url)
        assert_holds(load("mnist", data_dir), arrays)
    shutil.rmtree(data_dir / "mnist" / VERSION)
    (data_dir / "mnist" / f"{VERSION}.npz").unlink()
    assert_holds(load("mnist", data_dir), arrays)


def test_altered_download(original, data_dir, tmp_path):
    with serve(tmp_path / "original" / "usps") as url:
        folder, _ = original("usps", url=url)
        damage(folder / "zip.test.gz", "altered")
        with pytest.raises(UserError, match="usps can't be downloaded .* not the original"):
            load("usps", data_dir)


def test_server_that_refuses(original, data_dir, tmp_path):
    with serve(tmp_path, refuse=True) as url:
        original("usps", url=url)
        with pytest.raises(UserError, match="usps can't be downloaded .*HTTP status 503"):
            load("usps", data_dir)


@pytest.mark.parametrize("there", [False, True], ids=["no folder before", "an empty folder before"])
def test_a_failed_download_leaves_nothing(there, original, data_dir):
    original("usps")
    if there:
        data_dir.mkdir()
    with pytest.raises(UserError, match="usps can't be downloaded"):
        load("usps", data_dir)
    assert data_dir.exists() == there and not list(data_dir.glob("*"))


def test_server_without_the_file(original, data_dir, tmp_path):
    with serve(tmp_path) as url:
        original("usps", url=url)
        with pytest.raises(UserError, match="usps can't be downloaded"):
            load("usps", data_dir)


# Damage and interruption


@pytest.mark.parametrize("how", ["truncated", "altered", "empty", "other"])
def test_a_damaged_cache_is_rebuilt_from_the_records(how, original, data_dir, caplog):
    folder, arrays = original("mnist")
    load("mnist", data_dir, folder)
    cached = data_dir / "mnist" / f"{VERSION}.npz"
    whole = cached.read_bytes()
    if how == "empty":
        cached.write_bytes(b"")
    elif how == "other":
        np.savez(cached, train_images=np.zeros(3))
    else:
        damage(cached, how)
    assert_holds(load("mnist", data_dir), arrays)
    assert "is damaged and will be rebuilt" in caplog.text
    assert len(cached.read_bytes()) == len(whole)


@pytest.mark.parametrize("file", ["*train.array_record*", "dataset_info.json"])
@pytest.mark.parametrize("how", ["truncated", "removed"])
def test_damaged_records_are_prepared_again(file, how, original, data_dir, caplog):
    folder, arrays = original("usps")
    load("usps", data_dir, folder)
    (data_dir / "usps" / f"{VERSION}.npz").unlink()
    (path,) = (data_dir / "usps" / VERSION).glob(file)
    if how == "removed":
        path.unlink()
    else:
        damage(path, how)
    assert_holds(load("usps", data_dir, folder), arrays)
    assert "are damaged and will be prepared again" in caplog.text


@pytest.mark.slow
def test_a_killed_preparation_is_repeated(original, data_dir):
    folder, arrays = original("usps")
    code = """
import dataclasses, os, pathlib, signal, sys
import pytest
from absl import logging
from lenet_jax.data import load_native
from lenet_jax.data.sources import SOURCES
from tests.helpers import data_files
logging.set_verbosity(logging.INFO)
data_files.accept(pytest.MonkeyPatch(), "usps", pathlib.Path(sys.argv[1]))
source = SOURCES["usps"]
def read(path):
    if path.name == "zip.test.gz":
        os.kill(os.getpid(), signal.SIGKILL)
    return source.read(path)
SOURCES["usps"] = dataclasses.replace(source, read=read)
load_native("usps", data_dir=sys.argv[2], manual_dir=sys.argv[1])
"""
    with hold_lock(data_dir / "usps"):
        process = run_python(code, folder, data_dir)
        assert "Waiting for another process" in process.stderr.readline()
        assert os.listdir(data_dir / "usps") == ["lock"]
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list((data_dir / "usps").glob("incomplete.*/*train*"))
    assert not (data_dir / "usps" / VERSION).exists()
    assert_holds(load("usps", data_dir, folder), arrays)
    assert not list((data_dir / "usps").glob("incomplete.*"))


@pytest.mark.slow
def test_two_processes_at_once_prepare_once(original, data_dir):
    folder, arrays = original("usps")
    code = """
import pathlib, random, sys
import pytest
from absl import logging
from lenet_jax.data import load_native
from tests.helpers import data_files
logging.set_verbosity(logging.INFO)
random.seed(0)
data_files.accept(pytest.MonkeyPatch(), "usps", pathlib.Path(sys.argv[1]))
load_native("usps", data_dir=sys.argv[2], manual_dir=sys.argv[1])
"""
    with hold_lock(data_dir / "usps"):
        processes = [run_python(code, folder, data_dir) for _ in range(2)]
        for process in processes:
            assert "Waiting for another process" in process.stderr.readline()
        time.sleep(0.2)  # for a process that didn't wait to show itself
        assert os.listdir(data_dir / "usps") == ["lock"]
    logs = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted("Preparing usps" in log for log in logs) == [False, True]
    assert_holds(load("usps", data_dir), arrays)


@contextlib.contextmanager
def hold_lock(folder):
    """Makes all others wait that want to prepare the dataset in `folder`."""
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
