"""SLURM: an array of tasks is submitted through submitit, and its commands are asked."""

import contextlib
import io
import math
import os
import pathlib
import re
import secrets
import shlex
import subprocess
from collections.abc import Generator
from typing import Any

import ml_collections

from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.runs import interruption, restart_killed
from lenet_jax.training.jax_settings import THREADS, threads, variables_from_outside

SECONDS = 60  # in which a command of SLURM answers
NOTICE_SECONDS = 120  # before the time limit
# Options of sbatch that fields of config.launcher set, and others that decide how tasks begin and end.
FIELD_OF = {
    "time": "minutes",
    "requeue": "requeues",
    "no-requeue": "requeues",
    "partition": "partition",
    "cpus-per-task": "cpus",
    "gpus-per-node": "gpus",
    "mem": "memory_gb",
}
OURS = (
    "array", "error", "export", "input", "job-name", "nodes", "ntasks", "ntasks-per-node", "open-mode",
    "output", "signal", "wrap",
)  # fmt: skip
NAME = re.compile("[a-z][a-z0-9-]+")


def ask(*words: str) -> subprocess.CompletedProcess[str] | None:
    """What a command of SLURM answers; None if it is not installed, or does not answer."""
    try:
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            # Without what a user has set for these commands, which might leave out states or partitions.
            env={
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("SQUEUE_", "SCANCEL_"))
            },
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


@contextlib.contextmanager
def submitted(
    folder: pathlib.Path, config: ml_collections.ConfigDict, task: Any, number: int
) -> Generator[tuple[str, list[int]], None, None]:
    """Submits an array of tasks, and yields its number and no process IDs; an exception cancels it.

    Args:
      folder: for submitit's files.
      config: `config.launcher`.
      task: a `lenet_jax.runs.task.Task`.

    Raises UserError without SLURM, and for what it refuses.
    """
    import submitit  # late, as it is installed separately

    name = f"lenet_jax-{secrets.token_hex(4)}"
    try:
        executor = submitit.SlurmExecutor(folder, max_num_timeout=config.requeues)
    except RuntimeError as error:
        raise UserError(
            "--launcher=slurm needs SLURM's commands, but srun is not installed: run it where sbatch works, "
            "or use --launcher=local."
        ) from error
    executor.update_parameters(job_name=name, **_parameters(config))
    try:
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # submitit prints what it also raises
                sent = executor.submit_array([task] * number)
        except (RuntimeError, OSError) as error:  # of submitit, with what sbatch has said
            raise failure("slurm", f"{error}") from error
        yield sent[0].job_id.partition("_")[0], []
    except BaseException:
        # By name: sbatch may have queued tasks whose number it could not tell.
        cancelled = ask("scancel", f"--name={name}")
        if cancelled is None or cancelled.returncode:
            interruption.say(f"Tasks may have been queued: `scancel --name={name}`.")
        raise


def _parameters(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The parameters of submitit's executor for SLURM, without the name."""
    minutes, cpus = math.ceil(config.minutes), config.cpus or threads() or 1
    environment = variables_from_outside() | {
        name: os.environ[name] for name in (THREADS, form.SWITCH) if name in os.environ
    }
    parameters = {
        "time": minutes,
        "cpus_per_task": cpus,
        "signal_delay_s": notice_seconds(60 * minutes),
        # What decides numbers holds in a task as well where sbatch or srun do not pass on the environment.
        "setup": [f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items())],
        # From SLURM 22.05 on, srun does not take the number of cores from the job that it runs in.
        "srun_args": [f"--cpus-per-task={cpus}", "--export=ALL"],
        "teardown": _requeue_killed(config.requeues),
        "additional_parameters": {"requeue" if config.requeues else "no-requeue": True}
        | sbatch_options(config.options),
    }
    if config.partition:
        parameters["partition"] = config.partition
    if config.gpus:
        parameters["gpus_per_node"] = config.gpus
    if config.memory_gb:
        parameters["mem"] = f"{math.ceil(1024 * config.memory_gb)}M"
    return parameters


def notice_seconds(limit_seconds: float) -> int:
    """How long before its time limit a task is signalled, in whole seconds."""
    return int(min(NOTICE_SECONDS, limit_seconds / 2))


def sbatch_options(text: str) -> dict[str, str | bool]:
    """Options of sbatch by name. Raises UserError for text without names, and for what is set otherwise."""
    found: dict[str, str | bool] = {}
    for option in filter(None, map(str.strip, text.split(";"))):
        name, has_value, value = option.removeprefix("--").partition("=")
        name = name.replace("_", "-")
        if not NAME.fullmatch(name) or any(letter.isspace() for letter in option):
            raise UserError(
                f"config.launcher.options={text!r} has {option!r}: list long options of sbatch, such as "
                "'account=lab;qos=long'."
            )
        if name in FIELD_OF:
            raise UserError(f"config.launcher.options has {name!r}: set config.launcher.{FIELD_OF[name]}.")
        if name in OURS:
            raise UserError(f"config.launcher.options has {name!r}, which --launcher=slurm sets itself.")
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


def failure(launcher: str, reason: str) -> UserError:
    """The error of a command whose tasks cannot be sent, for a reason of several lines."""
    return UserError(f"--launcher={launcher} failed: {' '.join(reason.split())}")
