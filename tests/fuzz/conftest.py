"""The settings of property tests: the same examples in each run, without files of their own."""

import os

from hypothesis import HealthCheck, configuration, settings

from tests.conftest import CACHE

configuration.set_hypothesis_home_dir(os.environ[CACHE])  # tables of Unicode, which it would leave behind
settings.register_profile(
    "reproducible",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),  # reading, training and compiling take their time
)
settings.load_profile("reproducible")
