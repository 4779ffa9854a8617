"""The commands: `python -m experiments.NAME --help` explains each."""

import os
import signal
import sys


def _leave(*_: object) -> None:
    """Ends the process at once: no file is ever half written, and nothing is being computed."""
    os.write(2, b"\nInterrupted.\n")
    os._exit(130)


# A command is starting, whose imports take seconds. Python's own way to interrupt raises an exception
# anywhere, also where libraries ignore it. Training replaces this, see `lenet_jax.runs.interruption`.
if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, _leave)
