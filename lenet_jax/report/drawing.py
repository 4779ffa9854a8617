"""Matplotlib with the project's own settings, and text that is drawn as it is, whatever a user has set.

Modules that draw import this one before matplotlib: importing matplotlib reads the user's settings, fails at
some of them and warns about others.
"""

import contextlib
import functools
import importlib
import importlib.util
import logging
import math
import os
import pathlib
import sys
import textwrap
import warnings
from collections.abc import Generator, Sequence
from typing import Any


def _import_matplotlib() -> None:
    """Imports matplotlib quietly, without the user's settings if it fails with them.

    Messages about settings, and about the folder for the list of fonts, change no figure.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            try:
                importlib.import_module("matplotlib.font_manager")
            except Exception as error:  # a setting can be wrong in many ways
                if "matplotlib" in sys.modules or isinstance(error, ImportError):
                    raise
                _import_without_settings()
    finally:
        logger.setLevel(level)


def _import_without_settings() -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib.")]:  # of the failed import
        del sys.modules[name]
    found = importlib.util.find_spec("matplotlib")
    assert found and found.origin  # it was just imported in part
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        # The matplotlibrc of the working directory, here matplotlib's own, comes before all others.
        with contextlib.chdir(pathlib.Path(found.origin).parent / "mpl-data"):
            importlib.import_module("matplotlib.font_manager")
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


_import_matplotlib()

import matplotlib  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib import font_manager  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import LogLocator, SymmetricalLogLocator  # noqa: E402

from lenet_jax.analysis.stats import Interval  # noqa: E402

ARM_LENGTH = 40  # of the names of arms, in characters; longer ones would leave axes no room
FONT = "DejaVu Sans"  # matplotlib's default, which it brings along
SETTINGS = {
    "savefig.dpi": 150,
    "svg.hashsalt": "lenet_jax",  # the same ids in every drawing
}


@contextlib.contextmanager
def project_settings() -> Generator[None]:
    """Matplotlib's defaults and SETTINGS; the user's settings, styles included, are neither used nor lost."""
    defaults: Any = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    with matplotlib.rc_context(defaults | SETTINGS):
        yield


def entitle(figure: Figure, title: str, caption: str = "") -> Figure:
    """Writes the title above and a caption below, wrapped to the figure's width; returns the figure."""
    width = figure.get_figwidth()
    figure.suptitle(literal(title, int(width * 10)), fontsize=12)
    if caption:
        figure.supxlabel(literal(caption, int(width * 14)), fontsize=9)
    return figure


def literal(text: str, width: int = 0) -> str:
    """Text for a figure: dollar signs start no formula, and what the font lacks is an escape such as \\u4e2d.

    Args:
      width: of lines, in characters; 0 leaves lines as they are.
    """
    shown = _in_font(text)
    if width:
        shown = textwrap.fill(shown, width)
    return shown.replace("$", r"\$")  # last, as no line may end between the two


def logarithmic(axes: Axes, name: str = "y", beyond: float = 0.0) -> None:
    """Makes an axis logarithmic, with plain numbers at 1, 2 and 5 times powers of ten.

    Args:
      name: "x" or "y".
      beyond: up to this distance from 0, the axis is linear; 0 for positive numbers alone.
    """
    axis, set_scale = getattr(axes, f"{name}axis"), getattr(axes, f"set_{name}scale")
    if beyond:
        set_scale("symlog", linthresh=beyond)
        axis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=beyond, subs=(1, 2, 5)))
    else:
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def error_bar(mean: float | None, low: float | None, high: float | None) -> tuple[float, float]:
    """How far an interval reaches below and above its mean; NaN, which is not drawn, without one."""
    if mean is None or low is None or high is None:
        return math.nan, math.nan
    return mean - low, high - mean


def error_bars(intervals: Sequence[Interval]) -> tuple[np.ndarray, np.ndarray]:
    """Means (N,), NaN where there is none, and bars (2, N) of N intervals."""
    means = np.array([interval.mean for interval in intervals], dtype=float)
    return means, np.reshape([error_bar(*interval) for interval in intervals], (-1, 2)).T


def arm_name(arm: str) -> str:
    """The name of an arm next to what is drawn of it."""
    return literal(shortened(arm, ARM_LENGTH))


def shortened(name: str, length: int) -> str:
    """The beginning of a name, in at most `length` of the characters that `literal` shows."""
    shown = _in_font(name)
    while len(shown) > length:
        name = name[:-1]
        shown = _in_font(f"{name}…")
    return shown


def _in_font(text: str) -> str:
    """The text with spaces for white space other than line feeds, and escapes for what the font lacks."""
    return "".join(map(_glyphs, text))


def _glyphs(character: str) -> str:
    if character == "\n":
        return character
    if character.isspace():
        return " "
    is_shown = character.isprintable() and ord(character) in _font_characters()
    return character if is_shown else ascii(character)[1:-1]


@functools.cache
def _font_characters() -> frozenset[int]:
    font = font_manager.get_font(font_manager.findfont(FONT))
    return frozenset(font.get_charmap())
