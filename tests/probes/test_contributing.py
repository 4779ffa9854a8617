"""The probe that CONTRIBUTING.md adds."""

import textwrap

import numpy as np

from lenet_jax.config.fields import default_config, override
from lenet_jax.probes import images
from lenet_jax.runs.single import train
from tests.helpers.commands import PROJECT

SMALL = {
    "dataset": "digits", "model.name": "mlp", "model.hidden": (4,), "train.epochs": 1,
    "train.batch_size": 431,
}  # fmt: skip


def test_the_example_measures_a_run():
    page = (PROJECT / "CONTRIBUTING.md").read_text().split("## Add a probe")[1]
    code = textwrap.dedent(page.split("```python\n")[1].split("```")[0].rstrip(" "))
    names: dict = {}
    exec(code, names)
    run = train(override(default_config(), SMALL))
    margin = names["Margin"](images=360)
    before, after = margin.measure(run, images.Images())
    assert (before.weights, after.weights) == ("untrained", "trained")
    np.testing.assert_allclose(after.value, run.answers["test"].margins.mean(), rtol=1e-4)
    assert not margin.lacks(run) and margin.about.page == "margin" and margin.settings == {"images": 360}
