"""The one exception that means "the user can fix this"."""

from collections.abc import Collection


class UserError(Exception):
    """Bad input. The message is one sentence that names the problem and says what to do.

    Entry points print it without a traceback and exit with status 1.
    """


def require_one_of(field: str, value: str, known: Collection[str]) -> None:
    """Raises UserError if the value of config field `field` is not one of `known`."""
    if value not in known:
        raise UserError(f"config.{field}={value!r} is unknown: choose one of {', '.join(known)}.")
