"""TensorBoard event files, one folder per run."""

import contextlib
import pathlib
import time
from collections.abc import Mapping

from lenet_jax import files
from lenet_jax.runs.run import Run

FOLDER = "tensorboard"
FLUSH_SECONDS = 60


class Boards:
    """Writes metrics to DIR/tensorboard for runs with `config.tensorboard`; use as a context manager."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory / FOLDER
        self._writers = {}
        self._flushed = time.monotonic()

    def __enter__(self) -> "Boards":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for writer in self._writers.values():
            with contextlib.suppress(OSError) if kind else files.writing(self._directory):
                writer.close()

    def write(self, run: Run, epoch: int, metrics: Mapping[str, float]) -> None:
        """Adds the metrics after `epoch` epochs if `config.tensorboard` is set.

        Raises UserError if they cannot be written.
        """
        if not run.resolved.config.tensorboard:
            return
        from tensorboardX.proto.event_pb2 import Event  # ty: ignore[missing-module-member] made at run time
        from tensorboardX.summary import scalar

        with files.writing(self._directory):
            writer = self._writers.get(run.name) or self._open(run)
            for name, value in metrics.items():
                writer.write_event(Event(wall_time=time.time(), step=epoch, summary=scalar(name, value)))
            if time.monotonic() - self._flushed > FLUSH_SECONDS:
                self._flushed = time.monotonic()
                for each in self._writers.values():
                    each.flush()

    def _open(self, run: Run):
        # Slow to import, and rarely used. The thread of its SummaryWriter ends on a full disk, and then the
        # training would wait for it.
        from tensorboardX.event_file_writer import EventsWriter

        folder = self._directory / f"{run.arm}-seed{run.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("events.out.tfevents.*"):  # of a run that was stopped
            stale.unlink()
        writer = self._writers[run.name] = EventsWriter(str(folder / "events"))
        return writer
