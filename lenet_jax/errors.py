"""The one exception that means "the user can fix this"."""

from collections.abc import Collection


class UserError(Exception):
    """Bad input. The message is one sentence that names the problem and says what to do.

    Entry points print it without a traceback and exit with status 1.
    """


def unknown_name(field: str, value: str, known: Collection[str]) -> str:
    """The sentence for config field `field` that holds a name which isn't among `known`."""
    return f"config.{field}={value!r} is unknown: choose one of {', '.join(known)}."


def require_one_of(field: str, value: str, known: Collection[str]) -> None:
    """Raises UserError if config field `field` holds a name that isn't among `known`."""
    if value not in known:
        raise UserError(unknown_name(field, value, known))
