"""The bounds for many devices follow from what is recorded."""

from benchmarks import scale
from tests.helpers.commands import PROJECT


def test_the_page_shows_what_the_program_prints(capsys):
    """To change it: `python -m benchmarks.scale > results/benchmark/scale.md`, then `make docs`."""
    scale.main()
    assert capsys.readouterr().out == (PROJECT / "results" / "benchmark" / "scale.md").read_text("utf-8")


def test_arithmetic_is_divided_among_the_devices():
    cluster = scale.Cluster("two devices", 2, 1e12, 1, "float32", "https://example.org")
    text = scale._arithmetic(cluster, 5, 1e13)
    assert "with 3 runs per device" in text and "takes 5 s at" in text
    assert text.endswith(f"and 50 s at {scale.SHARE:.0%} of it (assumed).")
    assert "takes 30 s at" in scale._arithmetic(cluster._replace(passes=6), 5, 1e13)
