"""A process of two that train together, in which a step fails.

    python -m tests.helpers.failing_step CAUSE DIRECTORY COORDINATOR PROCESS

In the second epoch, the device of process 0 fails. CAUSE says why: "loss", because process 1 is killed, or
"device". The process that trains imports this module as well, and with it what is changed here.
"""

import os
import pathlib
import signal
import sys

import jax

from lenet_jax.errors import UserError
from lenet_jax.runs import group, population
from lenet_jax.runs.group import Membership
from lenet_jax.runs.member import fill_in_group
from lenet_jax.runs.plan import Request
from tests.helpers import tiny_sweep

CAUSE, DIRECTORY, COORDINATOR, PROCESS = sys.argv[1:]

group.HEARTBEAT_SECONDS, group.NOTICE_SECONDS = 8, 16
train_epoch = population._train_epoch


def fail_in_the_second(prepared, state, epoch, log_compiled):
    if epoch == 2 and PROCESS == "0":
        raise jax.errors.JaxRuntimeError("INTERNAL: the device failed")
    if epoch == 2 and CAUSE == "loss":
        os.kill(os.getpid(), signal.SIGKILL)
    return train_epoch(prepared, state, epoch, log_compiled)


population._train_epoch = fail_in_the_second

if __name__ == "__main__":
    config = tiny_sweep.get_config()
    config.arms = "mlp_8"
    request = Request(config, tiny_sweep.get_arms(config), ["failing_step"], pathlib.Path(DIRECTORY))
    try:
        fill_in_group(request, None, Membership(COORDINATOR, 2, int(PROCESS)))
    except UserError as error:
        sys.exit(f"error: {error}")
