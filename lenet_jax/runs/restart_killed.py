"""Runs a task of submitit's local executor, and runs it again if it is killed.

    python -m lenet_jax.runs.restart_killed TIMES WORD...

stands for `python WORD...`, which is started again at most TIMES times. submitit itself starts a local task
again when it asks for it, not when it is killed or crashes.
"""

import signal
import subprocess
import sys

# What kills a task: the out-of-memory killer, crashes, and an announcement of its end (SIGUSR2) that arrives
# before the task listens. SIGTERM and SIGINT ask it to end for good.
KILLED = (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGUSR2)
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


def main(times: int, words: list[str]) -> int:
    """Returns the exit status of the last try, as a shell reports it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # until there is a task to pass them on to
    for left in reversed(range(times + 1)):
        task = subprocess.Popen([sys.executable, *words], preexec_fn=_unblock)
        for number in PASSED_ON:
            signal.signal(number, lambda number, _, task=task: task.send_signal(number))
        _unblock()
        status = task.wait()
        if -status not in KILLED or not left:
            break
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
        how = signal.Signals(-status).name
        print(f"The task was killed ({how}) and starts again.", file=sys.stderr, flush=True)
    return status if status >= 0 else 128 - status


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
