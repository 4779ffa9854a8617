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
import subprocess
import sys
import types
from typing import Any

import nbclient
import nbformat
import pytest

from tests.helpers.commands import PROJECT, Ended, one_device, run_command

PAGE = PROJECT / "docs" / "python.md"
NOTEBOOK = PROJECT / "docs" / "tour.ipynb"

# Sweeps of a few steps on small images.
SMALL = [
    "--config.train.epochs=1",
    "--config.train.batch_size=431",
    "--config.data.image_size=16",
    "--config.data.box=16",
]
TWO_ARMS = [
    "--config.arms=local_shared,full_unshared",
    "--config.seeds=2",
    "--config.model.maps=2",
    "--config.model.kernel_size=3",
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


def job_array() -> str:
    """The SLURM script of docs/python.md."""
    [script] = [block for block in blocks("bash") if block.startswith("#!")]
    return script


def submitted(root: pathlib.Path, task: int, activate: str) -> dict[str, Any]:
    """Arguments of `subprocess` for one task of the job array; `activate` is its .venv/bin/activate."""
    (root / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    (root / ".venv" / "bin" / "activate").write_text(activate)
    (root / "job.sh").write_text(job_array())
    return {
        "args": ["bash", root / "job.sh"],
        "cwd": root / "configs",  # not the folder that it was submitted from
        "env": one_device() | {"SLURM_SUBMIT_DIR": str(root), "SLURM_ARRAY_TASK_ID": str(task)},
        "text": True,
    }


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
    [command] = [block for block in blocks("bash") if block != job_array()]
    ended = ablate(shlex.split(command))
    assert "297 test images of parity" in ended.out


def test_blocks_are_short():
    assert len(blocks("python")) == 7
    assert max(len(block.splitlines()) for block in [*blocks("python"), *blocks("bash")]) <= 20


def test_the_job_array_is_a_script_that_runs_ablate(root):
    """Here `python` writes down its arguments; the command is then run in this process."""
    subprocess.run(["bash", "-n"], input=job_array(), text=True, check=True)
    assert len(job_array().splitlines()) <= 10
    task = submitted(root, 0, "python() { printf '%s\\n' python \"$@\"; }")
    words = subprocess.run(**task, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    ended = ablate([*words, "--config.dataset=digits"])
    assert "360 test images of digits" in ended.out


@pytest.mark.slow
def test_two_tasks_of_the_job_array_fill_one_folder(root):
    small = shlex.join(["--config.dataset=digits", *SMALL, *TWO_ARMS])
    activate = f'python() {{ {shlex.quote(sys.executable)} "$@" {small}; }}'
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    tasks = [subprocess.Popen(**submitted(root, i, activate), **pipes) for i in range(2)]
    outputs = [task.communicate() for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], outputs
    [folder] = re.findall(r"--workdir=(\S+)", job_array())
    lines = [line for path in (root / folder).glob("runs.*jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == 4  # each run once
    for out, _ in outputs:  # both print the whole table
        assert re.findall(r"^(\w+) +2 +0 ", out, re.M) == ["local_shared", "full_unshared"]


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
