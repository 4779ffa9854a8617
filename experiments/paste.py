"""Pastes recorded tables, single recorded numbers and counted layers into the documentation.

    python -m experiments.paste

In README.md and docs/, the text between `<!-- paste: SOURCE -->` and `<!-- end -->`, on lines of its own or
within one line, is replaced by the output of SOURCE. A test fails when a page is out of date.

==============================  ==================================================================
SOURCE                          its output
==============================  ==================================================================
FILE                            a Markdown file below the project's root, such as results/mnist/table.md
cell FILE COLUMN KEY ...        a cell of a table in a Markdown file, of the only row that has the column and
                                whose first cells are the keys; quote what contains spaces
summary --config=FILE ...       a layer table; flags are those of experiments.summary
paper SWEEP/ARM COLUMN [FACTOR] a number of results/history/SWEEP/papers.csv, with its interval, or
                                without one and times a factor, such as 0.5
contrast SWEEP/ARM [BASELINE]   how many fewer errors per hundred the arm makes than what it is
                                compared with; in bold if significant after Holm's correction
notes SWEEP                     how the runs of results/history/SWEEP were trained, their command
scorecard                       the networks of experiments/scorecard.py: papers' errors and ours
==============================  ==================================================================
"""

import contextlib
import functools
import pathlib
import re
import shlex
import textwrap
from collections.abc import Callable, Mapping

from absl import flags
from ml_collections import config_flags

from experiments import cli
from experiments.scorecard import ENTRIES
from experiments.summary import summarize
from lenet_jax.errors import UserError
from lenet_jax.report import scorecard
from lenet_jax.report.excerpts import Excerpts, contrast_cell, paper_cell, read_excerpts
from lenet_jax.report.tables import NO_BREAK, unbroken

ROOT = pathlib.Path(__file__).parent.parent
HISTORY = ROOT / "results" / "history"
PAGES = ("README.md", "docs/*.md", "docs/history/*.md")
WIDTH = 140  # characters of a line of text
COMMAND_WIDTH = 100  # and of a command, so that pages do not cut it off
BLOCK = re.compile(
    r"(?P<begin><!-- paste: (?P<source>.+?) -->)(?P<line>\n?).*?(?P<end><!-- end -->)", re.DOTALL
)


def pages() -> list[pathlib.Path]:
    """The pages that may hold marked blocks."""
    return [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]


def paste(text: str) -> str:
    """`text` with the content of every marked block replaced.

    Raises OSError if a source doesn't exist, UserError if a config cannot be summarized, or if a file or a
    sweep has no such number.
    """
    return BLOCK.sub(_pasted, text)


@functools.cache
def excerpts_of(sweep: str) -> Excerpts:
    """What pages quote of a sweep in results/history."""
    return read_excerpts(HISTORY / sweep)


def _pasted(block: re.Match) -> str:
    source, line = block["source"], block["line"]
    try:
        name, *arguments = shlex.split(source)
    except ValueError as error:
        raise UserError(f"paste: {source}: {error}.") from error
    content = (
        SOURCES[name](*arguments)
        if name in SOURCES
        else _wrapped((ROOT / source).read_text(encoding="utf-8"))
    )
    return f"{block['begin']}{line}{content.strip()}{line}{block['end']}"


def _wrapped(text: str) -> str:
    """Markdown with text in lines of WIDTH characters; tables and commands stay as they are."""
    lines = []
    for line in text.splitlines():
        stays = line.startswith(("|", "- Command: ")) or not line
        indent = "  " if line.startswith("- ") else ""
        lines += (
            [line]
            if stays
            else textwrap.wrap(
                line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )
        )
    return "\n".join(lines)


def _cell(file: str, column: str, *keys: str) -> str:
    text = (ROOT / file).read_text(encoding="utf-8").replace(NO_BREAK, " ")
    found, headings = [], []
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        lines = table.splitlines()
        header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
        headings.append(header)
        if column in header:
            found += [row[header.index(column)] for row in rows if row[: len(keys)] == list(keys)]
    if len(found) != 1:
        raise UserError(
            f"{file}: {len(found)} rows with the column {column} begin with {', '.join(keys)}; columns are "
            f"{' and '.join(map(str, headings))}."
        )
    return unbroken(found[0])


def _summary(*arguments: str) -> str:
    values = flags.FlagValues()
    words = ["summary", *arguments]
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=words)
    with contextlib.chdir(ROOT):  # paths of config files start here
        values(words)
        table = summarize(values.config)
    parts = ["$ python -m experiments.summary", *arguments]
    command = " ".join(parts)
    if len(command) > COMMAND_WIDTH:
        command = " \\\n    ".join(parts)
    return f"```\n{command}\n{table}\n```"


def _paper(arm: str, column: str, factor: str = "1") -> str:
    sweep, name = arm.split("/")
    return unbroken(paper_cell(excerpts_of(sweep), name, column, float(factor)))


def _contrast(arm: str, baseline: str = "") -> str:
    sweep, name = arm.split("/")
    return unbroken(contrast_cell(excerpts_of(sweep), name, baseline))


def _notes(sweep: str) -> str:
    return _wrapped("\n".join(f"- {note}" for note in excerpts_of(sweep).notes))


def _scorecard() -> str:
    return scorecard.table(scorecard.score_rows(ENTRIES, excerpts_of))


SOURCES: Mapping[str, Callable[..., str]] = {
    "cell": _cell,
    "summary": _summary,
    "paper": _paper,
    "contrast": _contrast,
    "notes": _notes,
    "scorecard": _scorecard,
}


def main() -> None:
    for page in pages():
        page.write_text(paste(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"Pasted into {page.relative_to(ROOT)}")


if __name__ == "__main__":
    cli.run(main)
