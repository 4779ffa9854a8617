"""Figures are the same whatever a user's matplotlib settings are, and text in them stands for itself."""

import ast
import contextlib
import io
import logging
import os
import pathlib
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import cbook
from matplotlib.text import Text

from lenet_jax.analysis.summaries import arm_rows, paper_rows
from lenet_jax.report import curves, drawing, figures, pictures
from lenet_jax.report.drawing import entitle, literal, shortened
from tests.helpers.results import arm, result

REPORT = pathlib.Path(drawing.__file__).parent
PROGRAM = """
import hashlib, io
from lenet_jax.report import drawing

with drawing.project_settings():
    figure = drawing.Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot([1, 10, 100], [1, 2, 3])
    axes.set(xscale="log", title="title")
    file = io.BytesIO()
    figure.savefig(file, format="png")
print(hashlib.sha256(file.getvalue()).hexdigest())
"""
SETTINGS = {
    "axes.facecolor": "red",
    "axes.formatter.use_mathtext": True,
    "axes.prop_cycle": "cycler('color', ['red', 'lime'])",
    "axes.titlesize": "xx-large",
    "date.epoch": "0000-12-31T00:00:00",
    "figure.constrained_layout.use": True,
    "figure.dpi": 30,
    "font.family": "monospace",
    "font.size": 40,
    "image.cmap": "jet",
    "image.origin": "lower",
    "lines.linewidth": 9,
    "path.simplify_threshold": 1,
    "pdf.compression": 0,
    "savefig.bbox": "tight",
    "savefig.dpi": 20,
    "savefig.transparent": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "other",
    "text.parse_math": False,
    "text.usetex": True,
}
NAMES = ("W" * 80, "_$x$ 中文 🫨\ta\x07 b\udc80", r"$$ \frac \$5")


def all_figures(name="a"):
    """Function -> a figure that it draws, with `name` wherever a user chooses a name."""
    fields = {"model.name": "cnn", "model.connectivity": "local", "model.sharing": "shared"}
    results = [result(name, seed, 0.5 + seed / 10) for seed in range(2)]
    arms = [arm(name, label=name, paper={"error_percent": 5.0, "images": 100, "errors": None})]
    epochs = [
        {"arm": name, "seed": 0, "epoch": epoch, "train_loss": 1 / epoch, "train_accuracy": 0.5}
        for epoch in (1, 2)
    ]
    images, classes = np.zeros((2, 4, 4)), [name, f"{name}!"]
    labels, answers = np.array([0, 1]), np.array([1, 1])
    return {
        "accuracy": figures.errors_of_arms(
            "parameters", arm_rows(results), {name: name}, {name: fields}, name
        ),
        "papers": figures.errors_alongside_papers(paper_rows(results, arms, {name: ""}), name),
        "bitmaps": figures.bitmaps_of_classes([np.ones((2, 2))] * 2),
        "curves": curves.learning_curves(epochs, {name: name}, name),
        "confusion": pictures.confusion_matrix(np.array([[1, 2], [0, 3]]), classes, name),
        "mistakes": pictures.mistakes(images, labels, answers, np.ones(2), classes, name, 0, 1),
        "disagreements": pictures.disagreements(
            images, labels, answers, labels, classes, (name, f"{name}!"), 0, 1
        ),
        "kernels": pictures.kernels([("map 1", np.ones((1, 2, 2)))], name),
        "maps": pictures.feature_maps(images[0], [("stage1", np.ones((2, 2, 3)))], name, 0, 1),
    }


@pytest.fixture
def few_pixels(monkeypatch):
    """Figures are drawn coarsely, which is quicker."""
    monkeypatch.setitem(drawing.SETTINGS, "savefig.dpi", 30)


@pytest.mark.slow
def test_a_users_settings_change_no_figure(few_pixels):
    plain = {what: figures.render(figure, "png") for what, figure in all_figures().items()}
    with matplotlib.rc_context(SETTINGS):
        assert {what: figures.render(figure, "png") for what, figure in all_figures().items()} == plain
        assert matplotlib.rcParams["font.size"] == 40  # as it was
        assert matplotlib.rcParams["text.usetex"]


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        # Matplotlib would warn of each.
        (
            b"text.usetex: True\nfont.size: 40\nsavefig.dpi: much\nno colon\nno.such.key: 1\nbackend: no\n",
            {"MPLBACKEND": "module://not_installed.backend", "MPLCONFIGDIR": "file/folder"},
        ),
        # Its import would fail.
        (b"axes.formatter.use_locale: True\nfont.size: 40\n", {"MPLBACKEND": "nonsense"}),
        (b"# \xff\xfe\n", {"MPLBACKEND": ""}),
    ],
    ids=["warnings", "backend", "not text"],
)
def test_no_setting_stops_matplotlib_or_makes_it_speak(tmp_path, settings, environment):
    (tmp_path / "file").touch()
    (tmp_path / "matplotlibrc").write_bytes(settings)
    (tmp_path / "stylelib").mkdir()
    (tmp_path / "stylelib" / "mine.mplstyle").write_bytes(b"# \xff\xfe\n")  # reading styles would fail
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPORT.parents[1]), "MPLCONFIGDIR": "."} | environment,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    with contextlib.redirect_stdout(io.StringIO()) as here:
        exec(PROGRAM, {})
    assert ended.stdout == here.getvalue()


def test_modules_import_matplotlib_after_the_module_that_keeps_settings_out():
    for path in REPORT.glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        modules = [
            (node.lineno, node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
            for node in nodes
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        lines = [line for line, module in modules if module.split(".")[0] == "matplotlib"]
        if lines and path.name != "drawing.py":
            first = min(line for line, module in modules if module == "lenet_jax.report.drawing")
            assert first < min(lines), path.name


def test_a_users_own_plots_keep_what_the_user_has_set(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "pdf")
    logger = logging.getLogger("matplotlib")
    before = logger.level, os.getcwd(), matplotlib.rcParams["backend"]
    drawing._import_matplotlib()
    figures.bitmaps_of_classes([np.ones((2, 2))] * 2)
    assert (logger.level, os.getcwd(), matplotlib.rcParams["backend"]) == before
    assert os.environ["MPLBACKEND"] == "pdf" and sys.modules["matplotlib"] is matplotlib


@pytest.mark.parametrize("name", NAMES)
def test_names_stand_for_themselves_in_every_figure(name, few_pixels):
    """Matplotlib warns of characters that its font lacks, and of axes without room; warnings are errors."""
    for what, figure in all_figures(name).items():
        assert figures.render(figure, "png"), what
        for text in figure.findobj(Text):
            written = text.get_text()
            assert not cbook.is_math_text(written) or r"\mathdefault" in written, (what, written)


def test_what_the_font_lacks_is_an_escape():
    assert literal("é → 中\t🫨\x07\udc80") == r"é → \u4e2d \U0001fae8\x07\udc80"
    assert literal("two\nlines") == "two\nlines"


def test_a_line_never_ends_inside_an_escaped_dollar():
    wrapped = literal("$" * 30, width=7)
    assert wrapped.replace(r"\$", "").split() == [] and wrapped.count("\n") == 4


def test_titles_and_captions_are_literal():
    figure = entitle(drawing.Figure(), "a $1 中", "b $2$")
    assert (figure.get_suptitle(), figure.get_supxlabel()) == (r"a \$1 \u4e2d", r"b \$2\$")


def test_long_names_are_cut_where_they_are_drawn_too_long():
    assert shortened("a class of a long name", 12) == "a class of …"
    assert shortened("中文", 12) == r"\u4e2d\u6587"
    assert shortened("三角形", 12) == r"\u4e09…"
    assert shortened("twelve chars", 12) == "twelve chars"
