"""Per-epoch metrics of one run: a JSONL file and, if asked, TensorBoard event files."""

import json
import math
import pathlib

METRICS = "metrics.jsonl"


class MetricsLog:
    """Writes one line an epoch as it comes; use as a context manager.

    A number that is not finite is null in the JSONL file, as JSON has no NaN.
    """

    def __init__(self, directory: pathlib.Path, tensorboard: bool):
        self._path = directory / METRICS
        self._path.write_text("")
        self._board = None
        if tensorboard:
            import tensorboardX  # slow to import, and rarely asked for

            for stale in directory.glob("events.out.tfevents.*"):  # of a run that was stopped
                stale.unlink()
            self._board = tensorboardX.SummaryWriter(str(directory))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._board:
            self._board.close()

    def write(self, epoch: int, metrics: dict[str, float]) -> None:
        """Records the metrics after `epoch` epochs."""
        finite = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        with open(self._path, "a", encoding="utf-8") as file:  # not held open: a population has many logs
            file.write(json.dumps({"epoch": epoch, **finite}) + "\n")
        if self._board:
            for name, value in metrics.items():
                self._board.add_scalar(name, value, epoch)
