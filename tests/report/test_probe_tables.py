"""Tables of probes."""

import pytest

from lenet_jax.analysis.stats import Interval
from lenet_jax.analysis.summaries import columns_of
from lenet_jax.probes.disturbances import Shift
from lenet_jax.probes.probe import TRAINED, UNTRAINED
from lenet_jax.report import columns
from lenet_jax.report.probe_tables import to_markdown


def rows_of(settings, kinds):
    return [
        {
            "arm": "net", "weights": weights, "at": at, "seeds": 2, "covers_images": False,
            **columns_of("value", Interval(0.1, 0.0, 0.2), 100),
        }
        for weights in kinds for at in range(settings)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "room"), [([TRAINED], columns.MOST - 1), ([UNTRAINED, TRAINED], columns.MOST - 2)]
)
def test_settings_that_have_no_column_are_said_to_be_in_the_file(kinds, room):
    for settings in (room, room + 1):
        text = to_markdown(Shift(), rows_of(settings, kinds), [], {"net": "a network"})
        heading = text.splitlines()[2]
        assert heading.count("|") - 1 == columns.MOST and f" {settings - 1} " in heading
        assert ("All settings are in `probes.csv`." in text) == (settings > room)
