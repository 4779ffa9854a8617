"""A digest of the code that decides what a run computes, to tell recorded runs of other code."""

import ast
import functools
import hashlib
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

PACKAGES = ("data", "models", "training")
UNKNOWN = "unknown"  # the code of runs that were recorded before digests were
DIGITS = 16
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@functools.cache  # as the code was loaded, whatever is edited while a sweep runs
def code_digest() -> str:
    """16 hexadecimal digits over all modules of lenet_jax.data, .models and .training.

    Comments, docstrings and formatting make no difference, nor does the version of Python.
    """
    root = pathlib.Path(__file__).parent.parent
    paths = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    return digest_sources({
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths
    })  # fmt: skip


def digest_sources(sources: Mapping[str, str]) -> str:
    """The digest of modules, {path: source}."""
    digest = hashlib.sha256()
    for path, source in sorted(sources.items()):
        digest.update(f"{path}\n{_canonical(ast.parse(source))}\n".encode())
    return digest.hexdigest()[:DIGITS]


def _canonical(node: Any) -> str:
    """A syntax tree as text, without docstrings, positions, and what is empty.

    Versions of Python differ in which fields there are, which are empty for code that older ones can read,
    in empty constants inside f-strings, and in which characters they print as they are.
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
        fields["values"] = [it for it in node.values if not (isinstance(it, ast.Constant) and it.value == "")]
    filled = {name: value for name, value in fields.items() if value is not None and value != []}
    return f"{type(node).__name__}({', '.join(f'{name}={_canonical(it)}' for name, it in filled.items())})"


def describe_code(runs: Iterable[Mapping[str, Any]]) -> str | None:
    """One line about recorded runs of other code than this, or of unknown code; None without any.

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
