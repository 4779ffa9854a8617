"""Damaged notes of downloads lead to another download."""

import pytest
import requests

from lenet_jax.data import load_native
from lenet_jax.errors import UserError


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"urls": [[1]]}', b'{"urls": null}', b"\xff", b"[" * 9]
)
def test_a_damaged_note_of_a_download_counts_as_none(tmp_path, monkeypatch, content):
    def refuse(*args, **kwargs):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", refuse)
    note = tmp_path / "usps" / "downloads" / "zip.train.gz.INFO"
    note.parent.mkdir(parents=True)
    note.write_bytes(content)
    with pytest.raises(UserError, match="usps can't be downloaded"):
        load_native("usps", data_dir=str(tmp_path))
    assert not note.exists()
