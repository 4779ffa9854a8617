"""The one exception that means "the user can fix this"."""

from collections.abc import Collection


class UserError(Exception):
    """Bad input. Its text is one clear sentence that names the fault and says what to do.

    Entry points print it without a traceback and exit with status 1.
    """


def require_one_of(field: str, value: str, known: Collection[str]) -> None:
    """Raises UserError where config field `field` holds a name that isn't among `known`."""
    if value not in known:
        raise UserError(f"config.{field}={value!r} is unknown: choose one of {', '.join(known)}.")
