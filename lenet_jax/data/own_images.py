"""A user's own images: an .npz file as Keras has them, or a folder as torchvision's ImageFolder reads it."""

import hashlib
import io
import json
import math
import pathlib
import stat
import warnings
import zipfile

import numpy as np

from lenet_jax.data import npz
from lenet_jax.data.native import Native
from lenet_jax.data.own_checks import MAX_SIDE, RawSplit, to_native
from lenet_jax.errors import UserError

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_MAX_DEFLATION = 1032  # no DEFLATE stream, the compression of numpy, holds more bytes per byte
_SUFFIXES = (".png", ".jpg", ".jpeg")
_OTHER_SUFFIXES = (".bmp", ".gif", ".tif", ".tiff", ".webp")  # images that must not be left out unnoticed
_GREY_MODES = ("1", "L", "LA")  # of Pillow: black and white, grey, grey with transparency


def load_own(path: str) -> Native:
    """Reads a user's own dataset.

    Args:
      path: one of
        - an .npz file with the arrays x_train and x_test, images (N, side, side), (N, side, side, 1) or
          (N, side, side, 3) of any real dtype; and y_train and y_test, labels (N,) or (N, 1), either class
          numbers from 0 or class names of 1 to 100 printable characters;
        - a folder with PNG or JPEG files train/CLASS/* and test/CLASS/*. The class folders, sorted by name,
          number the classes; in a class, images are sorted by file name.

    Returns:
      Grey images (N, side, side) or colour images (N, side, side, 3). uint8 pixels stay uint8, with low 0
      and high 255, and must use a tenth of that range or more. Others become float32, with low and high the
      smallest and largest training pixel.
      The images of a folder are colour images unless all of them are grey.

    Raises:
      UserError: naming the file, folder or array that cannot be used, and why.
    """
    root = pathlib.Path(path)
    try:
        return to_native(*(_read_folder(root) if _is_folder(root) else _read_npz(root)))
    except FileNotFoundError as error:
        refusal = f"{error.filename} doesn't exist: check the path."
    except OSError as error:
        refusal = (
            f"{error.filename or path} can't be read ({error.strerror}): make it a readable file or folder."
        )
    except MemoryError:
        refusal = f"{path} doesn't fit into memory: use fewer or smaller images."
    raise UserError(refusal)


def content_digest(native: Native) -> str:
    """SHA-256, in hexadecimal, of shapes, dtypes and bytes of the four arrays and of the class names."""
    arrays = native[:4]
    layout = [[array.shape, array.dtype.str] for array in arrays]
    digest = hashlib.sha256(json.dumps([layout, native.classes]).encode())
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def _is_folder(path: pathlib.Path) -> bool:
    """Whether `path` is a folder, not a file. Raises OSError if it is missing, or a link that leads nowhere.

    Raises UserError if it is neither, as a device or a pipe might never end.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise UserError(f"{path} is neither a file nor a folder: replace it.")
    return stat.S_ISDIR(mode)


def _read_npz(path: pathlib.Path) -> tuple[RawSplit, RawSplit]:
    if path.suffix.lower() != ".npz":
        raise UserError(f"{path} is neither a folder nor an .npz file: convert it to one of the two.")
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                stored = archive.namelist()
                for name in _ARRAYS:
                    if stored.count(f"{name}.npy") > 1:
                        raise UserError(f"{path} holds {name} more than once: save it again.")
                arrays = {
                    name: _read_array(archive, name, path) for name in _ARRAYS if f"{name}.npy" in stored
                }
        except (UserError, MemoryError):
            raise
        except Exception as error:  # numpy and zipfile raise exceptions of many types for damaged files
            raise UserError(f"{path} is not a complete .npz file: save it again.") from error
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}: it must hold {', '.join(_ARRAYS)}.")
    x_train, y_train, x_test, y_test = (f"{name} in {path}" for name in _ARRAYS)
    return (
        RawSplit(x_train, y_train, arrays["x_train"], arrays["y_train"]),
        RawSplit(x_test, y_test, arrays["x_test"], arrays["y_test"]),
    )


def _read_array(archive: zipfile.ZipFile, name: str, path: pathlib.Path) -> np.ndarray:
    """An array of the archive, read-only. Memory is allocated for what is stored, not for what is declared.

    Raises UserError for an array of Python objects, other exceptions for a damaged one.
    """
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_size > path.stat().st_size or entry.file_size > _MAX_DEFLATION * entry.compress_size:
        raise ValueError("a size in the archive is wrong")
    content = archive.read(entry)  # which checks the CRC-32
    header = io.BytesIO(content)
    shape, is_fortran, dtype = npz.read_header(header)
    if dtype.hasobject:
        raise UserError(f"{name} in {path} holds Python objects: store numbers or strings.")
    if math.prod(shape) * dtype.itemsize != len(content) - header.tell():
        raise ValueError("the declared shape is wrong")
    array = np.frombuffer(content, dtype, offset=header.tell()) if math.prod(shape) else np.empty(0, dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")


def _read_folder(root: pathlib.Path) -> tuple[RawSplit, RawSplit]:
    train, test = root / "train", root / "test"
    train_files, test_files = _image_files(train), _image_files(test)
    train_classes = {file.parent.name for file in train_files}
    for file in test_files:
        if file.parent.name not in train_classes:
            raise UserError(f"{file.parent} has no training images: add {train / file.parent.name}.")
    images = _read_images(train_files + test_files)
    labels = np.array([file.parent.name for file in train_files + test_files])
    count = len(train_files)
    return (
        RawSplit(str(train), str(train), images[:count], labels[:count]),
        RawSplit(str(test), str(test), images[count:], labels[count:]),
    )


def _image_files(split: pathlib.Path) -> list[pathlib.Path]:
    """The image files split/CLASS/*, sorted by class name, then by file name."""
    if not split.is_dir():
        raise UserError(f"{split} is missing: a folder of images must hold train/CLASS/* and test/CLASS/*.")
    files = []
    for folder in filter(_is_folder, _visible(split)):
        entries = _visible(folder)
        for file in entries:
            if file.suffix.lower() in _OTHER_SUFFIXES:
                raise UserError(f"{file} is not a PNG or JPEG file: convert or delete it.")
        images = [file for file in entries if file.suffix.lower() in _SUFFIXES]
        if not images:
            raise UserError(f"{folder} has no PNG or JPEG files: add some or delete the folder.")
        files += images
    if not files:
        raise UserError(f"{split} has no class folders: create one folder per class for the images.")
    return files


def _visible(folder: pathlib.Path) -> list[pathlib.Path]:
    entries = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return sorted(entries, key=lambda entry: entry.name)


def _read_images(files: list[pathlib.Path]) -> np.ndarray:
    """(N, side, side) uint8 if all files are grey, otherwise (N, side, side, 3) uint8."""
    images = [_read_image(file) for file in files]
    side = len(images[0])
    for file, image in zip(files, images, strict=True):
        if len(image) != side:
            raise UserError(
                f"{file} has {len(image)}x{len(image)} pixels but {files[0]} has {side}x{side}: "
                "resize all images to one size."
            )
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.stack([image] * 3, axis=2) for image in images]
    return np.stack(images)


def _read_image(file: pathlib.Path) -> np.ndarray:
    """(side, side) uint8 if the file is grey, otherwise (side, side, 3) uint8; transparency is dropped."""
    from PIL import Image  # imported late: only folders need it

    if _is_folder(file):
        raise UserError(f"{file} is a folder: move it out of the images, or rename it.")
    with file.open("rb") as stored:
        start = stored.read(25)
        # Byte 24 of a PNG file is its bit depth; Pillow reduces 16-bit colours to 8 bits without notice.
        if start.startswith(b"\x89PNG") and start[24:] == b"\x10":
            raise UserError(f"{file} has 16 bits per channel: convert it to 8 bits.")
        stored.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes and metadata
                with Image.open(stored, formats=("PNG", "JPEG")) as image:
                    width, height = image.size
                    if width != height or height > MAX_SIDE:  # before it is decoded, as it may be huge
                        raise _not_a_small_square(file, f"{width}x{height}")
                    return np.asarray(image.convert("L" if image.mode in _GREY_MODES else "RGB"))
        except UserError:
            raise
        except Image.DecompressionBombError as error:
            raise _not_a_small_square(file, "millions of") from error
        except Exception as error:  # decoders raise exceptions of many types for damaged files
            raise UserError(f"{file} can't be decoded as PNG or JPEG: replace or delete it.") from error


def _not_a_small_square(file: pathlib.Path, size: str) -> UserError:
    return UserError(f"{file} has {size} pixels: make it a square of side {MAX_SIDE} or less.")
