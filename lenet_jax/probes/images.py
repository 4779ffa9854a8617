"""The images that probes read, and what is made of them once for all networks."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from lenet_jax.config.resolve import LEAST_SIDE
from lenet_jax.data import Split, Splits
from lenet_jax.runs.trained import TrainedRun

T = TypeVar("T")
MOST_KEPT = 12  # results of `Images.once`, such as 10,000 disturbed images of 30 MB


class Images:
    """The splits of runs, as their networks read them; the last ones are kept, as most runs share them."""

    def __init__(self, data_dir: str = "", manual_dir: str = ""):
        """`data_dir` and `manual_dir` are as in `config.data`."""
        self._places = {"data_dir": data_dir, "manual_dir": manual_dir}
        self._key: Hashable = None
        self._splits: Splits | None = None
        self._made: OrderedDict[Hashable, Any] = OrderedDict()

    def splits(self, run: TrainedRun) -> Splits:
        """The run's splits, preprocessed, (N, S, S, C) float32. Raises UserError as `run.splits` does."""
        config = run.config
        key = (run.dataset.identity, config.data, config.seed if config.data.draw else None)
        if self._splits is None or key != self._key:
            self._made.clear()
            self._splits, self._key = run.splits(preprocessed=True, **self._places), key
        return self._splits

    def once(self, run: TrainedRun, what: Hashable, make: Callable[[Splits], T]) -> T:
        """`make` of the run's splits, computed once for all runs that share them; `what` names the result."""
        splits = self.splits(run)
        if what not in self._made:
            self._made[what] = make(splits)
        self._made.move_to_end(what)
        while len(self._made) > MOST_KEPT:
            self._made.popitem(last=False)
        return self._made[what]


def first(split: Split, count: int) -> Split:
    """The first `count` images of a split; 0 for all."""
    return Split(split.images[: count or None], split.labels[: count or None])


def window(run: TrainedRun) -> slice:
    """The rows, and the columns, that every network reads: an MLP's images have a narrower margin.

    Networks that read more have background around it, as long as images are not larger than MNIST's.
    """
    size = run.config.data.image_size
    side = min(size, max(LEAST_SIDE["mlp"], run.dataset.side))
    before = (size - side) // 2
    return slice(before, before + side)


def error_of(answers: np.ndarray, labels: np.ndarray, run: TrainedRun) -> tuple[float, np.ndarray | None]:
    """`Value.value` and `Value.is_wrong` of answers to a run's test images."""
    is_wrong = answers != labels
    return float(is_wrong.mean()), None if run.config.data.draw else is_wrong
