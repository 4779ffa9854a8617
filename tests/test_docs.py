"""The pages that are programs: the blocks of docs/python.md and the cells of docs/tour.ipynb are run.

    PYTHONPATH=$PWD .venv/bin/jupyter execute --inplace --NotebookClient.record_timing=False docs/tour.ipynb

renews the notebook's outputs.
"""

import contextlib
import io
import os
import pathlib
import re
import shlex
import shutil
import sys
import types
from typing import Any

import nbclient
import nbformat
import pytest

from tests.helpers.commands import PROJECT, Ended, run_command

PAGE = PROJECT / "docs" / "python.md"
NOTEBOOK = PROJECT / "docs" / "tour.ipynb"

# Sweeps of a few steps on small images.
SMALL = [
    "--config.train.epochs=1",
    "--config.train.batch_size=431",
    "--config.data.image_size=16",
    "--config.data.box=16",
]


def blocks(language: str) -> list[str]:
    """The code blocks of docs/python.md in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def root(tmp_path, monkeypatch) -> pathlib.Path:
    """A folder that looks like the project's root, in which the test runs."""
    for name in ("configs", "experiments", "lenet_jax"):
        (tmp_path / name).symlink_to(PROJECT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ablate(words: list[str]) -> Ended:
    """Runs a command of the page in this process: one small run of an arm that trains quickly."""
    assert words[:3] == ["python", "-m", "experiments.ablate"]
    ended = run_command("ablate", *words[3:], *SMALL, "--config.arms=mlp_300", "--config.seeds=1")
    assert ended.status == 0, ended.err
    return ended


class StandIn(types.ModuleType):
    """Stands for a module that is not installed; `calls` lists the calls of its functions."""

    def __init__(self, name: str):
        super().__init__(name)
        self.calls: list[tuple[str, tuple, dict]] = []
        self.summary: dict[str, Any] = {}

    def __getattr__(self, function: str):
        if function.startswith("__"):
            raise AttributeError(function)

        def call(*args, **kwargs):
            self.calls.append((function, args, kwargs))
            return contextlib.nullcontext()

        return call

    def calls_of(self, function: str) -> list[tuple[tuple, dict]]:
        return [(args, kwargs) for name, args, kwargs in self.calls if name == function]


@pytest.mark.slow
def test_the_blocks_of_the_python_page_run(root, finished_sweep, one_format, monkeypatch):
    shutil.copytree(finished_sweep, root / "runs" / "demo")
    wandb, mlflow = StandIn("wandb"), StandIn("mlflow")
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)

    namespace: dict[str, Any] = {"__name__": "docs_python"}
    found, printed = blocks("python"), []
    for block in found:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block, str(PAGE), "exec"), namespace)
        printed.append(out.getvalue())
    table, mistakes, arrays, folder, callback, *_ = printed

    assert "local_shared" in table and "epoch" in table
    assert namespace["confusion"].sum() == 360  # the test images of digits
    assert len(re.findall(r"^test image \d+: \d predicted as \d, margin \d", mistakes, re.M)) == 10
    accuracies = [float(re.search(r"\('even', 'odd'\) (.*)", out)[1]) for out in (arrays, folder)]
    assert min(accuracies) > 0.7  # chance is 0.5
    epochs = namespace["config"].train.epochs
    assert callback.count("validation accuracy") == 2 * epochs

    accuracy = namespace["run"].result["test_accuracy"]
    [(_, started)], logged = wandb.calls_of("init"), [args[0] for args, _ in wandb.calls_of("log")]
    assert started["config"]["model"]["hidden"] == (300,)
    assert [metrics["epoch"] for metrics in logged] == list(range(1, epochs + 1))
    assert all(0 < metrics["val_accuracy"] <= 1 for metrics in logged)
    assert wandb.summary == {"test_accuracy": accuracy}
    logged, steps = zip(*mlflow.calls_of("log_metrics"), strict=True)
    assert list(steps) == [{"step": epoch} for epoch in range(1, epochs + 1)]
    assert all(isinstance(value, int | float) for [metrics] in logged for value in metrics.values())
    assert mlflow.calls_of("log_metric") == [(("test_accuracy", accuracy), {})]
    [([parameters], _)] = mlflow.calls_of("log_params")
    assert parameters["learning_rate"] == namespace["config"].train.learning_rate

    # The command line, on the folder of images.
    [command] = blocks("bash")
    ended = ablate(shlex.split(command))
    assert "297 test images of parity" in ended.out


def test_blocks_are_short():
    assert len(blocks("python")) == 7
    assert max(len(block.splitlines()) for block in [*blocks("python"), *blocks("bash")]) <= 20


def read_notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def texts(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """The text outputs of each code cell; * stands for measured accuracies, which depend on the machine."""
    measured = r"[+-]?\d+\.\d+(?=%| points)"
    return [
        [
            " ".join(re.sub(measured, "*", output.get("text") or output["data"]["text/plain"]).split())
            for output in cell.outputs
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_the_committed_notebook_has_its_outputs():
    notebook = read_notebook()
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert 10 <= len(notebook.cells) <= 14
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.metadata.keys() <= {"execution"} for cell in notebook.cells)  # when it ran
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"display_data", "execute_result", "stream"}
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 5
    assert any("61,706" in text for cell in texts(notebook) for text in cell)
    content = NOTEBOOK.read_text(encoding="utf-8")
    assert len(content) < 500_000
    assert not re.search(r'[" ](/tmp|/home|/root)/', content) and str(PROJECT) not in content


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    committed, notebook = read_notebook(), read_notebook()
    # As users run it, without the flags of the tests.
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environment |= {"PYTHONPATH": str(PROJECT), "IPYTHONDIR": str(tmp_path)}
    docs = {"metadata": {"path": str(NOTEBOOK.parent)}}
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=docs)
    client.execute(env=environment)  # raises if a cell does
    assert texts(notebook) == texts(committed)
