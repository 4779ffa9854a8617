"""Measures workloads in turns, each in a process of its own."""

import contextlib
import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.errors import UserError
from lenet_jax.training.jax_settings import THREADS


class Work(NamedTuple):
    """A workload by name, so that another process can make it.

    Attributes:
      function: "package.module:function"; the function returns the workload.
      arguments: its keyword arguments.
    """

    function: str
    arguments: Mapping[str, Any]

    def make(self) -> Callable[[], None]:
        """The workload, in this process."""
        module, function = self.function.split(":")
        return getattr(importlib.import_module(module), function)(**self.arguments)


class Measured(NamedTuple):
    """The seconds of each call, and the process's peak memory in MB."""

    seconds: list[float]
    peak_megabytes: float


class Worker:
    """A process that makes a workload, calls it once, and then whenever it is told to."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, connection = context.Pipe()
        self._process = context.Process(target=_serve, args=(connection, work))
        self._process.start()
        connection.close()

    def wait(self) -> float:
        """Seconds of the call in progress, once it has ended."""
        try:
            return self._connection.recv()
        except EOFError:
            raise UserError("A process of the benchmark ended early: what it printed is above.") from None

    def begin(self) -> None:
        """Starts a call."""
        self._connection.send("work")

    def end(self) -> float:
        """Ends the process; returns its peak memory in MB."""
        self._connection.send("end")
        return self.wait()

    def close(self) -> None:
        """Ends the process, whatever it does, as soon as it next waits."""
        self._connection.close()
        self._process.join()


def in_turns(works: Sequence[Work], repeats: int) -> list[Measured]:
    """Calls the workloads one after the other, `repeats` times, after a first call that isn't counted.

    Turns expose all workloads to the same load of the machine. Only one workload works at a time.
    """
    with contextlib.ExitStack() as stack:
        workers = []
        for work in works:
            workers.append(stack.enter_context(contextlib.closing(Worker(work))))
            workers[-1].wait()  # the next process starts when this one is ready
        seconds = [[] for _ in works]
        for _ in range(repeats):
            for times, worker in zip(seconds, workers, strict=True):
                worker.begin()
                times.append(worker.wait())
        return [Measured(times, worker.end()) for times, worker in zip(seconds, workers, strict=True)]


def side_by_side(works: Sequence[Work], threads: int) -> Callable[[], None]:
    """A workload that calls several at the same time, each in a process of its own with so many threads."""
    os.environ[THREADS] = str(threads)  # the processes inherit it
    workers = [Worker(work) for work in works]
    for worker in workers:
        worker.wait()

    def work() -> None:
        for worker in workers:
            worker.begin()
        for worker in workers:
            worker.wait()

    return work


def call_once(work: Work) -> Any:
    """Calls `work.function` in a process of its own and returns its result, itself a measurement."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work.make)


def _serve(connection: Any, work: Work) -> None:
    call = work.make()
    call()  # compiles, and warms up
    connection.send(0.0)
    with contextlib.suppress(EOFError):  # the process that measures has ended
        while connection.recv() == "work":
            started = time.perf_counter()
            call()
            connection.send(time.perf_counter() - started)
        connection.send(_peak_megabytes())


def _peak_megabytes() -> float:
    """Peak memory on the accelerator if this process uses one through JAX or PyTorch, else of the process."""
    if "jax" in sys.modules:
        stats = sys.modules["jax"].local_devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in stats:
            return stats["peak_bytes_in_use"] / 1e6
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        return sys.modules["torch"].cuda.max_memory_allocated() / 1e6
    with open("/proc/self/status", encoding="utf-8") as file:
        [peak] = [line.split()[1] for line in file if line.startswith("VmHWM")]
    return int(peak) / 1e3  # counted in KB
