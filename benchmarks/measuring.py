"""Measures workloads in turns, each in a process of its own."""

import importlib
import multiprocessing
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from lenet_jax.errors import UserError


class Work(NamedTuple):
    """A workload by name, so that another process can make it.

    Attributes:
      function: "package.module:function"; the function returns the workload.
      arguments: its keyword arguments.
    """

    function: str
    arguments: Mapping[str, Any]


class Measured(NamedTuple):
    """The seconds of each call, and the process's peak memory in MB."""

    seconds: list[float]
    peak_megabytes: float


def in_turns(works: list[Work], repeats: int) -> list[Measured]:
    """Calls the workloads one after the other, `repeats` times, after a first call that isn't counted.

    Turns expose all workloads to the same load of the machine. Only one process works at a time.
    """
    context = multiprocessing.get_context("spawn")
    workers = []
    for work in works:
        connection, worker_connection = context.Pipe()
        process = context.Process(target=_serve, args=(worker_connection, work), daemon=True)
        process.start()
        worker_connection.close()
        workers.append((process, connection))
        _answer(connection)  # the next process starts when this one is ready
    seconds = [[] for _ in works]
    for _ in range(repeats):
        for times, (_, connection) in zip(seconds, workers, strict=True):
            connection.send("work")
            times.append(_answer(connection))
    measured = []
    for times, (process, connection) in zip(seconds, workers, strict=True):
        connection.send("end")
        measured.append(Measured(times, _answer(connection)))
        process.join()
    return measured


def _answer(connection: Connection) -> Any:
    try:
        return connection.recv()
    except EOFError:
        raise UserError("A process of the benchmark ended early: what it printed is above.") from None


def call_once(work: Work) -> Any:
    """Calls `work.function` in a process of its own and returns its result, itself a measurement."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_make, (work,))


def _make(work: Work) -> Any:
    module, function = work.function.split(":")
    return getattr(importlib.import_module(module), function)(**work.arguments)


def _serve(connection: Connection, work: Work) -> None:
    call = _make(work)
    call()  # compiles, and warms up
    connection.send("ready")
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
