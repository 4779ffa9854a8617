"""Images that some arms nearly always answer wrongly and others nearly always correctly."""

from typing import NamedTuple

import numpy as np

from lenet_jax.analysis.crossed import Wrong

NEARLY_ALWAYS = 0.9  # share of an arm's runs


class Disagreement(NamedTuple):
    """An image that arms disagree on.

    Attributes:
      image: its number.
      wrong: the arms at least NEARLY_ALWAYS of whose runs answer it wrongly.
      right: the arms at least NEARLY_ALWAYS of whose runs answer it correctly.
    """

    image: int
    wrong: tuple[str, ...]
    right: tuple[str, ...]


def disagreements(wrong: Wrong) -> list[Disagreement]:
    """The images with arms on both sides, those first whose smaller side has the most arms."""
    arms = list(dict.fromkeys(arm for arm, _ in wrong.images))
    runs = np.array([sum(arm == its for its, _ in wrong.images) for arm in arms])
    errors_AI = np.zeros((len(arms), wrong.count), int)
    for (arm, _), images in wrong.images.items():
        errors_AI[arms.index(arm), images] += 1
    runs_A1 = runs[:, None]
    is_wrong_AI = errors_AI / runs_A1 >= NEARLY_ALWAYS
    is_right_AI = (runs_A1 - errors_AI) / runs_A1 >= NEARLY_ALWAYS
    smaller = np.minimum(is_wrong_AI.sum(0), is_right_AI.sum(0))
    return [
        Disagreement(
            int(i),
            tuple(arms[a] for a in np.flatnonzero(is_wrong_AI[:, i])),
            tuple(arms[a] for a in np.flatnonzero(is_right_AI[:, i])),
        )
        for i in np.argsort(-smaller, kind="stable")
        if smaller[i]
    ]
