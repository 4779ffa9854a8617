"""Pastes recorded tables and counted layers into the documentation.

    python -m experiments.paste

In README.md and docs/, what stands between `<!-- paste: SOURCE -->` and `<!-- end -->` is replaced
by what SOURCE gives: a file below the project's root, such as results/mnist/table.md, or
`summary` with arguments of experiments.summary. A test fails when a page is out of date.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
PAGES = ("README.md", "docs/*.md")
BLOCK = re.compile(r"(?P<begin><!-- paste: (?P<source>.+?) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


def pages() -> list[pathlib.Path]:
    """The pages that may hold marked blocks."""
    return [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]


def paste(text: str) -> str:
    """`text` with every marked block made anew. Raises OSError where a source doesn't exist,
    subprocess.CalledProcessError where the summary refuses its arguments.
    """
    return BLOCK.sub(lambda block: f"{block['begin']}{_content(block['source'])}\n{block['end']}", text)


def _content(source: str) -> str:
    name, *arguments = source.split()
    if name != "summary":
        return (ROOT / source).read_text(encoding="utf-8").strip()
    command = ["-m", "experiments.summary", *arguments]
    table = subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True, text=True)
    return f"```\n$ python {' '.join(command)}\n{table.stdout.strip()}\n```"


def main() -> None:
    for page in pages():
        page.write_text(paste(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"Pasted into {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
