"""Text that stands for itself in Markdown, LaTeX, HTML, a terminal and a shell, with any characters."""

import html
import re
import shlex

from lenet_jax.errors import printable

# What Markdown reads as markup: also the middle of a link, underscores at the end of a word, and entities.
_MARKDOWN = re.compile(r"[\\`*|~$]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_NOTE = re.compile(
    r"(?P<fence>`+)(?P<code>.+?)(?<!`)(?P=fence)(?!`)|\\(?P<escaped>[!-/:-@\[-`{-~])|(?P<less>&lt;)"
)
_LATEX = str.maketrans({
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "^": r"\^{}", "~": r"\textasciitilde{}", "\\": r"\textbackslash{}",
    "<": r"\ensuremath{<}", ">": r"\ensuremath{>}", "|": r"\textbar{}",  # in OT1, other signs are there
    "`": r"\textasciigrave{}", '"': r'\texttt{"}',  # not typographic quotes
    "[": "{[}", "*": "{*}",  # as the first of a row, these would belong to the end of the row before
})  # fmt: skip


def one_line(text: str) -> str:
    """The text with spaces for white space, and escapes such as \\x1b for control characters."""
    return printable(" ".join(text.split()))


def markdown_text(text: str) -> str:
    """One line of Markdown, also in a cell of a table, that shows the text as it is."""
    # An entity, as the comments that mark pasted tables would be found behind a backslash.
    return _MARKDOWN.sub(r"\\\g<0>", one_line(text)).replace("<", "&lt;")


def code_span(code: str) -> str:
    """Markdown that shows `code`, one line, as code."""
    longest = max(map(len, re.findall("`+", code)), default=0)
    fence = "`" * (longest + 1)
    space = " " if code.startswith("`") or code.endswith("`") else ""
    return f"{fence}{space}{code}{space}{fence}"


def latex_text(text: str) -> str:
    """One line of LaTeX that shows the text as it is, with any font encoding."""
    return _latex(one_line(text))


def latex_note(markdown: str) -> str:
    """A sentence of Markdown in LaTeX; code is in typewriter font."""
    parts, end = [], 0
    for found in _NOTE.finditer(markdown):
        parts.append(_latex(markdown[end : found.start()]))
        if code := found["code"]:
            typed = _latex(code.strip() if "`" in code else code).replace("'", r"\textquotesingle{}")
            parts.append(rf"\texttt{{{typed}}}")
        else:
            parts.append(_latex(found["escaped"] or "<"))
        end = found.end()
    return "".join([*parts, _latex(markdown[end:])])


def html_text(text: str) -> str:
    """One line of HTML, also in an attribute, that shows the text as it is."""
    return html.escape(one_line(text))


def html_note(markdown: str) -> str:
    """A sentence of Markdown in HTML."""
    parts, end = [], 0
    for found in _NOTE.finditer(markdown):
        parts.append(html.escape(markdown[end : found.start()]))
        if code := found["code"]:
            parts.append(f"<code>{html.escape(code.strip() if '`' in code else code)}</code>")
        else:
            parts.append(html.escape(found["escaped"] or "<"))
        end = found.end()
    return "".join([*parts, html.escape(markdown[end:])])


def shell_word(word: str) -> str:
    """A word of a command line for a shell; control characters are escapes that bash and zsh read."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_shell_escape, word))}'"


def _latex(text: str) -> str:
    escaped = text.translate(_LATEX)
    return re.sub(r"([-,'])(?=\1)", r"\1{}", escaped)  # two signs, not a dash or a quote


def _shell_escape(character: str) -> str:
    """A character between $' and '; those that are not text, as in a path of other bytes, are their bytes."""
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    is_byte = "\udc80" <= character <= "\udcff"  # as Python reads a byte that is not UTF-8
    encoded = character.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in encoded)
