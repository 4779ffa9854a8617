"""Text stands for itself in Markdown, LaTeX, HTML, a terminal and a shell."""

import html
import re
import subprocess

import pytest

from lenet_jax.report.markup import (
    code_span,
    html_note,
    html_text,
    latex_note,
    latex_text,
    markdown_text,
    one_line,
    shell_word,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a | b", r"a \| b"),
        ("`code` *bold* ~~gone~~", r"\`code\` \*bold\* \~\~gone\~\~"),
        ("$x$ [a](b) [dist]", r"\$x\$ [a\](b) [dist]"),
        (r"C:\dir", r"C:\\dir"),
        ("local_shared, _private_ and __x", r"local_shared, \_private\_ and \_\_x"),
        ("R&D &lt; &#35;", r"R&D \&lt; \&#35;"),
        ("<b>1 < 2</b> <!-- end -->", "&lt;b>1 &lt; 2&lt;/b> &lt;!-- end -->"),
        ("two\r\nlines\n\nand\ta tab", "two lines and a tab"),
        ("\x1b[31mred\x00", r"\\x1b[31mred\\x00"),
    ],
)
def test_markdown_shows_text_as_it_is(text, written):
    assert markdown_text(text) == written


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("a b", "`a b`"),
        ("a `b`", "`` a `b` ``"),
        ("a``b", "```a``b```"),
        ("`", "`` ` ``"),
    ],
)
def test_code_holds_backticks(code, written):
    assert code_span(code) == written
    assert re.sub(r"[`{}]|\\textasciigrave", "", latex_note(f"x {written}.")) == (
        rf"x \texttt{code.replace('`', '')}."
    )
    assert latex_note(f"x {written}.").count(r"\textasciigrave{}") == code.count("`")


def test_signs_stand_for_themselves_in_latex():
    assert latex_text(r"50% a_b #1 c&d $2 ^ ~ \ {x} <y>") == (
        r"50\% a\_b \#1 c\&d \$2 \^{} \textasciitilde{} \textbackslash{} \{x\} \ensuremath{<}y\ensuremath{>}"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("--a ---b", "-{}-a -{}-{}-b"),  # no dashes
        (",,a''", ",{},a'{}'"),  # no quotes
        ("``a|b", r"\textasciigrave{}\textasciigrave{}a\textbar{}b"),
        ('"a"', r'\texttt{"}a\texttt{"}'),
        ("a\n\nb", "a b"),  # no paragraph, which would end a cell
    ],
)
def test_ligatures_of_latex_do_not_arise(text, written):
    assert latex_text(text) == written


def test_a_row_of_latex_does_not_begin_with_an_option_of_the_row_before():
    assert latex_text("[a]") == "{[}a]" and latex_text("*a") == "{*}a"


@pytest.mark.parametrize("text", ["a_b_ | `c` <d> &amp; $x$ [e](f) \\ ~ * # 1", "_a__b_"])
def test_a_note_is_the_same_text_in_latex(text):
    assert latex_note(f"Of {markdown_text(text)}.") == latex_text(f"Of {text}.")


def test_code_in_a_note_is_typewriter_in_latex():
    assert latex_note("Student's `python -m x --config='a_b'`") == (
        r"Student's \texttt{python -m x -{}-config=\textquotesingle{}a\_b\textquotesingle{}}"
    )


def test_one_line_for_a_terminal():
    assert one_line("a\n b\tc\x1b[0m é") == r"a b c\x1b[0m é"


WORDS = [
    "--config=my file.py",
    "it's",
    'a "quoted" `word` $HOME \\',
    "é 中",
    "two\nlines\tand 'more' \\",
    "byte\udc80.npz",
    "()",
    "",
]


def test_a_shell_reads_each_word_as_it_was():
    command = " ".join(map(shell_word, ["printf", r"%s\0", *WORDS]))
    assert command.isprintable()
    read = subprocess.run(["bash", "-c", command], check=True, capture_output=True).stdout
    assert read.decode(errors="surrogateescape").split("\0")[:-1] == WORDS


@pytest.mark.parametrize("text", ["a | b_ *c*", "<b>1 < 2</b> & &lt;", 'it\'s "x" `y` [z](w)', r"C:\dir\*"])
def test_a_note_shows_text_as_it_is_in_html(text):
    assert html.unescape(html_note(markdown_text(text))) == text == html.unescape(html_text(text))
    assert not re.search("[<>\"']", html_note(markdown_text(text)))


def test_code_is_code_in_html():
    assert html_note(f"See {code_span('a `<b>` && c')}.") == "See <code>a `&lt;b&gt;` &amp;&amp; c</code>."
