"""Runs a task of submitit's local executor, and runs it again if it is killed.

    python -m lenet_jax.runs.restart_killed TIMES WORD...

stands for `python WORD...`, which is started again at most TIMES times. submitit itself starts a local task
again when it asks for it, not when it is killed or crashes. A task ends with the process that watches it.
"""

import ctypes
import os
import signal
import subprocess
import sys

# What kills a task: the out-of-memory killer, crashes, and an announcement of its end (SIGUSR2) that arrives
# before the task listens. SIGTERM and SIGINT ask it to end for good.
KILLED = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGUSR2)
FOR_GOOD = (signal.SIGINT, signal.SIGTERM)
PASSED_ON = (*FOR_GOOD, signal.SIGUSR2)
PR_SET_PDEATHSIG = 1  # of Linux: a signal to this process when its parent dies


def main(times: int, words: list[str]) -> int:
    """Returns the exit status of the last try, as a shell reports it."""
    asked: list[int] = []
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # until there is a task to pass them on to
    _end_with(os.getppid(), signal.SIGTERM)  # submitit's controller, without which no signal would arrive
    watcher = os.getpid()

    def prepare() -> None:
        _end_with(watcher, signal.SIGKILL)
        _unblock()

    for left in reversed(range(times + 1)):
        task = subprocess.Popen([sys.executable, *words], preexec_fn=prepare)

        def pass_on(number: int, _: object, task: subprocess.Popen = task) -> None:
            if number in FOR_GOOD:
                asked.append(number)
            task.send_signal(number)

        for number in PASSED_ON:
            signal.signal(number, pass_on)
        _unblock()
        status = task.wait()
        if -status not in KILLED or not left or asked:
            break
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
        how = signal.Signals(-status).name
        print(f"The task was killed ({how}) and starts again.", file=sys.stderr, flush=True)
    return status if status >= 0 else 128 - status


def _end_with(parent: int, number: int) -> None:
    """Has this process get a signal when its parent dies, or now if that is another one already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
