"""The jobs to which runs of a sweep were sent, and their progress.

`jobs/LAUNCHER-HOST-NUMBER.json` in a sweep's folder describes a job; the logs of its tasks are next to it.
"""

import json
import pathlib
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.runs import claims, slurm
from lenet_jax.runs.recorded import Key, RecordedRuns

FOLDER = "jobs"
NAMED = 5  # lost runs in a message
UNKNOWN = "unknown"  # the state of tasks that cannot be asked for from here


class Job(NamedTuple):
    """A job that takes part in a sweep.

    Attributes:
      launcher: "slurm" or "local".
      number: what identifies it: its number on the cluster, or the process ID of the first task.
      tasks: the process IDs of a local job's tasks; () on a cluster.
      host: the machine that it was sent from.
      runs: those that were open then.
    """

    launcher: str
    number: str
    tasks: Sequence[int]
    host: str
    runs: Sequence[Key]


class States(NamedTuple):
    """The runs that were sent to jobs, by what is known of them.

    Attributes:
      done: recorded.
      running: claimed by a process.
      waiting: a task that is queued or running will train them.
      lost: no task is left for them.
      tasks: the number of each job's unfinished tasks in each state, such as {"RUNNING": 2}.
    """

    done: Sequence[Key]
    running: Sequence[Key]
    waiting: Sequence[Key]
    lost: Sequence[Key]
    tasks: Mapping[Job, Mapping[str, int]]


def record(directory: pathlib.Path, job: Job) -> None:
    """Describes a job in the sweep's folder. Raises UserError if that fails.

    It replaces the description of a job whose number has been given to this one, and which has so ended.
    """
    files.make_directory(directory / FOLDER, flag="")
    files.write(_path(directory, job), json.dumps(job._asdict()) + "\n")


def _path(directory: pathlib.Path, job: Job) -> pathlib.Path:
    return directory / FOLDER / f"{job.launcher}-{job.host}-{job.number}.json"


def sent_jobs(directory: pathlib.Path) -> list[Job]:
    """The jobs that were sent for a sweep. Raises UserError if a description cannot be read."""
    found = []
    for name in files.names_in(directory / FOLDER):
        path = directory / FOLDER / name
        if path.suffix == ".json":
            with files.reading(path):
                text = path.read_text(encoding="utf-8")
            try:
                fields = json.loads(text)
                runs = tuple((arm, seed) for arm, seed in fields.pop("runs"))
                found.append(Job(**fields | {"runs": runs, "tasks": tuple(fields["tasks"])}))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise UserError(f"{path} is damaged: remove it.") from error
    return found


def states(directory: pathlib.Path) -> States:
    """The states of the runs that were sent. Raises UserError if the folder cannot be read."""
    jobs = sent_jobs(directory)
    if not jobs:
        return States([], [], [], [], {})
    sent = list(dict.fromkeys(run for job in jobs for run in job.runs))
    open_runs = set(sent) - recorded_runs(directory)
    tasks = {job: unfinished_tasks(directory, job) for job in jobs if open_runs & set(job.runs)}
    expected = {run for job, found in tasks.items() if found for run in job.runs}
    running = {run for run in open_runs if claims.is_claimed(directory, *run)}
    open_runs -= recorded_runs(directory)  # those that ended meanwhile
    running &= open_runs
    return States(
        [run for run in sent if run not in open_runs],
        [run for run in sent if run in running],
        [run for run in sent if run in (open_runs - running) & expected],
        [run for run in sent if run in open_runs - running - expected],
        tasks,
    )


def recorded_runs(directory: pathlib.Path) -> set[Key]:
    """The runs that are recorded in a folder."""
    runs = RecordedRuns(directory)
    runs.read_on()
    return set(runs.lines)


def unfinished_tasks(directory: pathlib.Path, job: Job) -> Mapping[str, int]:
    """The number of tasks in each state that are queued or running; {} if the job has ended.

    States are named as squeue names them, or UNKNOWN.
    """
    if job.launcher == "slurm":
        return _on_cluster(job)
    if job.host != socket.gethostname():
        return {UNKNOWN: len(job.tasks)}
    live = sum(_is_controller(process, directory) for process in job.tasks)
    return {"RUNNING": live} if live else {}


def _on_cluster(job: Job) -> Mapping[str, int]:
    answer = slurm.ask("squeue", "--array", "--noheader", "--format=%T", f"--jobs={job.number}")
    if answer is None:
        return {UNKNOWN: 1}
    if answer.returncode:
        return {} if "Invalid job id" in answer.stderr else {UNKNOWN: 1}
    return Counter(answer.stdout.split())


def _is_controller(process: int, directory: pathlib.Path) -> bool:
    """Whether a process of this machine is submitit's, which watches a task of this folder."""
    try:
        words = pathlib.Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return bytes(directory.resolve() / FOLDER) in words


def describe(directory: pathlib.Path, found: States) -> str:
    """`states` for a terminal; "" if no run was sent."""
    if not (found.done or found.running or found.waiting or found.lost):
        return ""
    counts = {"done": found.done, "running": found.running, "waiting": found.waiting, "lost": found.lost}
    lines = [f"Runs sent to jobs: {', '.join(f'{len(runs)} {state}' for state, runs in counts.items())}."]
    for job, tasks in found.tasks.items():
        what = "tasks " + ", ".join(f"{number} {state.lower()}" for state, number in sorted(tasks.items()))
        if UNKNOWN in tasks:
            what = f"not known here: ask on {job.host}, or remove {_path(directory, job)} if it has ended"
        lines.append(f"Job {job.number} ({job.launcher}): {what if tasks else 'has ended'}.")
    if found.lost:
        names = ", ".join(f"{arm} seed {seed}" for arm, seed in found.lost[:NAMED])
        more = f" and {len(found.lost) - NAMED} more" if len(found.lost) > NAMED else ""
        lines.append(
            f"Lost: {names}{more}. The logs are in {directory / FOLDER}; the sweep's command sends them "
            "again, and they go on from their checkpoints."
        )
    return "\n".join(lines)
