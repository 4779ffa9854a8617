"""The command: table, files and refusals."""

import csv
import importlib.util

import pytest

from benchmarks import rows
from tests.helpers.commands import run_command


@pytest.fixture
def one_row(monkeypatch):
    """A benchmark of one group, measured at once."""
    row = {
        "case": "a net", "images_per_second": 1000.0, "seconds": 60.0, "share_of_product_rate": 0.25,
        "peak_megabytes": 300.0, "turns": 2, "against": "PyTorch", "ratio": 2.0, "ratio_low": 1.5,
        "ratio_high": 2.5, "peer_peak_megabytes": 200.0,
    }  # fmt: skip
    group = rows.Group("a net", lambda scale: iter([row]), needs_torch=True)
    monkeypatch.setattr(rows, "GROUPS", {"one": group})


def test_the_table_is_printed_and_written(one_row, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    ended = run_command("benchmarks", f"--workdir={tmp_path}", "--quick")
    assert ended.status == 0, ended.err
    assert "2.00 (1.50\xa0to\xa02.50)" in ended.out
    assert "`python -m benchmarks --quick --workdir=DIR`" in ended.out
    assert ended.out.strip() == (tmp_path / "benchmark.md").read_text().strip()
    with open(tmp_path / "benchmark.csv", encoding="utf-8") as file:
        [written] = csv.DictReader(file)
    assert written["rows"] == "one" and float(written["ratio"]) == 2.0
    assert (tmp_path / "benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_measured_is_refused(one_row, tmp_path, monkeypatch):
    folder = tmp_path / "benchmark"
    ended = run_command("benchmarks", f"--workdir={folder}", "--rows=one,fast")
    assert (ended.status, ended.err) == (1, "error: --rows names fast: choose from one.\n")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    ended = run_command("benchmarks", f"--workdir={folder}")
    assert ended.status == 1 and "PyTorch" in ended.err and "make benchmark" in ended.err
    assert not folder.exists()
