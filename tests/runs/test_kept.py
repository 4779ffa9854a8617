"""The files that runs keep: read as written, damage is noticed, what a rerun replaces is not lost."""

import msgpack
import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import kept
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.store import Store, read_sweep
from tests.helpers.small_store import CONFIGS, HEADER, opened, record

CONTENTS = {kept.WEIGHTS: bytes(range(256)) * 3_000, kept.PREDICTIONS: b"answers"}
AGAIN = "to compute it again, run the folder's command with --rerun"


@pytest.fixture
def directory(tmp_path):
    """A folder with one run that kept its files, and one that has none."""
    with opened(tmp_path / "sweep") as store:
        assert store.claim("wide", 0) and store.claim("wide", 1)
        record(store, "wide", 0, code=code_digest(), contents=CONTENTS)
        record(store, "wide", 1, code=code_digest())
    return tmp_path / "sweep"


def runs_of(directory):
    return read_sweep(directory)[1]


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[100 % len(content)] ^= 1
    path.write_bytes(content)


def test_files_are_read_as_they_were_written(directory):
    first, second = runs_of(directory)
    for kind, content in CONTENTS.items():
        assert kept.read(directory, kind, first) == content
        assert first["kept"][kind]["bytes"] == len(content)
        assert kept.path_of(directory, kind, "wide", 0) == directory / kind / "wide-seed0.msgpack"
    assert second["kept"] == {}
    files = sorted(path.name for kind in CONTENTS for path in (directory / kind).iterdir())
    assert files == 2 * ["wide-seed0.msgpack"]  # and no drafts


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (flip_a_byte, "is damaged, its SHA-256 is not the recorded one"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is damaged, its SHA-256 is not the"),
        (lambda path: path.unlink(), "is missing"),
    ],
    ids=["a flipped byte", "truncated", "missing"],
)
def test_a_file_that_is_damaged_or_missing_is_named(directory, kind, harm, sentence):
    path = directory / kind / "wide-seed0.msgpack"
    run, other = runs_of(directory)
    assert kept.is_intact(directory, run) and kept.is_intact(directory, other)
    harm(path)
    with pytest.raises(UserError) as refusal:
        kept.read(directory, kind, run)
    assert str(refusal.value).startswith(f"{path} {sentence}") and AGAIN in str(refusal.value)
    assert not kept.is_intact(directory, run) and kept.is_intact(directory, other)
    [intact] = CONTENTS.keys() - {kind}
    assert kept.read(directory, intact, run) == CONTENTS[intact]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"result": {"status": "diverged"}}, "the run diverged."),
        ({"config": {"keep": "none"}}, "it ran with --config.keep=none; run it in another folder with "),
        ({}, f"it was recorded before they were kept; {AGAIN}."),
    ],
)
def test_a_run_without_files_says_why(directory, fields, why):
    with pytest.raises(UserError) as refusal:
        kept.read(directory, kept.WEIGHTS, runs_of(directory)[1] | fields)
    assert str(refusal.value).startswith(f"{directory} has no weights of arm wide with seed 1: {why}")


@pytest.mark.parametrize("harm", [flip_a_byte, lambda path: path.unlink()], ids=["altered", "missing"])
def test_a_rerun_computes_what_lost_a_file_again_and_keeps_what_it_replaces(directory, harm):
    path = directory / kept.WEIGHTS / "wide-seed0.msgpack"
    harm(path)
    replaced = path.read_bytes() if path.exists() else None
    with Store.open(directory, HEADER, CONFIGS, rerun=True) as store:
        assert list(store.recorded()) == [("wide", 1)]
        assert store.claim("wide", 0)
        record(
            store, "wide", 0, accuracy=0.75, code=code_digest(), contents=CONTENTS | {kept.WEIGHTS: b"new"}
        )
    run, _ = runs_of(directory)
    assert kept.is_intact(directory, run) and kept.read(directory, kept.WEIGHTS, run) == b"new"
    aside = [file for kind in CONTENTS for file in sorted((directory / "replaced").glob(f"{kind}/*"))]
    assert [file.read_bytes() for file in aside] == [replaced] * bool(replaced) + [b"answers"]
    assert all(file.name.startswith("wide-seed0-") for file in aside)
    with Store.open(directory, HEADER, CONFIGS, rerun=True) as store:
        assert list(store.recorded()) == [("wide", 0), ("wide", 1)]


def test_a_file_of_another_size_is_not_loaded(directory, monkeypatch):
    run, _ = runs_of(directory)
    path = directory / kept.WEIGHTS / "wide-seed0.msgpack"
    with path.open("ab") as file:
        file.truncate(2**40)  # takes no room
    monkeypatch.setattr(type(path), "read_bytes", lambda path: pytest.fail("it is loaded"))
    with pytest.raises(UserError, match="is damaged"):
        kept.read(directory, kept.WEIGHTS, run)


def ndarray(shape, dtype, content):
    """An array as Flax packs it."""
    return msgpack.ExtType(1, msgpack.packb((shape, dtype, content), use_bin_type=True))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xdd\xff\xff\xff\xff",  # a list of 2**32 - 1 elements that are not there
        msgpack.packb(3),
        msgpack.packb({"epoch": 1}),
        msgpack.packb({"epoch": 1, "variables": ndarray((2,), "object", bytes(16))}),
        msgpack.packb({"epoch": 1, "variables": {"params": ndarray((10**12,), "float32", b"0000")}}),
        msgpack.packb({"epoch": 1, "variables": msgpack.ExtType(99, b"cos\nsystem\n(S'true'\ntR.")}),
        b"\x91" * 100_000,
    ],
    ids=["empty", "a huge list", "a number", "incomplete", "objects", "a huge array", "unknown", "nested"],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path, content):
    from lenet_jax.runs import network_files  # late, as it loads JAX

    with opened(tmp_path) as store:
        assert store.claim("wide", 0)
        record(store, "wide", 0, contents={kept.WEIGHTS: content, kept.PREDICTIONS: content})
    [run] = runs_of(tmp_path)
    for read in (network_files.read_network, network_files.read_answers):
        with pytest.raises(
            UserError, match=r"wide-seed0.msgpack was not written by this project: to compute"
        ):
            read(tmp_path, run)


def test_networks_and_their_size_are_described(directory):
    folder = directory / "weights"
    assert kept.describe(directory, runs_of(directory)) == f"1 network kept in {folder}, 0.77 MB"
    with opened(directory) as store:
        assert store.claim("narrow", 0)
        record(store, "narrow", 0, contents={kept.WEIGHTS: bytes(1_300_000)})
    assert kept.describe(directory, runs_of(directory)) == f"2 networks kept in {folder}, 2.1 MB"
    for path in folder.iterdir():
        path.unlink()
    assert kept.describe(directory, runs_of(directory)) == f"No networks kept in {folder}"
