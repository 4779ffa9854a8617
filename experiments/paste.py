"""Pastes recorded tables and counted layers into the documentation.

    python -m experiments.paste

In README.md and docs/, the text between `<!-- paste: SOURCE -->` and `<!-- end -->` is replaced
by the output of SOURCE: a file below the project's root, such as results/mnist/table.md, or
`summary` with --config=FILE and --config.FIELD=VALUE, as experiments.summary takes them. A test fails
when a page is out of date.
"""

import contextlib
import pathlib
import re

from absl import flags
from ml_collections import config_flags

from experiments.summary import summarize

ROOT = pathlib.Path(__file__).parent.parent
PAGES = ("README.md", "docs/*.md")
BLOCK = re.compile(r"(?P<begin><!-- paste: (?P<source>.+?) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


def pages() -> list[pathlib.Path]:
    """The pages that may hold marked blocks."""
    return [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]


def paste(text: str) -> str:
    """`text` with the content of every marked block replaced.

    Raises OSError if a source doesn't exist, UserError if a config cannot be summarized.
    """
    return BLOCK.sub(lambda block: f"{block['begin']}{_content(block['source'])}\n{block['end']}", text)


def _content(source: str) -> str:
    name, *arguments = source.split()
    if name != "summary":
        return (ROOT / source).read_text(encoding="utf-8").strip()
    values = flags.FlagValues()
    words = [name, *arguments]
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=words)
    with contextlib.chdir(ROOT):  # paths of config files start here
        values(words)
        table = summarize(values.config)
    return f"```\n$ python -m experiments.summary {' '.join(arguments)}\n{table}\n```"


def main() -> None:
    for page in pages():
        page.write_text(paste(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"Pasted into {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
