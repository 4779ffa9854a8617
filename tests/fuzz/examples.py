"""How many examples a property test tries, and byte strings that are damaged."""

import os
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

Result = TypeVar("Result")
FACTOR = int(os.environ.get("LENET_JAX_FUZZ", "1"))
INSERTED = (
    b"\n", b"\0" * 64, b"\xff" * 8, b"\x7f\xff\xff\xff", b"[" * 20_000, b'{"a":' * 20_000, b"9" * 5_000,
    b"1e999", b"NaN", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"\\ud800"', b"\r\n", b"cos\nsystem\n(S'true'\ntR.",
)  # fmt: skip


def examples(count: int) -> settings:
    """The settings of a test with `count` examples, times LENET_JAX_FUZZ."""
    return settings(max_examples=count * FACTOR)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """`content` after up to three changes: of bits and bytes, cuts, and parts inserted or repeated."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 40)))
        part = content[start:end]
        kind = draw(st.sampled_from(("flip", "replace", "remove", "insert", "repeat", "end", "start")))
        if kind == "flip" and part:
            part = bytes([part[0] ^ draw(st.sampled_from((1, 2, 4, 8, 16, 32, 64, 128)))]) + part[1:]
        elif kind == "replace":
            part = draw(st.binary(min_size=len(part), max_size=len(part)))
        elif kind == "remove":
            part = b""
        elif kind == "insert":
            part = draw(st.sampled_from(INSERTED) | st.binary(max_size=20)) + part
        elif kind == "repeat":
            part = 2 * part
        content = {"end": content[:start], "start": content[start:]}.get(
            kind, content[:start] + part + content[end:]
        )
    return content


def peak_memory(function: Callable[[], Result]) -> tuple[Result, int]:
    """The result of `function`, and how many bytes were allocated at most while it ran."""
    tracemalloc.start()
    try:
        return function(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
