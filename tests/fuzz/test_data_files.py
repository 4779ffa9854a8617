"""Damaged files of images are read as valid data or refused in a sentence, and never fill the memory.

LENET_JAX_FUZZ=20 tries 20 times as many examples.
"""

import gzip
import io
import pathlib
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lenet_jax.data import formats
from lenet_jax.data.own_checks import printable
from lenet_jax.data.own_images import load_own
from lenet_jax.errors import UserError
from tests.fuzz.examples import damaged, examples, peak_memory

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 4, 4), dtype=np.uint8)
NPZ = {
    "x_train": GREY, "y_train": np.array(["a", "b", "b", "a", "c", "c"]),
    "x_test": GREY[:2], "y_test": np.array(["a", "b"]),
}  # fmt: skip
FLOATS = NPZ | {
    "x_train": GREY / 255,
    "y_train": np.arange(6) % 3,
    "x_test": GREY[:2] / 255,
    "y_test": [0, 1],
}
ALLOWANCE = 4 * 2**20  # bytes that a reader may need for any file
EXPANSION = 4  # bytes that a reader may allocate for each byte that is stored, once decompressed


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


def assert_sentence(refusal):
    message = str(refusal)
    assert message == printable(message) and message.endswith(".") and ": " in message


def read_or_refuse(read, stored):
    """What `read` returns, or None if it raises UserError; checks the memory that it needs."""

    def attempt():
        try:
            return read()
        except UserError as refusal:
            assert_sentence(refusal)
            return None

    result, peak = peak_memory(attempt)
    assert peak < ALLOWANCE + EXPANSION * stored
    return result


# IDX and the zip code data


def idx_of(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


IMAGES, LABELS = idx_of(GREY), idx_of(np.arange(6, dtype=np.uint8))
ZIP_CODES = "\n".join(
    " ".join(["6.0000", *(f"{pixel:.4f}" for pixel in RNG.uniform(-1, 1, 256))]) for _ in range(3)
).encode()


@given(damaged(IMAGES), damaged(LABELS), st.booleans())
@examples(40)
def test_idx(place, images, labels, only_images):
    images_path, labels_path = place / "images.gz", place / "labels.gz"
    images_path.write_bytes(gzip.compress(images))
    labels_path.write_bytes(gzip.compress(LABELS if only_images else labels))
    read = read_or_refuse(lambda: formats.read_idx_pair(images_path, labels_path), len(images) + len(labels))
    if read:
        images, labels = read
        assert images.dtype == labels.dtype == np.uint8 and images.ndim == 3
        assert images.size and labels.shape == images.shape[:1]


@given(st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3))
@examples(30)
def test_idx_of_a_wrong_size(place, shape):
    content = IMAGES[:4] + np.array(shape, ">u4").tobytes() + IMAGES[16:]
    (place / "images.gz").write_bytes(gzip.compress(content))
    (place / "labels.gz").write_bytes(gzip.compress(LABELS))
    assert not read_or_refuse(
        lambda: formats.read_idx_pair(place / "images.gz", place / "labels.gz"), len(content)
    )


@given(damaged(gzip.compress(IMAGES)))
@examples(30)
def test_gzip(place, content):
    (place / "images.gz").write_bytes(content)
    (place / "labels.gz").write_bytes(gzip.compress(LABELS))
    read = read_or_refuse(lambda: formats.read_idx_pair(place / "images.gz", place / "labels.gz"), 10_000)
    assert not read or (read[0] == GREY).all()  # changes of the header only


@given(damaged(ZIP_CODES))
@examples(25)
def test_zip_codes(place, content):
    (place / "zip.gz").write_bytes(gzip.compress(content))
    read = read_or_refuse(lambda: formats.read_zip_code(place / "zip.gz"), 20 * len(content))
    if read:
        images, labels = read
        assert images.dtype == np.float32 and images.shape == (len(labels), 16, 16) and len(labels)
        assert (np.abs(images) <= 1).all() and labels.dtype == np.uint8 and (labels <= 9).all()


# A user's own files


def assert_valid(native):
    train, test = native.train_images, native.test_images
    side = train.shape[1]
    assert train.dtype == test.dtype and train.dtype in (np.uint8, np.float32)
    assert train.shape[1:] == test.shape[1:] and train.shape[1:] in ((side, side), (side, side, 3))
    assert np.isfinite(train).all() and np.isfinite(test).all() and native.low < native.high
    for images, labels in ((train, native.train_labels), (test, native.test_labels)):
        assert labels.dtype == np.int32 and labels.shape == (len(images),) and len(labels)
        assert labels.min() >= 0 and labels.max() < len(native.classes)
    assert len(set(native.classes)) == len(native.classes) >= 2
    assert all(1 <= len(name) <= 100 and "\n" not in name for name in native.classes)


def npy_of(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def zip_of(files, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, file in files.items():
            archive.writestr(f"{name}.npy", file)
    return content.getvalue()


FILES = {name: npy_of(array) for name, array in NPZ.items()}
FLOAT_FILES = {name: npy_of(array) for name, array in FLOATS.items()}
COMPRESSIONS = st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))


def read_npz(place, content, stored):
    path = place / "own.npz"
    path.write_bytes(content)
    native = read_or_refuse(lambda: load_own(str(path)), stored)
    if native:
        assert_valid(native)
    return native


@given(damaged(zip_of(FILES)) | damaged(zip_of(FILES, zipfile.ZIP_DEFLATED)))
@examples(40)
def test_npz(place, content):
    native = read_npz(place, content, 1032 * len(content))
    assert not native or (native.train_images == GREY).all()  # its checksums find other changes


@st.composite
def npz_with_a_damaged_array(draw):
    files = draw(st.sampled_from((FILES, FLOAT_FILES)))
    name = draw(st.sampled_from(sorted(files)))
    return zip_of(files | {name: draw(damaged(files[name]))}, draw(COMPRESSIONS))


@given(npz_with_a_damaged_array())
@examples(50)
def test_arrays(place, content):
    read_npz(place, content, 1032 * len(content))


DTYPES = (
    "|u1", "<i8", ">i2", "<f2", "<f4", ">f8", "<f16", "|b1", "<c8", "|O", "<U1", ">U3", "|S2", "<U0", "|S0",
    "|V3", "<M8[s]", "<m8", "<U400000000", [("a", "<i4")], [("a\n", "|O")], "nonsense", "",
)  # fmt: skip
SIZES = st.integers(-2, 8) | st.sampled_from((2**20, 2**31, 2**40, 2**63, 10**30, True, None))


@given(
    st.sampled_from(sorted(FILES)),
    st.sampled_from(DTYPES),
    st.lists(SIZES, max_size=5).map(tuple) | st.just((6, 4, 4)) | st.just((6,)),
    st.booleans(),
    st.binary(max_size=96) | st.binary(min_size=96, max_size=96) | st.just(bytes(1_000_000)),
    COMPRESSIONS,
)
@examples(80)
def test_headers(place, name, dtype, shape, is_fortran, data, compression):
    header = repr({"descr": dtype, "fortran_order": is_fortran, "shape": shape}).encode() + b"\n"
    file = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data
    content = zip_of(FILES | {name: file}, compression)
    read_npz(place, content, len(file) + len(content))


@st.composite
def arrays_of(draw, shape, dtypes):
    """An array of any bits, or of small numbers."""
    dtype, count = np.dtype(draw(st.sampled_from(dtypes))), int(np.prod(shape))
    if draw(st.booleans()):
        return (
            np.frombuffer(draw(st.binary(min_size=count, max_size=count)), np.int8)
            .reshape(shape)
            .astype(dtype)
        )
    size = count * dtype.itemsize
    return np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype).reshape(shape)


@given(
    arrays_of((3, 2, 2), ("u1", "i1", "<u8", "<i8", "<f2", "<f4", ">f8", "<f16", "<c8", "<M8[D]")),
    arrays_of((3,), ("u1", "i1", "<u8", "<f2", "<f8", "<f16", "<U1", ">U2", "S2", "<c8", "<m8[s]")),
)
@examples(80)
def test_values(place, images, labels):
    arrays = {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}
    read_npz(place, zip_of({name: npy_of(array) for name, array in arrays.items()}), 10_000)


# Folders


def png_of(pixels, mode=None):
    content = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(content, "PNG")
    return content.getvalue()


def jpeg_of(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG")
    return content.getvalue()


def chunks_of(content):
    """The chunks of a PNG file: pairs of a type and data."""
    chunks, position = [], 8
    while position < len(content):
        (length,) = struct.unpack_from(">I", content, position)
        chunks.append((content[position + 4 : position + 8], content[position + 8 : position + 8 + length]))
        position += 12 + length
    return chunks


def join(chunks):
    whole = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


PNGS = [png_of(GREY[0], mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]


@st.composite
def png_with_damaged_chunks(draw):
    """A PNG file of which one chunk is altered, its checksum correct."""
    chunks = chunks_of(draw(st.sampled_from(PNGS)))
    index = draw(st.integers(0, len(chunks) - 1))
    kind, data = chunks[index]
    if kind == b"IDAT" and draw(st.booleans()):
        data = zlib.compress(draw(damaged(zlib.decompress(data))))
    else:
        data = draw(damaged(data))
    kind = draw(
        st.just(kind) | st.sampled_from((b"tRNS", b"PLTE", b"iCCP", b"zTXt", b"eXIf", b"acTL", b"fcTL"))
    )
    chunks[index] = kind, data
    return join(chunks)


NAMES = st.text(
    st.sampled_from("aZ0 .-_%é猫\u200c\u0301\n\r\t\x1b\x7f\x85\u2028\ud800\udcff\U0001f52c"), max_size=20
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("folder") / "own"
    for index, name in enumerate(("train/cat", "train/cow", "test/cat", "test/cow")):
        path = root / name / "1.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(png_of(GREY[index]))
    return root


@given(
    st.one_of(*map(damaged, PNGS), damaged(jpeg_of(GREY[0])), png_with_damaged_chunks()),
    st.sampled_from(("train/cow/2.png", "test/cat/0.JPG")),
)
@examples(60)
def test_images(folder: pathlib.Path, content, name):
    file = folder / name
    file.write_bytes(content)
    try:
        native = read_or_refuse(lambda: load_own(str(folder)), 3 * len(content))
    finally:
        file.unlink()
    if native:
        assert_valid(native)
        assert len(native.train_images) + len(native.test_images) == 5


@given(NAMES, NAMES)
@examples(20)
def test_names(place, class_name, file_name):
    root = place / "named"
    file = root / "train" / class_name.replace("/", "") / f"{file_name.replace('/', '')}.png"
    try:
        for name in ("train/cat", "train/cow", "test/cat"):
            (root / name).mkdir(parents=True, exist_ok=True)
            (root / name / "1.png").write_bytes(png_of(GREY[len(name) % 3]))
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(png_of(GREY[0]))
    except (OSError, ValueError):  # not a name of a file
        return
    try:
        if native := read_or_refuse(lambda: load_own(str(root)), 10_000):
            assert_valid(native)
        file.write_bytes(b"")
        read_or_refuse(lambda: load_own(str(root)), 10_000)
    finally:
        file.unlink()
        if file.parent.name not in ("cat", "cow", "train", "named"):
            file.parent.rmdir()
