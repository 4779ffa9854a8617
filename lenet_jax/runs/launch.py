"""Sends the open runs of a sweep as tasks to SLURM, or to processes of this machine, through submitit.

Each task is a worker of the sweep in the shared folder, see `task.py`. SLURM and submitit requeue a task that
is preempted, lost with its node, or near its time limit; one that is killed or crashes is requeued by the end
of its batch script (SLURM), or started again by `restart_killed.py` (local).
"""

import contextlib
import math
import os
import pathlib
import shlex
import socket
import sys
from collections.abc import Callable, Generator
from typing import Any

import ml_collections

from lenet_jax import files
from lenet_jax.data import load_splits
from lenet_jax.errors import UserError
from lenet_jax.runs import restart_killed
from lenet_jax.runs.jobs import FOLDER, Job, record, sent_jobs, unfinished_tasks
from lenet_jax.runs.plan import Request, make_plan
from lenet_jax.runs.sweep import AfterRuns, best_workers
from lenet_jax.training.jax_settings import threads

LAUNCHERS = ("slurm", "local")
TASKS = 32  # of a job on a cluster, unless --workers says how many
ANNOUNCED_SECONDS = 120  # before the time limit


def send_sweep(
    request: Request,
    launcher: str,
    tasks: int,
    after_runs: AfterRuns,
    finish: Callable[[pathlib.Path], object],
) -> str:
    """Sends the open runs, and returns what to tell the user; "" if there are none.

    Runs that a job of this folder has, which is queued or running, are not sent again.

    Args:
      launcher: one of LAUNCHERS.
      tasks: the largest number of tasks; 0 to choose it.
      after_runs, finish: see `Task`.

    Raises UserError for what cannot be run, without submitit, and for what SLURM refuses.
    """
    submitit = _import_submitit()
    request = request._replace(directory=request.directory.resolve())
    directory, config = request.directory, request.config.launcher
    plan = make_plan(request)
    if not plan.missing:
        return ""
    live = [job for job in sent_jobs(directory) if unfinished_tasks(directory, job)]
    in_jobs = {run for job in live for run in job.runs}
    runs = [run for run in plan.missing if run.key not in in_jobs]
    if not runs:
        return f"All open runs are sent already. {_follow(directory, live)}"
    for dataset, data in {
        run.arm: (run.resolved.config.dataset, run.resolved.config.data) for run in runs
    }.values():
        load_splits(dataset, data)  # now, as the machines of a cluster may have no network
    limit = best_workers(len(runs), 0) if launcher == "local" else TASKS
    number = min(tasks or limit, len(runs))
    if launcher == "local" and config.gpus and number > 1:
        raise UserError(
            "config.launcher.gpus with --launcher=local gives every task the same GPUs: use --workers=1, or "
            "--launcher=slurm."
        )

    from lenet_jax.runs.task import Task  # late, as it imports submitit

    files.make_directory(directory)
    executor = (
        _local(submitit, directory, config) if launcher == "local" else _slurm(submitit, directory, config)
    )
    try:
        with _output_kept_from_children():
            sent = executor.submit_array([Task(request, after_runs, finish)] * number)
    except (RuntimeError, OSError) as error:  # of submitit, with what sbatch has said
        raise UserError(f"--launcher={launcher} failed: {' '.join(f'{error}'.split())}") from error
    ids = [one.job_id for one in sent]
    job = Job(
        launcher,
        ids[0].partition("_")[0],
        [int(process) for process in ids] if launcher == "local" else [],
        socket.gethostname(),
        [run.key for run in runs],
    )
    record(directory, job)
    return f"Sent {_count(len(runs), 'run')} with {_count(number, 'task')}. {_follow(directory, [job])}"


def _import_submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise UserError(
            '--launcher needs submitit, which is not installed: .venv/bin/pip install "submitit>=1.5.4,<2".'
        ) from error
    return submitit


def _slurm(submitit: Any, directory: pathlib.Path, config: ml_collections.ConfigDict) -> Any:
    try:
        executor = submitit.SlurmExecutor(directory / FOLDER, max_num_timeout=config.requeues)
    except RuntimeError as error:
        raise UserError(
            "--launcher=slurm needs SLURM's commands (srun), which are not here: run it where sbatch works, "
            "or use --launcher=local."
        ) from error
    minutes = math.ceil(config.minutes)
    parameters = {
        "job_name": "lenet_jax",
        "time": minutes,
        "cpus_per_task": config.cpus or threads() or 1,
        "signal_delay_s": _announced(60 * minutes),
        "teardown": _requeue_killed(config.requeues),
        "additional_parameters": {"requeue" if config.requeues else "no-requeue": True}
        | _options(config.options),
    }
    if config.partition:
        parameters["partition"] = config.partition
    if config.gpus:
        parameters["gpus_per_node"] = config.gpus
    if config.memory_gb:
        parameters["mem"] = f"{math.ceil(1024 * config.memory_gb)}M"
    executor.update_parameters(**parameters)
    return executor


def _local(submitit: Any, directory: pathlib.Path, config: ml_collections.ConfigDict) -> Any:
    python = shlex.join([sys.executable, "-m", restart_killed.__name__, f"{config.requeues}"])
    executor = submitit.LocalExecutor(directory / FOLDER, max_num_timeout=config.requeues, python=python)
    executor.update_parameters(
        timeout_min=config.minutes,
        signal_delay_s=_announced(60 * config.minutes),
        gpus_per_node=config.gpus,
    )
    return executor


def _announced(limit_seconds: float) -> int:
    """How long before the time limit a task is told to end, in seconds."""
    return int(min(ANNOUNCED_SECONDS, limit_seconds / 2))


def _options(text: str) -> dict[str, str | bool]:
    """Options of sbatch by name. Raises UserError for text without names."""
    found: dict[str, str | bool] = {}
    for option in filter(None, map(str.strip, text.split(","))):
        name, has_value, value = option.lstrip("-").partition("=")
        if not name or any(letter.isspace() for letter in option):
            raise UserError(
                f"config.launcher.options={text!r} has {option!r}: list options of sbatch, such as "
                "account=lab,qos=long."
            )
        found[name] = value if has_value else True
    return found


def _requeue_killed(requeues: int) -> list[str]:
    """The end of a batch script: requeues its task if it was killed, or crashed, as its exit status says."""
    killed = "|".join(f"{128 + number}" for number in restart_killed.KILLED)
    task = '"${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"'
    return [
        "status=$?",
        f"case $status in {killed})",
        f'    [ "${{SLURM_RESTART_COUNT:-0}}" -ge {requeues} ] || scontrol requeue {task}',
        "esac",
        "exit $status",
    ]


@contextlib.contextmanager
def _output_kept_from_children() -> Generator[None, None, None]:
    """Within it, processes are started that do not hold this one's standard output and error open.

    What submitit prints of errors that it also raises is dropped.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        try:
            for descriptor in kept:
                os.dup2(nowhere.fileno(), descriptor)
            yield
        finally:
            for descriptor, copy in kept.items():
                os.dup2(copy, descriptor)
                os.close(copy)


def _follow(directory: pathlib.Path, jobs: list[Job]) -> str:
    """Which jobs they are, how to see how far they are, and how to end them."""
    numbers = " ".join(job.number for job in jobs)
    on_cluster = [job.number for job in jobs if job.launcher == "slurm"]
    here = [f"{task}" for job in jobs if job.host == socket.gethostname() for task in job.tasks]
    commands = [f"scancel {' '.join(on_cluster)}"] * bool(on_cluster) + [f"kill {' '.join(here)}"] * bool(
        here
    )
    elsewhere = {job.host for job in jobs if job.tasks} - {socket.gethostname()}
    end = "; ".join([*commands, *(f"kill them on {host}" for host in sorted(elsewhere))])
    directory = pathlib.Path(shlex.quote(f"{directory}"))
    return (
        f"{'Job' if len(jobs) == 1 else 'Jobs'} {numbers}. How far the runs are: "
        f"`python -m experiments.report --workdir={directory}`. To end the tasks: `{end}`. "
        f"Logs: {directory / FOLDER}"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
