"""Starts local tasks apart from the terminal: in the session of this process, with no input and no output.

    python -m lenet_jax.runs.detached < WORK

WORK is a pickled `Work`. Prints the process IDs of submitit's controllers, which outlive this process. The
caller puts it into a session of its own, and can end all tasks at once by its process group. Needs submitit.
"""

import os
import pathlib
import pickle
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import submitit


class Work(NamedTuple):
    """What to start.

    Attributes:
      folder: for submitit's files.
      python: the words that stand for Python in the command of a task, as a shell reads them.
      requeues: how often submitit starts a task again that has reached its time limit.
      parameters: of submitit's local executor.
      task: what each process calls, pickled.
      number: of processes.
    """

    folder: pathlib.Path
    python: str
    requeues: int
    parameters: Mapping[str, Any]
    task: bytes
    number: int


class _Pickled:
    """Unpickled, it is the task; this process does without the libraries of the task, which load slowly."""

    def __init__(self, task: bytes):
        self._task = task

    def __reduce__(self) -> tuple:
        return pickle.loads, (self._task,)


def main() -> None:
    """Raises what submitit raises."""
    work: Work = pickle.load(sys.stdin.buffer)
    # Copies, which children do not inherit: the caller reads to the end of both.
    sys.stdout, sys.stderr = (os.fdopen(os.dup(descriptor), "w") for descriptor in (1, 2))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    executor = submitit.LocalExecutor(work.folder, max_num_timeout=work.requeues, python=work.python)
    executor.update_parameters(**work.parameters)
    tasks: list[Any] = [_Pickled(work.task)] * work.number
    print(*(sent.job_id for sent in executor.submit_array(tasks)))


if __name__ == "__main__":
    main()
