"""A task of a job: a process that takes part in a sweep, under submitit. Needs submitit."""

import os
import pathlib
import sys
from collections.abc import Callable, Sequence

import submitit
from submitit.helpers import Checkpointable

from lenet_jax.errors import UserError
from lenet_jax.runs import interruption
from lenet_jax.runs.plan import Request, make_plan
from lenet_jax.runs.progress import show_plain_messages
from lenet_jax.runs.sweep import AfterRuns, run_sweep
from lenet_jax.training.compilation_cache import keep_compilations


class Task(Checkpointable):
    """Trains runs of a sweep until none is left to claim, and writes the report once all are recorded.

    It finds its work in the sweep's folder, so that a requeued task, which is called with the same arguments,
    goes on from checkpoints.
    """

    def __init__(self, request: Request, after_runs: AfterRuns, finish: Callable[[pathlib.Path], object]):
        """
        Args:
          request: with an absolute `directory`.
          after_runs: see `run_sweep`.
          finish: called with the folder once all runs are recorded.
        """
        self._request = request
        self._after_runs = after_runs
        self._finish = finish

    def __call__(self) -> None:
        """Ends the process with status 1 for bad input, and as submitit does if it was told to end."""
        show_plain_messages()
        keep_compilations()
        try:
            with interruption.deferred(announced=True):
                run_sweep(**self._request._asdict(), after_runs=self._after_runs, waits=False)
            if not make_plan(self._request).missing:
                self._finish(self._request.directory)
        except UserError as error:
            sys.exit(f"error: {error}")
        except interruption.Interrupted as interrupted:
            if _is_requeued(interrupted.signals, submitit.JobEnvironment().cluster):
                os.kill(os.getpid(), interruption.ANNOUNCEMENT)  # now that all is saved; submitit requeues
            sys.exit(interrupted.status)


def _is_requeued(signals: Sequence[int], cluster: str) -> bool:
    """Whether a task that signals asked to end is to go on later.

    SLURM may send SIGTERM together with its announcement. To a local task, the user has sent it.
    """
    others = set(signals) - {interruption.ANNOUNCEMENT}
    return interruption.ANNOUNCEMENT in signals and (cluster == "slurm" or not others)
