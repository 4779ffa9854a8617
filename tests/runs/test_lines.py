"""Lines and documents with a checksum: whole or not at all, and damage is found."""

import json

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import lines
from lenet_jax.runs.lines import LineFile

CONTENT = {"result": {"arm": "a", "test_accuracy": 0.9871, "seed": 0, "status": None}, "note": "é"}


def read(path, appended=False):
    file = LineFile(path, appended)
    file.read_on()
    return file


def contents(file):
    return [line.content for line in file.lines]


def test_what_is_sealed_is_unsealed():
    for content in ({}, CONTENT):
        assert lines.unseal(json.dumps(lines.seal(content))) == content
        assert lines.unseal(json.dumps(lines.seal(content), indent=1)) == content
        assert lines.unseal(lines.to_line(content)) == content
    assert lines.to_line(CONTENT).count(b"\n") == 1


def test_a_document_cut_off_anywhere_is_damaged():
    whole = lines.to_line(CONTENT)
    for length in range(len(whole) - 1):  # without the last byte, a line feed, it is whole
        with pytest.raises(lines.Damaged):
            lines.unseal(whole[:length])


def test_an_altered_byte_is_damage_or_alters_nothing():
    whole = lines.to_line(CONTENT)
    found = 0
    for position in range(len(whole) - 1):
        for flipped in (whole[position] ^ 1, whole[position] ^ 128):
            try:
                altered = whole[:position] + bytes([flipped]) + whole[position + 1 :]
                assert lines.unseal(altered) == CONTENT
            except lines.Damaged:
                found += 1
    assert found > 0.9 * 2 * len(whole)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "3", "null", '{"result": 1}', '{"sha256": "0"}', b"\xff\xfe\x00", "[" * 100_000],
)
def test_what_is_no_record_is_damaged(text):
    with pytest.raises(lines.Damaged, match=r"it is not JSON|it has no checksum|does not match"):
        lines.unseal(text)


def test_a_number_that_is_not_finite_is_not_written():
    with pytest.raises(ValueError):
        lines.to_line({"loss": float("nan")})


def test_lines_are_read_as_they_come(tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    file = LineFile(path, appended=True)
    assert not file.read_on()
    parsed = []
    monkeypatch.setattr(
        lines, "unseal", lambda text, unseal=lines.unseal: parsed.append(text) or unseal(text)
    )
    with path.open("ab", buffering=0) as output:
        for number in range(4):
            assert not file.read_on()
            line = lines.to_line({"number": number})
            output.write(line[:20])
            assert not file.read_on()  # not a whole line yet
            output.write(line[20:])
            assert file.read_on()
            assert contents(file) == [{"number": it} for it in range(number + 1)]
    assert len(parsed) == 4 and file.damage == []


@pytest.mark.parametrize("cut", [1, 30, 101])
def test_a_torn_last_line_is_ignored_where_lines_are_appended(tmp_path, cut):
    path = tmp_path / "runs.1.jsonl"
    first, last = lines.to_line({"number": 1}), lines.to_line({"number": 2})
    path.write_bytes(first + last[:-cut])
    file = read(path, appended=True)
    assert contents(file) == [{"number": 1}] and file.damage == []


def test_a_file_that_is_written_as_a_whole_has_no_torn_line(tmp_path):
    path = tmp_path / "runs.jsonl"
    first, last = lines.to_line({"number": 1}), lines.to_line({"number": 2})
    path.write_bytes(first + last[:-1])  # an editor may save it without the line feed
    assert contents(read(path)) == [{"number": 1}, {"number": 2}]
    path.write_bytes(first + last[:-2])
    file = read(path)
    assert contents(file) == [{"number": 1}]
    assert [(line.number, line.text) for line in file.damage] == [(2, last[:-2])]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UserError, match=rf"{tmp_path} cannot be read \(Is a directory\)"):
        read(tmp_path)


def test_every_damaged_line_is_set_aside_and_named(tmp_path, caplog):
    path = tmp_path / "runs.jsonl"
    for number, text in enumerate((b"damage\nmore\n", b"other\n"), start=1):
        path.write_bytes(text)
        lines.set_lines_aside(read(path).damage)
        assert (tmp_path / f"runs.jsonl.damaged-{number}").read_bytes() == text
    messages = [record.getMessage() for record in caplog.records]
    assert [message.partition(" is damaged: it is not JSON")[0] for message in messages] == [
        f"{path}, line 1,", f"{path}, line 2,", f"{path}, line 1,",
    ]  # fmt: skip
    assert messages[0].endswith("It was set aside in runs.jsonl.damaged-1.")
    assert messages[2].endswith("It was set aside in runs.jsonl.damaged-2.")


def test_lines_are_replaced_only_where_they_change(tmp_path):
    path = tmp_path / "runs.jsonl"
    lines.replace_lines(path, [b"1", b"2"])
    assert path.read_bytes() == b"1\n2\n"
    before = path.stat()
    lines.replace_lines(path, [b"1", b"2"])
    assert path.stat() == before
    lines.replace_lines(path, [])
    assert not path.exists()
    lines.replace_lines(path, [])
