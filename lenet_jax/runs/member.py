"""A process of a group that fills a sweep's folder: one that trains, watched by the one that started it.

JAX ends a process with SIGABRT when another of its group is lost. The process that watches uses no device,
says in one sentence what happened, and outlives it. What JAX and the libraries below it print goes to a file,
which is shown if they end for another reason.
"""

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import jax
from absl import logging as absl_logging

from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.runs import group, interruption
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.group import Membership
from lenet_jax.runs.plan import Plan, Request, list_runs, make_plan
from lenet_jax.runs.progress import Progress, SentReports, replay, show_plain_messages
from lenet_jax.runs.provenance import provenance, settings
from lenet_jax.runs.sweep import AfterRuns, check_all, expected, fill_folder, form_of, say_code
from lenet_jax.runs.workers import REFUSED, how_it_ended, run_workers
from lenet_jax.training.compilation_cache import keep_compilations

JOINED = "joined"  # with the number of the process, whether it has runs to train
OF_JAX = "JAX distributed service detected fatal errors"


class Filled(NamedTuple):
    """How a process took part.

    Attributes:
      number: of the process in its group.
      is_new: whether there were runs to train.
    """

    number: int
    is_new: bool


def fill_in_group(request: Request, after_runs: AfterRuns | None, membership: Membership) -> Filled:
    """Trains the runs that the request's folder lacks, together with the other processes of a group.

    All processes make the same request, of a folder that they share. Each records the runs that it trained.
    Returns once all are recorded.

    Args:
      after_runs: called with the folder by process 0, each time that it has recorded runs.

    Raises UserError for what cannot be run, and if another process is lost or told to end; Interrupted if
    this one was told to end, once the whole group has saved its runs.
    """
    membership.check()
    jax.config.update("jax_platforms", "cpu")  # of this process, which leaves the devices to the other
    plan = make_plan(request)
    if any(resolved.config.parallel == "pmap" for resolved in plan.resolved.values()):
        raise UserError(
            "config.parallel=pmap splits batches over the devices of one process: use jit with --distributed."
        )
    runs = {run.name for run in plan.missing}
    joined: list[Filled] = []

    def receive(message: tuple) -> None:
        kind, *content = message
        if kind == JOINED:
            joined.append(Filled(*content))
        elif content[0] in runs:  # others of this folder may have recorded one since
            replay(progress, message)

    with (
        tempfile.NamedTemporaryFile("r", errors="replace") as printed,
        interruption.deferred(),
        Progress(list(map(expected, plan.missing))) as progress,
    ):

        def report_end(member: BaseProcess) -> None:
            if not member.exitcode:
                return
            if member.exitcode == 128 + signal.SIGTERM:
                raise UserError(
                    "Another process of this program was told to end, so all have: what was trained is "
                    "saved; run the same command in every process to continue."
                )
            messages = printed.read()
            if OF_JAX in messages:
                raise UserError(group.LOST)
            interruption.say(messages.rstrip())
            raise UserError(
                f"The process that trains {how_it_ended(member)}, see above: run the same command in every "
                "process to continue."
            )

        run_workers(1, _train, (request, after_runs, membership, printed.name), receive, report_end)
        interruption.check()  # of a signal in the last epoch
    return joined[0]


def _train(
    send: Callable[[tuple], None],
    request: Request,
    after_runs: AfterRuns | None,
    membership: Membership,
    printed: str,
) -> None:
    """What the process that trains does."""
    for number in interruption.SIGNALS:  # they are for the process that watches, which passes them on
        signal.signal(number, signal.SIG_IGN)
    _separate_messages(printed)
    show_plain_messages()
    keep_compilations()
    try:
        group.join(membership)
        _take_part(send, request, after_runs)
        group.leave()
    except interruption.Interrupted as interrupted:  # so are the others
        group.leave()
        os._exit(interrupted.status)
    except UserError as error:
        send((REFUSED, str(error)))
        os._exit(1)  # at once: the others notice, and JAX does not wait for them
    except Exception:
        traceback.print_exc()
        os._exit(1)


def _take_part(send: Callable[[tuple], None], request: Request, after_runs: AfterRuns | None) -> None:
    """Fills the folder with the others; returns once all have."""
    plan = make_plan(request)
    with form.using(form_of(plan)):
        plan = _agree(request, plan)
        send((JOINED, group.number(), bool(plan.missing)))
        if not group.number():
            say_code(request, plan)
        check_all(plan, request.directory)
        with group.outliving_losses():
            fill_folder(request, plan, SentReports(send), after_runs)
            group.gather(0)  # once all have merged their files


def _separate_messages(path: str) -> None:
    """Sends what native code prints to a file, and leaves standard error to Python."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    absl_logging.get_absl_handler().python_handler.stream = sys.stderr
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    for taken in (1, 2):
        os.dup2(descriptor, taken)
    os.close(descriptor)


def _agree(request: Request, plan: Plan) -> Plan:
    """The plan with the runs that process 0 has found missing. Raises UserError if processes differ."""
    runs = list_runs(request.config, request.arms)
    group.require_equal({
        "a command": [plan.header, request.rerun, [run.name for run in runs]],
        "code": code_digest(),
        "libraries or a device": [provenance()[name] for name in ("python", "libraries", "device")],
        "settings": settings("jit"),
        "a number of devices": jax.local_device_count(),
    })  # fmt: skip
    missing = {run.key for run in plan.missing}
    is_missing = group.gather(*(run.key in missing for run in runs))[0]
    return plan._replace(missing=[run for run, is_open in zip(runs, is_missing, strict=True) if is_open])
