"""The digest of the code changes with what a run computes, and with nothing else."""

import re

import pytest

from lenet_jax.runs import code_digest as digests
from lenet_jax.runs.code_digest import code_digest, describe_code, digest_sources

SOURCE = '''"""Losses."""

SCALE = 0.5  # of the gradient


class Loss:
    """Squared error."""

    def __call__(self, outputs_NK, *, weight=None):
        """(N,) losses."""
        return {**self.terms, "loss": f"{outputs_NK:>{weight}}"}
'''


def changed(old, new):
    assert old in SOURCE
    return {"training/loss.py": SOURCE.replace(old, new)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # of the gradient", ""),
        ('"""Losses."""\n', ""),
        ("Squared error.", "Cross entropy.\n\n    With a page of text."),
        ('        """(N,) losses."""\n', ""),
        ('{**self.terms, "loss": ', "{\n            **self.terms,\n            'loss': "),
        ("self, outputs_NK, *, weight=None", "self,\n        outputs_NK, *,\n        weight=None,\n    "),
        ("SCALE = 0.5", "SCALE = (5e-1)"),
    ],
)  # fmt: skip
def test_words_and_formatting_make_no_difference(old, new):
    assert digest_sources(changed(old, new)) == digest_sources({"training/loss.py": SOURCE})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.5", "0.25"),
        ("= 0.5", "= 1"),
        ("= 0.5", "= 0.5 + 0"),
        ("weight=None", "weight=0"),
        ("weight", "mass"),
        ("*, weight", "weight"),
        ("**self.terms", "None: self.terms"),
        ('"loss"', '"losses"'),
        ('"loss"', 'b"loss"'),
        ('f"{outputs_NK:>{weight}}"', '"{outputs_NK:>{weight}}"'),
        ("class Loss", "class Score"),
    ],
)
def test_every_other_change_makes_one(old, new):
    assert digest_sources(changed(old, new)) != digest_sources({"training/loss.py": SOURCE})


def test_a_new_file_and_another_name_make_a_difference():
    found = {
        digest_sources(sources)
        for sources in (
            {"a.py": SOURCE},
            {"b.py": SOURCE},
            {"a.py": SOURCE, "b.py": ""},
            {"a.py": SOURCE, "b.py": SOURCE},
            {"a.py": "", "b.py": SOURCE},
        )
    }
    assert len(found) == 5
    assert digest_sources({"a.py": SOURCE, "b.py": ""}) == digest_sources({"b.py": "", "a.py": SOURCE})


def test_every_version_of_python_gives_the_same_digest():
    """Their syntax trees differ in type parameters and f-strings, and they print characters differently."""
    source = (
        "def f(a, /, *b, c=None, **d) -> int: return lambda: ...\n"
        "async def g(): return f'{a!r:>{w}} {b=} {{}} {c:} {d:%H:%M}' '' f'' 'tail'\n"
        "class C(B, metaclass=M): x: int = -1j; y = b'\\xff'; z = u'\\u08e3' if 0 else '\\u08e3\\U0001fae8'\n"
        "match x:\n    case {'k': [*_], **rest} | None: pass\n"
    )
    assert digest_sources({"a.py": source}) == "18a2aeb9f7103ea6"


def test_the_project_has_one_digest():
    assert re.fullmatch("[0-9a-f]{16}", code_digest())
    assert code_digest() == code_digest.__wrapped__()


@pytest.fixture
def here(monkeypatch):
    """The digest of the code that describes runs."""
    monkeypatch.setattr(digests, "code_digest", lambda: "9b58ba9ec55339d7")
    return "9b58ba9ec55339d7"


def runs_of(*codes):
    return [{"code": code} for code in codes]


def test_runs_of_this_code_need_no_words(here):
    assert describe_code([]) is None
    assert describe_code(runs_of(here, here)) is None


def test_runs_of_other_code_are_counted(here):
    assert describe_code(runs_of(here, "45aa", here, "45aa", "67bb")) == (
        "3 of 5 recorded runs were computed by other code (45aa, 67bb) than this (9b58ba9ec55339d7); --rerun "
        "computes them again."
    )
    assert describe_code(runs_of(here, "45aa")) == (
        "1 of 2 recorded runs was computed by other code (45aa) than this (9b58ba9ec55339d7); --rerun "
        "computes it again."
    )


def test_runs_of_unknown_code_are_counted_apart(here):
    assert describe_code(runs_of("unknown", here, "unknown")) == (
        "code: unknown for 2 of 3 recorded runs; --rerun computes them again."
    )
    assert describe_code(runs_of("unknown", "45aa", "unknown")) == (
        "1 of 3 recorded runs was computed by other code (45aa) than this (9b58ba9ec55339d7); code: unknown "
        "for 2 of 3 recorded runs; --rerun computes them again."
    )
