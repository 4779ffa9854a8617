"""Sweeps of depth, width and kernel size: each arm changes one of them in LeNet-5."""

from configs import ablation, sizes
from lenet_jax.config.fields import override
from lenet_jax.runs.plan import list_runs

# Maps after each stage and its pooling; widths of dense layers; parameters, counted by hand.
EXPECTED = {
    "lenet5": ([28, 14, 10, 5], [120, 84, 10], 61_706),
    "stages_0": ([], [120, 84, 10], 784 * 120 + 120 + 121 * 84 + 85 * 10),
    "stages_1": ([28, 14], [120, 84, 10], 6 * 26 + 1176 * 120 + 120 + 121 * 84 + 85 * 10),
    "stages_3": (
        [28, 14, 10, 5, 3],
        [120, 84, 10],
        6 * 26 + 16 * 151 + 32 * (9 * 16 + 1) + 288 * 120 + 120 + 121 * 84 + 85 * 10,
    ),
    "hidden_0": ([28, 14, 10, 5], [10], 6 * 26 + 16 * 151 + 4010),
    "hidden_1": ([28, 14, 10, 5], [120, 10], 6 * 26 + 16 * 151 + 401 * 120 + 1210),
    "hidden_3": ([28, 14, 10, 5], [120, 84, 84, 10], 61_706 + 85 * 84),
    "maps_1_3": ([28, 14, 10, 5], [120, 84, 10], 26 + 3 * 26 + 76 * 120 + 121 * 84 + 850),
    "maps_3_8": ([28, 14, 10, 5], [120, 84, 10], 3 * 26 + 8 * 76 + 201 * 120 + 121 * 84 + 850),
    "maps_12_32": ([28, 14, 10, 5], [120, 84, 10], 12 * 26 + 32 * 301 + 801 * 120 + 121 * 84 + 850),
    "maps_24_64": ([28, 14, 10, 5], [120, 84, 10], 24 * 26 + 64 * 601 + 1601 * 120 + 121 * 84 + 850),
    "kernel_1": ([32, 16, 16, 8], [120, 84, 10], 6 * 2 + 16 * 7 + 1025 * 120 + 121 * 84 + 850),
    "kernel_3": ([30, 15, 13, 6], [120, 84, 10], 6 * 10 + 16 * 55 + 577 * 120 + 121 * 84 + 850),
    "kernel_7": ([26, 13, 7, 3], [120, 84, 10], 6 * 50 + 16 * 295 + 145 * 120 + 121 * 84 + 850),
}


def test_arms_have_these_sizes():
    config = override(sizes.get_config(), {"seeds": 1})
    found = {}
    for run in list_runs(config, sizes.get_arms(config)):
        shapes = [layer.output_shape for layer in run.resolved.counts.layers]
        maps = [shape[0] for shape in shapes if len(shape) == 3]
        widths = [shape[0] for shape in shapes if len(shape) == 1]
        found[run.arm] = maps, widths, run.resolved.counts.parameters
    assert found == EXPECTED


def test_lenet5_is_that_of_the_ablation():
    """So that both sweeps train the same network in the same way."""
    first, *_ = list_runs(sizes.get_config(), sizes.get_arms(sizes.get_config()))
    [other, *_] = list_runs(ablation.get_config(), ablation.get_arms(ablation.get_config()))
    assert first.resolved.fields == other.resolved.fields
