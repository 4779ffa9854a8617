"""Original files are read as their formats say, and a damaged one is refused by its name."""

import gzip

import numpy as np
import pytest

from lenet_jax.data.formats import read_idx_pair, read_zip_code
from lenet_jax.errors import UserError
from tests.helpers import data_files


@pytest.fixture
def idx_pair(tmp_path):
    images, labels = tmp_path / "images.gz", tmp_path / "labels.gz"
    data_files.write_idx(images, np.zeros((3, 28, 28)))
    data_files.write_idx(labels, np.arange(3))
    return images, labels


def test_idx_is_row_major_with_big_endian_sizes(tmp_path, idx_pair):
    content = bytes([0, 0, 8, 3]) + bytes([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))
    (tmp_path / "one.gz").write_bytes(gzip.compress(content))
    data_files.write_idx(tmp_path / "label.gz", np.array([7]))
    images, labels = read_idx_pair(tmp_path / "one.gz", tmp_path / "label.gz")
    assert images.tolist() == [[[0, 1, 2], [3, 4, 5]]] and labels.tolist() == [7]


def test_truncated_idx(idx_pair):
    idx_pair[0].write_bytes(idx_pair[0].read_bytes()[:-9])
    with pytest.raises(UserError, match="images.gz is not a complete gzip file"):
        read_idx_pair(*idx_pair)


@pytest.mark.parametrize("content", [b"", b"neither gzip nor idx", b"\x1f\x8b\x08\x00junkjunkjunkjunk"])
def test_content_other_than_gzip(idx_pair, content):
    idx_pair[1].write_bytes(content)
    with pytest.raises(UserError, match="labels.gz is not"):
        read_idx_pair(*idx_pair)


def test_swapped_idx_files(idx_pair):
    with pytest.raises(UserError, match="labels.gz is not an IDX file of 3-dimensional"):
        read_idx_pair(*reversed(idx_pair))


def test_idx_shorter_than_its_header_declares(idx_pair):
    content = gzip.decompress(idx_pair[0].read_bytes())
    idx_pair[0].write_bytes(gzip.compress(content[:-1]))
    with pytest.raises(UserError, match=r"images.gz declares shape \(3, 28, 28\) but holds 2351 bytes"):
        read_idx_pair(*idx_pair)


def test_a_different_number_of_labels(idx_pair):
    data_files.write_idx(idx_pair[1], np.arange(4))
    with pytest.raises(UserError, match="holds 3 images but .*labels.gz 4 labels"):
        read_idx_pair(*idx_pair)


def test_zip_code_rows(tmp_path):
    pixels = np.linspace(-1, 1, 2 * 256).round(3).astype(np.float32).reshape(2, 16, 16)
    data_files.write_zip_code(tmp_path / "zip.gz", pixels, np.array([3, 9]))
    images, labels = read_zip_code(tmp_path / "zip.gz")
    np.testing.assert_array_equal(images, pixels)
    assert images.dtype == np.float32 and labels.tolist() == [3, 9]


@pytest.mark.parametrize(
    "text, fault",
    [
        ("6.0 " + "word " * 256, "is not a table of numbers"),
        ("6.0 " + "0 " * 256 + "\n6.0 " + "0 " * 255, "is not a table of numbers"),
        ("6.0 " + "0 " * 255, "has 256 numbers per line instead of 257"),
        ("10.0 " + "0 " * 256, "labels outside 0..9"),
        ("6.0 " + "2 " * 256, r"grey levels outside \[-1, 1\]"),
        ("6.0 " + "nan " * 256, r"grey levels outside \[-1, 1\]"),
    ],
)
def test_bad_zip_code_rows(tmp_path, text, fault):
    (tmp_path / "zip.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(UserError, match=f"zip.gz.*{fault}"):
        read_zip_code(tmp_path / "zip.gz")
