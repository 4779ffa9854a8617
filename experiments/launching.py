"""The flags that say which processes compute a sweep, here or elsewhere."""

import pathlib
from collections.abc import Callable

from absl import flags

from lenet_jax.runs.launch import LAUNCHERS, TASKS, send_sweep
from lenet_jax.runs.plan import Request
from lenet_jax.runs.sweep import AfterRuns


def define_workers() -> None:
    """Defines --workers=N and --launcher=NAME."""
    flags.DEFINE_integer(
        "workers",
        0,
        "Processes that share the runs; 0: on a CPU one per core not used by --threads, on a GPU or TPU one, "
        f"with --launcher=slurm up to {TASKS}. Results do not depend on it.",
        lower_bound=0,
        upper_bound=1024,
    )
    flags.DEFINE_enum(
        "launcher",
        None,
        LAUNCHERS,
        "Send the open runs away and return: slurm, to a job array of --workers tasks; local, to --workers "
        "processes of this machine. Fields config.launcher.* set time limit and resources.",
    )


def send_if_asked(request: Request, after_runs: AfterRuns, finish: Callable[[pathlib.Path], object]) -> bool:
    """Sends the open runs if --launcher says where to, and prints which job has them.

    Args:
      after_runs, finish: see `lenet_jax.runs.task.Task`.

    Returns False without --launcher, and if all runs are recorded.
    """
    launcher = flags.FLAGS.launcher
    if not launcher:
        return False
    message = send_sweep(request, launcher, flags.FLAGS.workers, after_runs, finish)
    if message:
        print(message)
    return bool(message)
