"""The flags that say which processes compute a sweep, here or elsewhere, and on which devices."""

import pathlib
from collections.abc import Callable

from absl import flags

from experiments import cli
from lenet_jax.errors import UserError
from lenet_jax.runs.group import Membership
from lenet_jax.runs.launch import LAUNCHERS, TASKS, send_sweep
from lenet_jax.runs.member import Filled, fill_in_group
from lenet_jax.runs.plan import Request
from lenet_jax.runs.sweep import AfterRuns, run_sweep
from lenet_jax.training.jax_settings import share_gpus


def define_workers() -> None:
    """Defines --workers=N, --launcher=NAME, and --distributed with what belongs to it."""
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
    flags.DEFINE_bool(
        "distributed",
        False,
        "Train on the devices of several processes together, each of which runs this command. On SLURM, TPUs "
        "and under Open MPI they find each other, elsewhere by --coordinator, --processes and --process.",
    )
    flags.DEFINE_string(
        "coordinator", "", "With --distributed: HOST:PORT, the machine of process 0 and a free port there."
    )
    flags.DEFINE_integer(
        "processes", None, "With --distributed: how many processes there are.", lower_bound=1
    )
    flags.DEFINE_integer(
        "process", None, "With --distributed: the number of this process, from 0.", lower_bound=0
    )


def membership() -> Membership | None:
    """How this process joins others; None without --distributed. Raises UserError for unfit flags."""
    found = Membership(flags.FLAGS.coordinator, flags.FLAGS.processes, flags.FLAGS.process)
    if not flags.FLAGS.distributed:
        if found != Membership():
            raise UserError("--coordinator, --processes and --process belong to --distributed: add it.")
        return None
    if flags.FLAGS.launcher:
        raise UserError(
            "--distributed cannot be sent with --launcher: start the command in every process, on SLURM by "
            "srun."
        )
    if flags.FLAGS.workers > 1:
        raise UserError("--distributed trains in one process per command: leave out --workers.")
    found.check()
    return found


def prepare_devices() -> None:
    """Divides the memory of GPUs among the processes that train on this machine, as far as flags tell.

    Raises UserError for flags that don't fit, and if there are no devices as JAX_PLATFORMS names.
    """
    if found := membership():  # this process only watches one that trains
        share_gpus(found.processes or 1 if found.is_on_one_machine else 1)
        return
    if not flags.FLAGS.launcher:  # tasks that are sent away have GPUs of their own
        share_gpus(flags.FLAGS.workers)
    cli.check_platform()


def train(request: Request, after_runs: AfterRuns) -> Filled:
    """Trains the open runs in this process and its workers, or in a group of processes."""
    if found := membership():
        return fill_in_group(request, after_runs, found)
    return Filled(
        0, run_sweep(**request._asdict(), after_runs=after_runs, workers=flags.FLAGS.workers or None)
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
