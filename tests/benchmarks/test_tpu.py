"""What has been compiled for TPUs is recorded arm by arm; here nothing is compiled."""

import jax
import pytest

from benchmarks import tpu
from configs import ablation
from tests.helpers.commands import PROJECT


def test_the_page_shows_what_is_recorded():
    """To change it: `make tpu-check`, then `make docs`."""
    page = (PROJECT / "results" / "benchmark" / "tpu.md").read_text("utf-8")
    records = tpu.read_records()
    assert page == tpu.describe(records) != ""
    arms = [arm.name for arm in ablation.get_arms(ablation.get_config())]
    compiled = [(record["arm"], record["chips"]) for record in records]
    assert compiled == [*((arm, 4) for arm in arms), (tpu.CONVOLUTION, 256)]
    performance = (PROJECT / "docs" / "performance.md").read_text("utf-8")
    assert "All arms compile for 4 chips, and the convolution also for 256; none has been run" in performance


def test_an_unknown_arm_is_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["tpu", "no_arm"])
    with pytest.raises(SystemExit, match="no_arm is not an arm: choose from local_shared"):
        tpu.main()


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Calls the program with the names of arms, and returns what it compiles and its exit status."""
    monkeypatch.setattr(tpu, "RESULTS", tmp_path)
    monkeypatch.setattr(tpu, "version", lambda name: "1.0")  # libtpu is not installed

    def call(*names, raised=None):
        compiled = []

        def compile_arm(name, resolved, topology):
            if raised and name in raised:
                raise raised[name]
            compiled.append((name, topology))
            return {
                "arm": name, "topology": topology, "chips": 4, "bytes_per_chip": 3 * 10**9,
                "bytes_of_images": 10**9, "flops_per_image": 3e6, "macs_per_image": 10**6,
                "identity": tpu.identity(resolved), "provenance": tpu.provenance(),
            }  # fmt: skip

        monkeypatch.setattr(tpu, "compile_arm", compile_arm)
        monkeypatch.setattr("sys.argv", ["tpu", *names])
        try:
            tpu.main()
        except SystemExit as end:
            return compiled, end.code
        except KeyboardInterrupt:
            return compiled, 130

    return call


def recorded():
    return [record["arm"] for record in tpu.read_records()]


def test_a_stopped_check_goes_on(check, tmp_path, capsys):
    compiled, status = check("mlp_300", "local_shared", "mlp_1000", raised={"mlp_1000": KeyboardInterrupt})
    assert (compiled, status) == ([("mlp_300", tpu.FEW), ("local_shared", tpu.FEW)], 130)
    assert recorded() == ["local_shared", "mlp_300"]  # in the order of the sweep
    assert check("mlp_300", "local_shared", "mlp_1000") == ([("mlp_1000", tpu.FEW)], 0)
    assert capsys.readouterr().out == (tmp_path / "tpu.md").read_text()
    compiled, status = check()
    assert len(compiled) == 9 and compiled[-1] == (tpu.CONVOLUTION, tpu.MANY) and status == 0
    assert check() == ([], 0)


def test_a_change_of_the_code_or_the_compiler_is_compiled(check, monkeypatch):
    check("mlp_300")
    monkeypatch.setattr(tpu, "code_digest", lambda: "other")
    assert check("mlp_300") == ([("mlp_300", tpu.FEW)], 0)
    monkeypatch.setattr(tpu, "version", lambda name: "1.1")
    assert check("mlp_300") == ([("mlp_300", tpu.FEW)], 0)
    assert check("mlp_300") == ([], 0)


def test_an_arm_that_does_not_compile_is_named_and_the_others_are_recorded(check, monkeypatch, capsys):
    check("mlp_300", "mlp_1000")
    monkeypatch.setattr(tpu, "code_digest", lambda: "other")
    error = jax.errors.JaxRuntimeError("out of memory")
    assert check("mlp_300", "mlp_1000", raised={"mlp_300": error}) == ([("mlp_1000", tpu.FEW)], 1)
    assert capsys.readouterr().err.endswith("error: does not compile: mlp_300 for v5e:2x2: out of memory\n")
    assert recorded() == ["mlp_1000"]


def test_bytes_per_run_are_without_the_images(check, tmp_path):
    check("mlp_300")
    [row] = [line.split("|") for line in (tmp_path / "tpu.md").read_text().splitlines() if "mlp_300" in line]
    found = [cell.strip() for cell in row[1:-1]]
    assert found == ["mlp_300", "160", "3,000", "50.0", "300", "1.50"]
