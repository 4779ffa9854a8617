"""Numbers with their intervals, as text."""

from collections.abc import Collection

from lenet_jax.analysis.effects import SHARE
from lenet_jax.analysis.stats import CONFIDENCE, Interval
from lenet_jax.analysis.summaries import Row, interval_of


def with_interval(interval: Interval, form: str, sign: str = "") -> str:
    """ "0.80 (0.71 to 0.89)"; "-" if there is no mean.

    Args:
      form: of all numbers, such as ".2f".
      sign: "+" before a positive mean.
    """
    mean, low, high = interval
    if mean is None:
        return "-"
    # z: numbers that round to zero have no minus sign, and need no plus sign.
    text = f"{mean:z{form}}"
    if not text.startswith("-") and float(text):
        text = f"{sign}{text}"
    return text if low is None else f"{text} ({low:z{form}} to {high:z{form}})"


def share_of_gap(row: Row) -> str:
    """ ", 49% (41 to 57)" of a row of effects; "" if the gap is not clear enough for an interval."""
    mean, low, high = interval_of(row, SHARE)
    return "" if low is None else f", {mean:.0f}% ({low:.0f} to {high:.0f})"


def seeds_in_words(numbers: Collection[int]) -> str:
    """ "1 seed", "5 seeds", "19 or 20 seeds"."""
    words = " or ".join(map(str, sorted(set(numbers))))
    return f"{words} {'seed' if set(numbers) == {1} else 'seeds'}"


def intervals_in_words(seeds: Collection[int], covers_images: bool | None) -> str:
    """What intervals there are and what they cover, as the end of a sentence.

    Args:
      seeds: over how many seeds the numbers are, each.
      covers_images: whether the intervals cover the draw of the test images; None if these play no part.
    """
    several = {number for number in seeds if number > 1}
    if not several:
        return "one seed, so no intervals" if 1 in seeds else "no intervals"
    from_one = " (none from one seed)" if 1 in seeds else ""
    found = f"{CONFIDENCE:.0%} intervals from {seeds_in_words(several)}{from_one}"
    images = {True: " and other test images", False: " but not for other test images", None: ""}
    return f"{found}, which allow for other seeds{images[covers_images]}"


def uncorrected(intervals: str, seeds: Collection[int]) -> str:
    """What `intervals_in_words` said for these seeds, and that intervals, if any, are not corrected."""
    has_intervals = max(seeds, default=0) > 1
    return f"{intervals}, and are not corrected for multiple comparisons" if has_intervals else intervals


def with_intervals(title: str, seeds: Collection[int], covers_images: bool) -> str:
    """The title of a figure, and what its intervals are over, if it has any.

    Args:
      seeds: as in `intervals_in_words`.
      covers_images: whether the intervals cover the draw of the test images, which all seeds share.
    """
    several = {number for number in seeds if number > 1}
    if not several:
        return title
    images = " and the test images" if covers_images else ""
    return f"{title}, with {CONFIDENCE:.0%} intervals over {seeds_in_words(several)}{images}"
