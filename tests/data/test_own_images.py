"""A user's own images are read from an .npz file or a folder, and unusable ones are refused by name."""

import io
import os
import pathlib
import re
import struct
import tracemalloc
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from lenet_jax.data import dataset_info
from lenet_jax.data.own_images import content_digest, load_own
from lenet_jax.errors import UserError

GREY = np.random.default_rng(0).integers(0, 256, (6, 4, 4), dtype=np.uint8)
FULL = GREY.copy()
FULL[0, 0, :2] = 0, 255  # all that uint8 holds
COLOUR = np.random.default_rng(1).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 0, 1, 2, 2])
NAMES = np.array(["cat", "cow", "cat", "cow", "dog", "dog"])


@pytest.fixture
def npz(tmp_path):
    """Writes own.npz with the given arrays in place of the usual ones, and returns its path."""

    def write(**arrays):
        usual = {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:2], "y_test": LABELS[:2]}
        np.savez(tmp_path / "own.npz", **{**usual, **arrays})
        return str(tmp_path / "own.npz")

    return write


def both(images):
    return {"x_train": images, "x_test": images[:2]}


def save(path, pixels, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    image.convert(mode or image.mode).save(path)


@pytest.fixture
def folder(tmp_path):
    """A folder own/ with two grey training images and one grey test image of each of cat and cow."""
    for index, name in enumerate(("cat/1", "cat/2", "cow/1", "cow/2")):
        save(tmp_path / "own" / "train" / f"{name}.png", GREY[index])
    for index, name in enumerate(("cat/1", "cow/1")):
        save(tmp_path / "own" / "test" / f"{name}.png", GREY[index])
    return tmp_path / "own"


def assert_refused(path, *words):
    with pytest.raises(UserError, match=".*".join(words)) as refusal:
        load_own(str(path))
    message = str(refusal.value)
    assert message.endswith(".") and ": " in message and "\n" not in message


# .npz files: images


def test_uint8_images_are_kept(npz):
    native = load_own(npz())
    np.testing.assert_array_equal(native.train_images, GREY)
    np.testing.assert_array_equal(native.test_images, GREY[:2])
    assert native.train_images.dtype == native.test_images.dtype == np.uint8
    assert (native.low, native.high) == (0, 255)
    assert native.train_labels.tolist() == LABELS.tolist() and native.test_labels.tolist() == [0, 1]
    assert native.train_labels.dtype == native.test_labels.dtype == np.int32
    assert native.classes == ("0", "1", "2")


def test_colour_images_are_kept(npz):
    native = load_own(npz(**both(COLOUR)))
    np.testing.assert_array_equal(native.train_images, COLOUR)
    assert native.test_images.shape == (2, 4, 4, 3)


def test_a_single_channel_is_dropped(npz):
    np.testing.assert_array_equal(load_own(npz(**both(GREY[..., None]))).train_images, GREY)


@pytest.mark.parametrize("dtype", ["i2", ">i4", "u8", "f2", "f4", ">f8", "longdouble"])
def test_other_dtypes_become_float32_in_the_range_of_the_training_images(npz, dtype):
    train, test = GREY.astype(dtype) % 100, GREY[:2].astype(dtype)
    native = load_own(npz(x_train=train, x_test=test))
    np.testing.assert_array_equal(native.train_images, train)
    np.testing.assert_array_equal(native.test_images, test)
    assert native.train_images.dtype == native.test_images.dtype == np.float32
    assert (native.low, native.high) == (train.min(), train.max()) and native.high < test.max()


def test_bool_images(npz):
    native = load_own(npz(**both(GREY > 127)))
    np.testing.assert_array_equal(native.train_images, (GREY > 127).astype(np.float32))
    assert native.train_images.dtype == np.float32 and (native.low, native.high) == (0, 1)


@pytest.mark.parametrize(
    "shape",
    [
        (6,),
        (6, 16),
        (6, 4, 5),
        (6, 4, 5, 3),
        (6, 3, 4, 4),
        (6, 1, 4, 4),
        (6, 4, 4, 2),
        (6, 4, 4, 4),
        (6, 4, 4, 1, 1),
    ],
)
@pytest.mark.parametrize("name", ["x_train", "x_test"])
def test_shapes_other_than_square_images(npz, name, shape):
    assert_refused(
        npz(**{name: np.zeros(shape, np.uint8)}), f"{name} in .*own.npz", *map(str, shape), "N, side"
    )


@pytest.mark.parametrize("shape", [(0, 4, 4), (6, 0, 0), (6, 257, 257)])
def test_numbers_and_sides_of_images_out_of_range(npz, shape):
    words = *map(str, shape), "at least one image", "from 1 to 256"
    assert_refused(npz(x_train=np.zeros(shape, np.uint8)), "x_train in .*own.npz", *words)


@pytest.mark.parametrize("side", [1, 256])
def test_the_smallest_and_the_largest_side(npz, side):
    images = np.resize(GREY, (6, side, side))
    np.testing.assert_array_equal(load_own(npz(**both(images))).train_images, images)


@pytest.mark.parametrize("test_images", [GREY[:2, :3, :3], COLOUR[:2]])
def test_test_images_of_another_shape(npz, test_images):
    found = ", ".join(map(str, test_images.shape[1:]))
    assert_refused(npz(x_test=test_images), "x_train", r"\(4, 4\)", "x_test in .*own.npz", rf"\({found}\)")


def test_uint8_and_other_images_together(npz):
    words = "x_train in .*own.npz", "uint8", "x_test in .*own.npz", "float64"
    assert_refused(npz(x_test=GREY[:2] / 255), *words)


@pytest.mark.parametrize("dtype", ["U3", "S3", "c8", "M8[s]", "V1"])
def test_pixels_that_are_not_real_numbers(npz, dtype):
    images = np.zeros((6, 4, 4), dtype)
    assert_refused(npz(x_train=images), "x_train in .*own.npz", str(images.dtype).replace("[", r"\["))


@pytest.mark.parametrize("name", ["x_train", "x_test"])
@pytest.mark.parametrize(
    "value, shown", [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (1e300, r"1e\+300")]
)
@pytest.mark.parametrize("images", [GREY / 255, COLOUR / 255])
def test_values_that_are_not_finite(npz, name, value, shown, images):
    arrays = {name: array.copy() for name, array in both(images).items()}
    arrays[name][1, 2, 3] = value
    assert_refused(npz(**arrays), f"{name} in .*own.npz", shown, "image 1:")


@pytest.mark.parametrize("images", [np.full((6, 4, 4), 0.5), np.zeros((6, 4, 4)), np.ones((6, 4, 4), bool)])
def test_constant_training_images(npz, images):
    words = "x_train in .*own.npz", f"{float(images[0, 0, 0]):g} in every pixel"
    assert_refused(npz(x_train=images, x_test=GREY[:2] / 255), *words)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_constant_training_images_in_uint8(npz, value):
    images = np.full((6, 4, 4), value, np.uint8)
    assert_refused(npz(x_train=images), "x_train in .*own.npz", f"{value} in every pixel")


def test_a_constant_image_among_others_is_accepted(npz):
    images = GREY.copy()
    images[3] = 7
    np.testing.assert_array_equal(load_own(npz(x_train=images)).train_images, images)


@pytest.mark.parametrize("largest", [1, 2, 16])
def test_uint8_images_that_hardly_use_their_range(npz, largest):
    """They would be scaled by 0 and 255, and a network would see almost nothing."""
    images = GREY % (largest + 1)
    words = "x_train in .*own.npz", f"from 0 to {largest} in dtype uint8"
    assert_refused(npz(**both(images)), *words)
    assert load_own(npz(**both(images.astype(np.int16)))).high == largest  # as the sentence advises


@pytest.mark.parametrize(
    ("train", "test", "shown"),
    [
        (FULL / 255, FULL * 1.0, "from 0 to 255.*by 0 to 1:"),
        (FULL * 1.0, FULL / 255, "from 0 to 1.*by 0 to 255:"),
        (FULL.astype(int), FULL / 255, "from 0 to 1.*by 0 to 255:"),
        (FULL * 257.0, FULL * 1.0, "from 0 to 255.*by 0 to 65535:"),
        (FULL / 127.5 - 1, FULL * 1.0, "from 0 to 255.*by -1 to 1:"),
        (FULL, FULL // 255, "from 0 to 1.*by 0 to 255:"),
        (FULL, FULL * 0, "from 0 to 0.*by 0 to 255:"),
        (FULL / 255, FULL / 255 + 1e6, r"from 1e\+06 to 1e\+06.*by 0 to 1:"),
    ],
)
def test_training_and_test_images_on_two_scales(npz, train, test, shown):
    assert_refused(npz(x_train=train, x_test=test[:2]), "x_test in .*own.npz", shown)


def test_pixels_in_a_range_of_their_own_are_scaled_by_it(npz):
    for scale, offset in ((1 / 255, 0), (2 / 255, -1), (1, -128), (257, 0)):
        images = GREY * float(scale) + offset
        native = load_own(npz(**both(images)))
        assert (native.low, native.high) == (np.float32(images.min()), np.float32(images.max()))


def test_a_range_that_float32_cannot_hold(npz):
    images = np.where(GREY > 127, 3e38, -3e38)
    assert_refused(npz(**both(images)), "x_train in .*own.npz", r"from -3e\+38 to 3e\+38")


# .npz files: labels


@pytest.mark.parametrize("dtype", ["u1", "i8", ">i2", "u8", "f4", "f8", "U1", "S1"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_labels_of_each_dtype_and_shape(npz, dtype, shape):
    labels = LABELS.astype(dtype).reshape(shape)
    native = load_own(npz(y_train=labels, y_test=labels[:2]))
    assert native.train_labels.dtype == native.test_labels.dtype == np.int32
    assert native.train_labels.tolist() == LABELS.tolist() and native.test_labels.tolist() == [0, 1]
    assert native.classes == ("0", "1", "2")


def test_class_names_number_the_classes_in_sorted_order(npz):
    labels = np.array(["b", "a", "é", "b", "B", "10"])
    native = load_own(npz(y_train=labels, y_test=np.char.encode(labels[:2], "utf-8")))
    assert native.classes == ("10", "B", "a", "b", "é") and all(type(name) is str for name in native.classes)
    assert native.train_labels.tolist() == [3, 2, 4, 3, 1, 0] and native.test_labels.tolist() == [3, 2]


def test_class_numbers_are_sorted_as_numbers(npz):
    images, labels = np.resize(GREY, (12, 1, 1)), np.arange(12)[::-1]
    native = load_own(npz(**both(images), y_train=labels, y_test=labels[:2]))
    assert native.classes == tuple(map(str, range(12))) and native.test_labels.tolist() == [11, 10]


@pytest.mark.parametrize("name", ["y_train", "y_test"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (7, 1), (6, 3), (1, 6)])
def test_labels_of_another_number_or_shape(npz, name, shape):
    words = f"{name} in .*own.npz", *map(str, shape), f"{name.replace('y', 'x')} in .*own.npz"
    assert_refused(npz(**{name: np.zeros(shape, int)}), *words, f"{6 if name == 'y_train' else 2} images")


@pytest.mark.parametrize("name", ["y_train", "y_test"])
@pytest.mark.parametrize("label", [-1, 0.5, np.nan, np.inf, 1000, 1e30])
def test_labels_that_are_not_class_numbers(npz, name, label):
    labels = {"y_train": [0, 1, 2, 0, 1, label], "y_test": [0, label]}[name]
    assert_refused(
        npz(**{name: np.array(labels)}), f"{name} in .*own.npz", f"label {label}".replace("+", r"\+")
    )


@pytest.mark.parametrize("dtype", ["c8", "M8[s]", "V1"])
def test_labels_that_are_neither_numbers_nor_names(npz, dtype):
    labels = np.zeros(6, dtype)
    assert_refused(npz(y_train=labels), "y_train in .*own.npz", str(labels.dtype).replace("[", r"\["))


def test_labels_that_start_at_1(npz):
    words = "start at 1", "subtract 1"
    assert_refused(npz(y_train=LABELS + 1, y_test=LABELS[:2] + 1), "y_train in .*own.npz", *words)


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[31m", "\ud800", "\u2028", "\0a", "x" * 101])
@pytest.mark.parametrize("split", ["y_train", "y_test"])
def test_class_names_that_tables_cannot_show(npz, split, name):
    labels = {"y_train": NAMES.astype("U101"), "y_test": NAMES[:2].astype("U101")}
    labels[split][1] = name
    assert_refused(npz(**labels), f"{split} in .*own.npz", "class name", "1 to 100 printable")


@pytest.mark.parametrize("name", ["é", "猫", "a b", "می\u200cروم", "👩\u200d🔬", "x" * 100])
def test_class_names_of_any_script(npz, name):
    labels = NAMES.astype("U100")
    labels[[0, 2]] = name
    assert name in load_own(npz(y_train=labels, y_test=labels[:2])).classes


def test_class_names_that_are_not_unicode(npz):
    labels = NAMES.astype("U3")
    labels.view(np.uint32)[0] = 0x110000
    assert_refused(npz(y_train=labels), "y_train in .*own.npz", "not text")


def test_a_class_number_without_training_images(npz):
    words = "label 4 but no label 2", "without gaps"
    assert_refused(npz(y_train=np.array([0, 1, 3, 4, 1, 0])), "y_train in .*own.npz", *words)


@pytest.mark.parametrize(
    "train, test, name", [(LABELS, np.array([0, 3]), "'3'"), (NAMES, np.array(["cat", "elk"]), "'elk'")]
)
def test_a_class_that_only_test_images_have(npz, train, test, name):
    assert_refused(npz(y_train=train, y_test=test), "y_test in .*own.npz", name, "no training images")


def test_class_numbers_and_class_names_together(npz):
    assert_refused(npz(y_test=NAMES[:2]), "y_train in .*own.npz", "int64", "y_test in .*own.npz", "<U3")


@pytest.mark.parametrize("labels", [np.zeros(6, int), np.full(6, "cat")])
def test_a_single_class(npz, labels):
    assert_refused(
        npz(y_train=labels, y_test=labels[:2]), "y_train in .*own.npz", "is 1: ", "from 2 to 1,000"
    )


@pytest.mark.parametrize("dtype", [int, str])
def test_a_thousand_classes(npz, dtype):
    labels = np.arange(1000).astype(dtype)
    native = load_own(npz(**both(np.resize(GREY, (1000, 1, 1))), y_train=labels, y_test=labels[:2]))
    assert len(native.classes) == 1000 and len(set(native.train_labels.tolist())) == 1000


def test_more_than_a_thousand_class_names(npz):
    labels = np.arange(1001).astype(str)
    path = npz(**both(np.resize(GREY, (1001, 1, 1))), y_train=labels, y_test=labels[:2])
    assert_refused(path, "y_train in .*own.npz", "is 1,001: ", "from 2 to 1,000")


# .npz files: the file itself


@pytest.mark.parametrize("name", ["own.npz", "own", "own.csv"])
def test_a_path_that_does_not_exist(tmp_path, name):
    assert_refused(tmp_path / name, f"{name} doesn't exist")


def test_a_file_that_is_not_npz(tmp_path):
    (tmp_path / "own.csv").write_text("0,1")
    assert_refused(tmp_path / "own.csv", "own.csv is neither a folder nor an .npz file")


def npy_file():
    content = io.BytesIO()
    np.save(content, GREY)
    return content.getvalue()


@pytest.mark.parametrize("content", [b"", b"no zip archive", b"PK\x03\x04 nor this", npy_file()])
def test_content_other_than_npz(tmp_path, content):
    (tmp_path / "own.npz").write_bytes(content)
    assert_refused(tmp_path / "own.npz", "own.npz is not a complete .npz file")


def test_a_truncated_file(npz):
    path = pathlib.Path(npz())
    path.write_bytes(path.read_bytes()[:-40])
    assert_refused(path, "own.npz is not a complete .npz file")


def test_an_altered_file(npz):
    path = pathlib.Path(npz())
    content = path.read_bytes()
    path.write_bytes(content.replace(GREY.tobytes(), (255 - GREY).tobytes()))
    assert_refused(path, "own.npz is not a complete .npz file")


def test_an_archive_of_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{name}.npy", b"no array")
    assert_refused(tmp_path / "own.npz", "own.npz is not a complete .npz file")


def npy_file_of(shape, descr="|u1", data=b""):
    """An .npy file whose header declares `shape`, whatever `data` holds."""
    content = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + data


def archive_with(path, name, content, compression=zipfile.ZIP_STORED):
    """Writes an .npz file of the usual arrays, the file of one of them replaced."""
    usual = {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:2], "y_test": LABELS[:2]}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for other, array in usual.items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{other}.npy", content if other == name else file.getvalue())
    return path


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("x_train", ((2**26, 256, 256),)),  # 4 TiB
        ("x_test", ((2**14, 256, 256),)),  # 1 GiB
        ("y_train", ((2**40,),)),
        ("y_test", ((2,), "<U500000000")),
        ("x_train", ((2**62, 256, 256),)),
        ("x_train", ((10**30, 4, 4),)),
        ("x_train", ((-6, -4, 4),)),
        ("y_train", ((2**40,), "|S0")),
    ],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_declared_size_is_checked_before_memory_is_allocated(tmp_path, name, header, compression):
    path = archive_with(tmp_path / "own.npz", name, npy_file_of(*header, data=bytes(96)), compression)
    tracemalloc.start()
    try:
        assert_refused(path, "own.npz is not a complete .npz file")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("data", [GREY.tobytes()[:-1], GREY.tobytes() + b"0", b""])
def test_an_array_with_more_or_fewer_bytes_than_declared(tmp_path, data):
    path = archive_with(tmp_path / "own.npz", "x_train", npy_file_of(GREY.shape, data=data))
    assert_refused(path, "own.npz is not a complete .npz file")


def test_images_that_do_not_fit_into_memory(npz, monkeypatch):
    def fail(*args):
        raise MemoryError

    monkeypatch.setattr(zipfile.ZipFile, "read", fail)
    assert_refused(npz(), "own.npz doesn't fit into memory")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("again", [GREY, 255 - GREY])
def test_an_array_that_is_stored_twice(npz, again):
    path = npz()
    content = io.BytesIO()
    np.save(content, again)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", content.getvalue())
    assert_refused(path, "own.npz holds x_train more than once")


def test_a_compressed_file_in_fortran_order(tmp_path, npz):
    np.savez_compressed(
        tmp_path / "packed.npz",
        x_train=np.asfortranarray(COLOUR), y_train=LABELS, x_test=COLOUR[:2], y_test=LABELS[:2],
    )  # fmt: skip
    native = load_own(str(tmp_path / "packed.npz"))
    np.testing.assert_array_equal(native.train_images, COLOUR)
    assert content_digest(native) == content_digest(load_own(npz(**both(COLOUR))))


@pytest.mark.parametrize("name", ["x_train", "y_test"])
def test_arrays_without_dimensions(npz, name):
    assert_refused(npz(**{name: np.array(3)}), rf"{name} in .*own.npz has shape \(\)")


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path, folder):
    os.mkfifo(tmp_path / "own.npz")
    (tmp_path / "zero.npz").symlink_to("/dev/zero")
    for name in ("own.npz", "zero.npz"):
        assert_refused(tmp_path / name, f"{name} is neither a file nor a folder")
    os.mkfifo(folder / "train" / "cat" / "3.png")
    assert_refused(folder, "cat/3.png is neither a file nor a folder")


def test_a_link_to_itself(tmp_path, folder):
    for link in (tmp_path / "own.npz", folder / "train" / "cat" / "3.png", folder / "train" / "dog"):
        link.symlink_to(link)
        path = link if link.suffix == ".npz" else folder
        assert_refused(path, f"{link.name} can't be read", "Too many levels of symbolic links")
        link.unlink()


@pytest.mark.parametrize("name", ["a\nb.npz", "\x1b[31m.npz", "a\udcff.npz"])
def test_a_name_that_cannot_be_printed_is_escaped(tmp_path, npz, name):
    path = pathlib.Path(npz()).rename(tmp_path / name)
    shown = name[: name.index(".")].encode("unicode_escape").decode()
    assert dataset_info(str(path)).name == shown
    path.write_bytes(b"")
    assert_refused(path, rf"{re.escape(shown)}.npz is not a complete")


def test_missing_arrays(tmp_path):
    np.savez(tmp_path / "own.npz", x_train=GREY, y_test=LABELS, other=LABELS)
    assert_refused(tmp_path / "own.npz", "own.npz lacks y_train, x_test: ")


class CreatesAFile:
    """Unpickling an instance creates the file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["x_train", "y_test"])
def test_pickled_objects_are_refused_and_never_unpickled(tmp_path, npz, name):
    path = npz(**{name: np.array([CreatesAFile(tmp_path / "created")], object)})
    assert_refused(path, f"{name} in .*own.npz holds Python objects")
    assert not (tmp_path / "created").exists()
    with np.load(path, allow_pickle=True) as stored:  # the test can fail: this does create the file
        stored[name]
    assert (tmp_path / "created").exists()


def deny(monkeypatch, refused):
    """Makes opening `refused` fail as it does without the permission; root may open everything."""
    open_file = pathlib.Path.open

    def denied(path, *args, **kwargs):
        if path == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, *args, **kwargs)

    monkeypatch.setattr(pathlib.Path, "open", denied)


def test_an_unreadable_npz(npz, monkeypatch):
    path = npz()
    deny(monkeypatch, pathlib.Path(path))
    assert_refused(path, "own.npz can't be read", "Permission denied")


# Folders


def test_a_folder_of_grey_images(folder):
    native = load_own(str(folder))
    np.testing.assert_array_equal(native.train_images, GREY[:4])
    np.testing.assert_array_equal(native.test_images, GREY[:2])
    assert native.train_labels.tolist() == [0, 0, 1, 1] and native.test_labels.tolist() == [0, 1]
    assert native.classes == ("cat", "cow") and (native.low, native.high) == (0, 255)


def test_classes_and_files_are_sorted_as_strings(folder):
    names = "10/1", "Zoo/10", "Zoo/9"
    for name, pixels in zip(names, GREY, strict=False):
        save(folder / "train" / f"{name}.png", pixels)
    native = load_own(str(folder))
    assert native.classes == ("10", "Zoo", "cat", "cow") and native.test_labels.tolist() == [2, 3]
    assert native.train_labels.tolist() == [0, 1, 1, 2, 2, 3, 3]
    np.testing.assert_array_equal(native.train_images[:3], GREY[:3])


def test_hidden_and_other_files_are_ignored(folder):
    for name in (
        "train/cat/Thumbs.db",
        "train/cat/.1.png",
        "train/notes.txt",
        "test/.DS_Store",
        "readme.txt",
    ):
        (folder / name).write_text("no image")
    (folder / "train" / ".cache").mkdir()
    assert load_own(str(folder)).train_images.shape == (4, 4, 4)


@pytest.mark.parametrize(
    "mode, grey", [("1", True), ("L", True), ("LA", True), ("P", False), ("RGBA", False)]
)
def test_modes_of_png(folder, mode, grey):
    for file in folder.rglob("*.png"):
        save(file, np.where(GREY[0] > 127, 255, 0).astype(np.uint8), mode)
    expected = np.where(GREY[0] > 127, 255, 0)
    native = load_own(str(folder))
    for images in (native.train_images, native.test_images):
        expected_images = expected if grey else np.repeat(expected[..., None], 3, axis=2)
        np.testing.assert_array_equal(images, np.stack([expected_images] * len(images)))


@pytest.mark.parametrize("name", ["train/cow/2.png", "test/cat/1.png"])
def test_grey_images_become_colour_next_to_one_in_colour(folder, name):
    save(folder / name, COLOUR[0])
    native = load_own(str(folder))
    images = native.train_images if name.startswith("train") else native.test_images[::-1]
    np.testing.assert_array_equal(images[-1], COLOUR[0])
    np.testing.assert_array_equal(images[0], np.repeat(images[0, ..., :1], 3, axis=2))
    assert native.train_images.shape == (4, 4, 4, 3) and native.test_images.shape == (2, 4, 4, 3)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG", "Jpeg"])
def test_jpeg(folder, suffix):
    save(folder / "train" / "cat" / f"0.{suffix}", np.full((4, 4), 200, np.uint8))
    np.testing.assert_array_equal(load_own(str(folder)).train_images[0], np.full((4, 4), 200))


def test_colour_jpeg(folder):
    save(folder / "train" / "cat" / "0.jpg", np.full((4, 4, 3), 200, np.uint8))
    np.testing.assert_array_equal(load_own(str(folder)).train_images[0], np.full((4, 4, 3), 200))


def test_a_palette_with_transparency_gives_no_warning(folder):
    image = Image.fromarray(COLOUR[0]).quantize(4)
    image.save(folder / "train" / "cat" / "1.png", transparency=b"\x00\x80\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        native = load_own(str(folder))
    np.testing.assert_array_equal(native.train_images[0], np.asarray(image.convert("RGB")))


def png_16_bit_rgb():
    """A PNG file of 16 bits per channel, as Pillow cannot write it: the header of one in 8 bits, altered."""
    content = io.BytesIO()
    Image.fromarray(COLOUR[0]).save(content, "PNG")
    return content.getvalue()[:24] + b"\x10" + content.getvalue()[25:]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks):
    """A grey PNG file of 8 bits per pixel whose header declares a size, with these chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(9_000, 9_000, chunk(b"IDAT", zlib.compress(bytes(9_000 * 9_001)))), "has 9000x9000 pixels"),
        (png(12_000, 12_000), "has 12000x12000 pixels"),  # Pillow warns of such a size
        (png(2**31 - 1, 2**31 - 1), "has millions of pixels"),  # and refuses this one
        (png(0, 0), "can't be decoded"),
        (png(4, 4, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(30_000_000)))), "can't be decoded"),
    ],
)
def test_a_small_file_that_would_fill_the_memory(folder, content, words):
    (folder / "train" / "cow" / "1.png").write_bytes(content)
    tracemalloc.start()
    try:
        assert_refused(folder, "train/cow/1.png", words)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_cmyk_is_converted_to_rgb(folder):
    image = Image.fromarray(np.full((4, 4, 3), 200, np.uint8)).convert("CMYK")
    image.save(folder / "train" / "cat" / "0.jpg")
    np.testing.assert_allclose(load_own(str(folder)).train_images[0], 200, atol=2)


def test_images_of_one_pixel(folder):
    for index, file in enumerate(sorted(folder.rglob("*.png"))):
        save(file, np.full((1, 1), 40 * index, np.uint8))
    assert load_own(str(folder)).train_images.shape == (4, 1, 1)


def test_constant_images_in_a_folder(folder):
    for file in folder.rglob("*.png"):
        save(file, np.full((4, 4), 7, np.uint8))
    assert_refused(folder, "own/train has the value 7 in every pixel")


@pytest.mark.parametrize("suffix", ["webp", "BMP", "gif", "tiff"])
def test_images_of_other_formats_are_not_left_out_unnoticed(folder, suffix):
    (folder / "train" / "cat" / f"3.{suffix}").touch()
    assert_refused(folder, f"cat/3.{suffix} is not a PNG or JPEG file")


def test_a_folder_named_like_an_image(folder):
    (folder / "train" / "cat" / "3.png").mkdir()
    assert_refused(folder, "cat/3.png is a folder")


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "a\udcff"])
def test_names_in_a_folder_that_cannot_be_printed(folder, name):
    shown = re.escape(name.encode("unicode_escape").decode())
    file = folder / "train" / "cat" / f"{name}.png"
    save(file, GREY[0])
    assert len(load_own(str(folder)).train_images) == 5  # the names of files are not shown
    file.write_bytes(b"")
    assert_refused(folder, f"cat/{shown}.png can't be decoded")
    file.unlink()
    for split in ("train", "test"):
        (folder / split / "cat").rename(folder / split / name)
    assert_refused(folder, f"own/train has the class name '{shown}'")


def test_16_bit_images(folder):
    file = folder / "train" / "cow" / "1.png"
    save(file, GREY[0].astype(np.uint16) * 257)
    assert_refused(folder, "cow/1.png", "16 bits per channel")
    file.write_bytes(png_16_bit_rgb())
    assert_refused(folder, "cow/1.png", "16 bits per channel")


def test_files_that_are_not_complete_images(folder):
    file = folder / "test" / "cow" / "1.png"
    content = file.read_bytes()
    gif = io.BytesIO()
    Image.fromarray(GREY[0]).save(gif, "GIF")
    for damaged in (b"", b"no image", content[:20], content[:45], gif.getvalue()):
        file.write_bytes(damaged)
        assert_refused(folder, "test/cow/1.png can't be decoded")


def test_a_truncated_jpeg(folder):
    file = folder / "train" / "cat" / "0.jpg"
    save(file, GREY[0])
    file.write_bytes(file.read_bytes()[:-12])
    assert_refused(folder, "cat/0.jpg can't be decoded")


@pytest.mark.parametrize("shape", [(4, 5), (5, 4), (257, 257)])
def test_images_that_are_too_large_or_not_square(folder, shape):
    save(folder / "train" / "cow" / "1.png", np.zeros(shape, np.uint8))
    assert_refused(folder, "train/cow/1.png", f"{shape[1]}x{shape[0]} pixels", "256")


@pytest.mark.parametrize("name", ["train/cow/1.png", "test/cow/1.png"])
def test_images_of_another_size(folder, name):
    save(folder / name, np.zeros((5, 5), np.uint8))
    assert_refused(folder, name, "5x5 pixels", "train/cat/1.png", "4x4")


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_missing_split(folder, name):
    (folder / name).rename(folder / "other")
    assert_refused(folder, f"own/{name} is missing")


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_split_without_class_folders(folder, name):
    (folder / name).rename(folder / "other")
    save(folder / name / "1.png", GREY[0])
    assert_refused(folder, f"own/{name} has no class folders")


@pytest.mark.parametrize("name", ["train/elk", "test/cow"])
def test_a_class_folder_without_images(folder, name):
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "1.png").unlink(missing_ok=True)
    (folder / name / "notes.txt").touch()
    assert_refused(folder, f"{name} has no PNG or JPEG files")


def test_a_class_folder_that_only_test_has(folder):
    save(folder / "test" / "elk" / "1.png", GREY[0])
    assert_refused(folder, "test/elk has no training images", "train/elk")


def test_a_class_folder_that_only_train_has(folder):
    save(folder / "train" / "bee" / "1.png", GREY[0])
    native = load_own(str(folder))
    assert native.classes == ("bee", "cat", "cow") and native.test_labels.tolist() == [1, 2]


def test_a_single_class_folder(folder):
    for split in ("train", "test"):
        (folder / split / "cow").rename(folder / f"other {split}")
    assert_refused(folder, "own/train is 1: ", "from 2 to 1,000")


def test_an_unreadable_image(folder, monkeypatch):
    deny(monkeypatch, folder / "train" / "cat" / "1.png")
    assert_refused(folder, "train/cat/1.png can't be read", "Permission denied")


def test_a_broken_link(folder):
    (folder / "train" / "cat" / "3.png").symlink_to("nowhere.png")
    assert_refused(folder, "train/cat/3.png doesn't exist")


# The digest


@pytest.mark.parametrize("images", [GREY, COLOUR])
def test_a_folder_equals_the_npz_of_its_pixels_and_class_names(tmp_path, npz, images):
    order = np.argsort(NAMES, kind="stable")
    for index, name in enumerate(NAMES):
        save(tmp_path / "own" / "train" / name / f"{index}.png", images[index])
        if index < 2:
            save(tmp_path / "own" / "test" / name / f"{index}.png", images[index])
    by_folder = load_own(str(tmp_path / "own"))
    by_npz = load_own(npz(x_train=images[order], y_train=NAMES[order], x_test=images[:2], y_test=NAMES[:2]))
    for first, second in zip(by_folder, by_npz, strict=True):
        np.testing.assert_array_equal(first, second)
        assert getattr(first, "dtype", None) == getattr(second, "dtype", None)
    assert content_digest(by_folder) == content_digest(by_npz)


def test_the_digest_ignores_how_arrays_are_stored(npz):
    digest = content_digest(load_own(npz()))
    assert len(digest) == 64 and int(digest, 16)
    stored = {"x_train": np.asfortranarray(GREY), "y_train": LABELS[:, None].astype(">f8")}
    assert content_digest(load_own(npz(**stored))) == digest


def test_the_digest_changes_with_pixels_labels_shapes_dtypes_and_names(npz):
    native = load_own(npz())
    images, labels = native.train_images.copy(), native.test_labels.copy()
    images[-1, -1, -1] ^= 1
    labels[-1] = 2
    variants = [
        native,
        native._replace(train_images=images),
        native._replace(test_labels=labels),
        native._replace(train_images=GREY.reshape(6, 2, 8)),
        native._replace(train_images=GREY.astype(np.int8)),
        native._replace(classes=("0", "1", "two")),
        native._replace(classes=("0", "12")),
        native._replace(train_images=native.test_images, test_images=native.train_images),
    ]
    assert len({content_digest(variant) for variant in variants}) == len(variants)
