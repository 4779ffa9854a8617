"""Sends the open runs of a sweep as tasks to SLURM, or to processes of this machine, through submitit.

Each task is a worker of the sweep in the shared folder, see `task.py`. SLURM and submitit requeue a task that
is preempted, lost with its node, or near its time limit; one that is killed or crashes is requeued by the end
of its batch script (SLURM), or started again by `restart_killed.py` (local).
"""

import contextlib
import importlib.util
import os
import pathlib
import pickle
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from typing import Any

import ml_collections

from lenet_jax import files
from lenet_jax.data import load_splits
from lenet_jax.errors import UserError
from lenet_jax.runs import claims, interruption, restart_killed, slurm
from lenet_jax.runs.jobs import FOLDER, Job, record, sent_jobs, unfinished_tasks
from lenet_jax.runs.plan import Request, make_plan
from lenet_jax.runs.sweep import AfterRuns, best_workers

LAUNCHERS = ("slurm", "local")
TASKS = 32  # of a job on a cluster, unless --workers says how many
GPUS = "CUDA_VISIBLE_DEVICES"


def send_sweep(
    request: Request,
    launcher: str,
    tasks: int,
    after_runs: AfterRuns,
    finish: Callable[[pathlib.Path], object],
) -> str:
    """Sends the open runs, and returns what to tell the user; "" if there are none.

    Runs that a job of this folder has, which is queued or running, are not sent again. What was sent is
    cancelled if it cannot be recorded, or if this process is told to end meanwhile.

    Args:
      launcher: one of LAUNCHERS.
      tasks: the largest number of tasks; 0 to choose it.
      after_runs, finish: see `Task`.

    Raises UserError for what cannot be run, without submitit, and for what SLURM refuses.
    """
    if importlib.util.find_spec("submitit") is None:
        raise UserError(
            '--launcher needs submitit, which is not installed: .venv/bin/pip install "submitit>=1.5.4,<2".'
        )
    request = request._replace(directory=request.directory.resolve())
    directory, config = request.directory, request.config.launcher
    plan = make_plan(request)
    if not plan.missing:
        return ""
    for dataset, data in {
        run.arm: (run.resolved.config.dataset, run.resolved.config.data) for run in plan.missing
    }.values():
        load_splits(dataset, data)  # now, as the machines of a cluster may have no network

    from lenet_jax.runs.task import Task  # late, as it imports submitit

    submit = {"slurm": slurm.submitted, "local": _sent_locally}[launcher]
    folder = directory / FOLDER
    files.make_directory(directory)
    files.make_directory(folder)
    with claims.locked(folder):  # two commands at once would send the same runs
        live = [job for job in sent_jobs(directory) if unfinished_tasks(directory, job)]
        in_jobs = {run for job in live for run in job.runs}
        runs = [run for run in plan.missing if run.key not in in_jobs]
        if not runs:
            return f"All open runs are sent already. {_follow(directory, live)}"
        limit = best_workers(len(runs), 0) if launcher == "local" else TASKS
        number = min(tasks or limit, len(runs))
        task = Task(request, after_runs, finish)
        with interruption.deferred(quiet=True), submit(folder, config, task, number) as sent:
            interruption.check()
            job = Job(launcher, *sent, socket.gethostname(), [run.key for run in runs])
            record(directory, job)
    return f"Sent {_count(len(runs), 'run')} with {_count(number, 'task')}. {_follow(directory, [job])}"


@contextlib.contextmanager
def _sent_locally(
    folder: pathlib.Path, config: ml_collections.ConfigDict, task: Any, number: int
) -> Generator[tuple[str, list[int]], None, None]:
    """Starts tasks in a session of their own, and yields their process IDs; an exception kills them.

    Yields the first one as the job's number, and all. Arguments and errors are those of `slurm.submitted`.
    """
    if config.gpus and number > 1:
        raise UserError(
            "config.launcher.gpus with --launcher=local gives every task the same GPUs: use --workers=1, or "
            "--launcher=slurm."
        )
    from lenet_jax.runs import detached  # late, as it imports submitit

    parameters = {
        "timeout_min": config.minutes,
        "signal_delay_s": slurm.notice_seconds(60 * config.minutes),
        "gpus_per_node": config.gpus,
    }
    python = shlex.join(_watched_python(config))
    work = detached.Work(folder, python, config.requeues, parameters, pickle.dumps(task), number)
    with subprocess.Popen(
        [sys.executable, "-m", detached.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as sender:
        try:
            out, err = sender.communicate(pickle.dumps(work))
            if sender.returncode:
                raise slurm.failure("local", err.decode(errors="replace").strip().rpartition("\n")[2])
            processes = [int(word) for word in out.split()]
            yield f"{processes[0]}", processes
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(sender.pid, signal.SIGKILL)  # tasks that have only begun
            raise


def _watched_python(config: ml_collections.ConfigDict) -> list[str]:
    """The words that stand for Python in the command of a local task."""
    python = [sys.executable, "-m", restart_killed.__name__, f"{config.requeues}"]
    visible = os.environ.get(GPUS)
    if config.gpus and visible:  # submitit would take the first ones of the machine
        return ["env", f"{GPUS}={','.join(visible.split(',')[: config.gpus])}", *python]
    return python


def _follow(directory: pathlib.Path, jobs: list[Job]) -> str:
    """Which jobs they are, and how to see their progress and end them."""
    numbers = " ".join(job.number for job in jobs)
    ends = []
    if on_cluster := [job.number for job in jobs if job.launcher == "slurm"]:
        ends.append(f"`scancel {' '.join(on_cluster)}`")
    for host in sorted({job.host for job in jobs if job.launcher == "local"}):
        tasks = " ".join(f"{task}" for job in jobs if job.host == host for task in job.tasks)
        ends.append(f"`kill {tasks}`" + ("" if host == socket.gethostname() else f" on {host}"))
    directory = pathlib.Path(shlex.quote(f"{directory}"))
    return (
        f"{'Job' if len(jobs) == 1 else 'Jobs'} {numbers}. Progress: "
        f"`python -m experiments.report --workdir={directory}`. To end the tasks: {', '.join(ends)}. "
        f"Logs: {directory / FOLDER}"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
