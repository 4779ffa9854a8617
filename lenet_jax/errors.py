"""The one exception that means "the user can fix this"."""

import re
from collections.abc import Collection

# Control characters, line separators, and surrogates, which stand for bytes that are not text. Joiners,
# which Python calls unprintable, belong to words of some scripts.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class UserError(Exception):
    """Bad input. The message is one sentence that names the problem and says what to do.

    Entry points print it without a traceback and exit with status 1. Names may hold any character: those that
    cannot be printed are escaped.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


def printable(text: str) -> str:
    """`text` on one line: characters that cannot be printed are replaced by their escapes."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def unknown_name(field: str, value: str, known: Collection[str]) -> str:
    """The sentence for config field `field` that holds a name which isn't among `known`."""
    return f"config.{field}={value!r} is unknown: choose one of {', '.join(known)}."


def require_one_of(field: str, value: str, known: Collection[str]) -> None:
    """Raises UserError if config field `field` holds a name that isn't among `known`."""
    if value not in known:
        raise UserError(unknown_name(field, value, known))
