"""A digest of the code that computes a run, to recognise runs that other code computed.

It covers data, models, their native kernel and training, but neither how a config becomes these nor
how runs are counted.
"""

import ast
import functools
import hashlib
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

PACKAGES = ("data", "models", "native", "training")
LANGUAGES = (".py", ".cc", ".h")
UNKNOWN = "unknown"  # for runs recorded before there were digests
DIGITS = 16
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@functools.cache  # of the code as loaded: edits during a sweep do not count
def code_digest(packages: tuple[str, ...] = PACKAGES) -> str:
    """16 hexadecimal digits over all modules of packages, and what of them is in C++.

    In Python, comments, docstrings and formatting make no difference, nor does the version.
    """
    root = pathlib.Path(__file__).parent.parent
    paths = [path for package in packages for path in (root / package).rglob("*") if path.suffix in LANGUAGES]
    return digest_sources({
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths
    })  # fmt: skip


def digest_sources(sources: Mapping[str, str]) -> str:
    """The digest of sources, {path: source}."""
    digest = hashlib.sha256()
    for path, source in sorted(sources.items()):
        content = _canonical(ast.parse(source)) if path.endswith(".py") else source
        digest.update(f"{path}\n{content}\n".encode())
    return digest.hexdigest()[:DIGITS]


def _canonical(node: Any) -> str:
    """A syntax tree as text, without docstrings, positions and empty fields.

    Versions of Python differ in the fields of nodes (new ones are empty for code that older versions read),
    in empty constants inside f-strings, and in the characters that `repr` escapes.
    """
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__} {node.value!a}"
    if isinstance(node, list):
        return f"[{', '.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)  # a name, a number, or None as an element of a list
    fields = dict(ast.iter_fields(node))
    if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    if isinstance(node, ast.JoinedStr):
        fields["values"] = [part for part in node.values if getattr(part, "value", None) != ""]
    filled = [f"{name}={_canonical(value)}" for name, value in fields.items() if value not in (None, [])]
    return f"{type(node).__name__}({', '.join(filled)})"


def describe_code(runs: Iterable[Mapping[str, Any]]) -> str | None:
    """One line about recorded runs that other or unknown code computed; None if there are none.

    `runs` are records, whose `code` is a digest or "unknown".
    """
    codes = [run["code"] for run in runs]
    others = [code for code in codes if code not in (UNKNOWN, code_digest())]
    unknown = codes.count(UNKNOWN)
    total = f"of {len(codes)} recorded runs"
    parts = []
    if others:
        were, named = "was" if len(others) == 1 else "were", ", ".join(dict.fromkeys(others))
        parts.append(
            f"{len(others)} {total} {were} computed by other code ({named}) than this ({code_digest()})"
        )
    if unknown:
        parts.append(f"code: unknown for {unknown} {total}")
    if not parts:
        return None
    them = "it" if len(others) + unknown == 1 else "them"
    return f"{'; '.join(parts)}; --rerun computes {them} again."
