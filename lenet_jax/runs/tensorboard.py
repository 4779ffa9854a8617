"""TensorBoard event files, one folder per run."""

import pathlib
from collections.abc import Mapping

from lenet_jax.runs.run import Run

FOLDER = "tensorboard"


class Boards:
    """Writes metrics to DIR/tensorboard for runs with `config.tensorboard`; use as a context manager."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory / FOLDER
        self._writers = {}

    def __enter__(self) -> "Boards":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        """Adds the metrics after `epoch` epochs if `config.tensorboard` is set."""
        if not run.resolved.config.tensorboard:
            return
        writer = self._writers.get(run.name) or self._open(run)
        for name, value in metrics.items():
            writer.add_scalar(name, value, epoch)

    def _open(self, run: Run):
        import tensorboardX  # slow to import, and rarely used

        folder = self._directory / f"{run.arm}-seed{run.seed}"
        for stale in folder.glob("events.out.tfevents.*"):  # of a run that was stopped
            stale.unlink()
        writer = self._writers[run.name] = tensorboardX.SummaryWriter(str(folder))
        return writer
