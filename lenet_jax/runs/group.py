"""Processes, of one machine or of several, that train runs on all their devices in one program.

They meet through `jax.distributed`. All must call the same compiled functions in the same order, so whatever
depends on a clock, on files or on signals is exchanged first. Alone, a process exchanges with itself.
"""

import contextlib
import re
import socket
import time
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from lenet_jax.errors import UserError
from lenet_jax.runs import interruption
from lenet_jax.runs.lines import digest
from lenet_jax.training.jax_settings import own_settings

CONNECT_SECONDS = 300  # until all processes must have started
HEARTBEAT_SECONDS = 20  # without a sign of a process, after which it counts as lost
NOTICE_SECONDS = HEARTBEAT_SECONDS + 10  # by then the others know
FAILURES = (ValueError, RuntimeError)  # of Gloo, of NCCL, and of the programs that use them
THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
LOST = (
    "Another process of this program was not started, was killed or cannot be reached, so this one ended: "
    "run the same command in every process again, which goes on from what is recorded and from checkpoints."
)


class Membership(NamedTuple):
    """How a process joins a group.

    Attributes:
      coordinator: HOST:PORT at which process 0 is reached; "" where JAX finds all three by itself.
      processes: how many there are.
      process: the number of this one, from 0.
    """

    coordinator: str = ""
    processes: int | None = None
    process: int | None = None

    @property
    def is_on_one_machine(self) -> bool:
        """Whether all processes must be on this machine."""
        return self.coordinator.rpartition(":")[0] in THIS_MACHINE

    def check(self) -> None:
        """Raises UserError if it lacks something or does not fit."""
        given = (bool(self.coordinator), self.processes is not None, self.process is not None)
        if any(given) and not all(given):
            raise UserError(
                "--coordinator=HOST:PORT, --processes=N and --process=I belong together: pass all three, or "
                "none where JAX finds them (SLURM, TPU, Open MPI)."
            )
        if not any(given):
            return
        if not re.fullmatch(r".+:\d{1,5}", self.coordinator):
            raise UserError(
                f"--coordinator={self.coordinator} must be HOST:PORT, the machine of process 0 and a free "
                "port there, such as node1:12345."
            )
        assert self.processes is not None and self.process is not None
        if self.process >= self.processes:
            raise UserError(
                f"--process={self.process} must be below --processes={self.processes}: they count from 0."
            )


def join(membership: Membership) -> None:
    """Connects this process with the others; call it before JAX computes anything.

    Raises UserError if there is nothing to connect with. Where other processes are missing after
    CONNECT_SECONDS, JAX ends this one with SIGABRT, and so it does within NOTICE_SECONDS once one is lost.
    """
    if membership.process:
        _wait_for(membership.coordinator)
    if "jax_enable_preemption_service" in jax.config.values:
        jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM
    try:
        jax.distributed.initialize(
            membership.coordinator or None,
            membership.processes,
            membership.process,
            initialization_timeout=CONNECT_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=HEARTBEAT_SECONDS,
        )
        jax.devices()
    except ValueError as error:
        raise UserError(
            "--distributed finds no cluster here (SLURM, TPU, Open MPI): also pass --coordinator=HOST:PORT, "
            "--processes=N and --process=I."
        ) from error
    except (
        AssertionError,
        RuntimeError,
    ) as error:  # a port in use; AssertionError: no plugin for the platform
        reason = " ".join(f"{error}".split()) or "JAX lacks these devices"
        raise UserError(f"--distributed cannot connect processes and devices ({reason}).") from error


def _wait_for(coordinator: str) -> None:
    """Waits until process 0 listens. Raises UserError if it does not within CONNECT_SECONDS."""
    host, _, port = coordinator.rpartition(":")
    last = time.monotonic() + CONNECT_SECONDS
    while True:
        interruption.check()
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
            return
        except (OSError, OverflowError) as error:
            if time.monotonic() > last or isinstance(error, (socket.gaierror, OverflowError)):
                raise UserError(
                    f"Process 0 does not answer at --coordinator={coordinator} ({error}): start it there, at "
                    f"most {CONNECT_SECONDS} s after the others, with the same --coordinator."
                ) from error
        time.sleep(0.5)


def leave() -> None:
    """Waits until all processes leave, and disconnects this one."""
    jax.distributed.shutdown()


def number() -> int:
    """The number of this process; 0 if it is alone."""
    return jax.process_index()


def size() -> int:
    """The number of processes."""
    return jax.process_count()


@own_settings()
def gather(*values: float, dtype: type[np.number] = np.int32) -> np.ndarray:
    """(processes, values), of `dtype`: what each process passes, in the order of their numbers.

    All must call it, with as many values, and none goes on before all have. Raises UserError if one is lost.
    """
    own = np.array(values, dtype)
    if size() == 1:
        return own[None]
    try:
        return multihost_utils.process_allgather(own)
    except FAILURES as error:
        raise UserError(LOST) from error


@contextlib.contextmanager
def outliving_losses() -> Generator[None, None, None]:
    """Within it, what fails because another process is lost is not raised: JAX ends this one instead.

    A device may fail in a step before JAX knows of the loss, with an error that doesn't name it. It is raised
    after NOTICE_SECONDS if no process was lost.
    """
    try:
        yield
    except FAILURES:
        if size() > 1:
            time.sleep(NOTICE_SECONDS)
        raise


def is_stopping() -> bool:
    """Whether a process was told to end; then this one also counts as told."""
    found = bool(gather(interruption.is_requested()).any())
    if found and not interruption.is_requested():
        interruption.request()
    return found


def require_equal(parts: Mapping[str, Any]) -> None:
    """Raises UserError, which names a part, unless all processes have the same parts (JSON types)."""
    found = gather(*(int(digest({name: part})[:7], 16) for name, part in parts.items()))
    for name, of_processes in zip(parts, found.T, strict=True):
        if others := np.flatnonzero(of_processes != of_processes[0]).tolist():
            leave()  # once all have seen it
            raise UserError(
                f"Process {others[0]} has {name} unlike process 0: run the same command with the same code, "
                "on machines of one kind."
            )
