"""Widths that a parameter budget sets."""

import itertools
from fractions import Fraction

import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.matching import solve_maps, solve_width
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.models.counts import count_model
from lenet_jax.models.wiring import CONNECTIVITY
from tests.helpers.networks import GRID, cnn

LENET5, LOCALLY_CONNECTED = 61_706, 423_038


def resolved_with(connectivity, sharing, budget, **others):
    fields = {"connectivity": connectivity, "sharing": sharing, "parameter_budget": budget, **others}
    return resolve(override(default_config(), {f"model.{name}": value for name, value in fields.items()}))


def maps_of(resolved):
    return tuple(stage.maps for stage in resolved.model.stages)


def test_solved_widths_are_nearest():
    for budget in (805, 1_605, 4_382, 4_383, 99_999):
        distance = {h: abs((784 + 11) * h + 10 - budget) for h in range(1, 200)}
        assert distance[solve_width(784, budget)] == min(distance.values())
    with pytest.raises(UserError, match="parameter_budget=500 is met by no MLP on 784 inputs: the nearest"):
        solve_width(784, 500)


@pytest.mark.parametrize(
    ("connectivity", "sharing", "budget", "maps", "parameters"),
    [
        ("local", "shared", LENET5, (6, 16), LENET5),
        ("local", "unshared", LENET5, (2, 1), 60_002),
        ("local", "shared", LOCALLY_CONNECTED, (39, 104), 425_652),
        ("local", "unshared", LOCALLY_CONNECTED, (6, 16), LOCALLY_CONNECTED),
        ("random", "unshared", LOCALLY_CONNECTED, (6, 16), LOCALLY_CONNECTED),
        ("full", "shared", LOCALLY_CONNECTED, (21, 56), 431_211),
    ],
)
def test_lenet5_with_a_budget(connectivity, sharing, budget, maps, parameters):
    resolved = resolved_with(connectivity, sharing, budget)
    assert maps_of(resolved) == maps and resolved.counts.parameters == parameters
    assert abs(parameters / budget - 1) <= 0.03
    assert resolved.fields["model.maps"] == [6, 16] and resolved.fields["model.parameter_budget"] == budget


def test_a_budget_that_no_network_meets_is_refused_with_the_nearest():
    with pytest.raises(UserError) as refused:
        resolved_with("full", "unshared", LENET5)
    assert str(refused.value) == (
        "config.model.parameter_budget=61706 is met by no numbers of feature maps: the nearest network, with "
        "config.model.maps=1,1, has 837,434 parameters; give a budget near to that, or set it to 0."
    )


def test_a_network_that_is_not_within_3_percent_is_accepted_up_to_10_percent_if_it_is_the_nearest():
    """One map per stage, the smallest network, has 837,434 parameters."""
    for budget in (765_000, 810_000):
        assert maps_of(resolved_with("full", "unshared", budget)) == (1, 1)
    with pytest.raises(UserError, match="parameter_budget=750000 is met by no numbers"):
        resolved_with("full", "unshared", 750_000)


def test_a_network_meets_its_own_budget():
    """Whatever its layers are: the counts that the search computes with are those of the network."""
    for fields in (
        {"model.maps": (5, 13)},
        {"model.maps": (5, 13), "model.sharing": "unshared,shared", "model.connectivity": "full,random"},
        {"model.maps": (5, 13), "model.pooling": "trainable_sum,max", "model.bias": "unit"},
        {"model.maps": (5, 13), "model.sharing": "low_rank", "model.rank": (4,)},
        {
            "model.maps": (5, 13),
            "model.sharing": "blocks,low_rank",
            "model.block": (7, 0),
            "model.rank": (0, 2),
        },
        {"model.maps": (3,), "model.pooling": "none", "model.hidden": (), "model.stride": (2,)},
        {"model.maps": (2, 3, 20), "model.pooling": "average,average,none", "model.pad_before": (2, 0, 0)},
        {"model.maps": (2, 3), "model.output": "rbf", "model.hidden": (84,), "train.loss": "rbf"},
    ):
        resolved = resolve(override(default_config(), fields))
        budget = resolved.counts.parameters
        solved = resolve(override(default_config(), fields | {"model.parameter_budget": budget}))
        assert solved.model == resolved.model


def small_network(connectivity, sharing):
    """Two stages of 100 and 9 units per map on 12x12 images, then 4 hidden units."""
    return cnn((connectivity,) * 2, (sharing,) * 2, maps=(2, 3), kernel_size=3, hidden=(4,))


def small_count(connectivity, sharing, maps):
    """The parameters of the small network with other numbers of maps."""
    total = maps[-1] * 4 + 4 + 50
    for size, units, channels, count in zip((12, 5), (100, 9), (1, maps[0]), maps, strict=True):
        by_unit = (CONNECTIVITY[connectivity].taps(size, 3) * channels + 1) * count
        total += by_unit * (units if sharing == "unshared" else 1)
    return total


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_the_search_finds_the_best_of_all_numbers_of_maps(connectivity, sharing):
    """Compared with all of them, one by one."""
    counts = {
        maps: small_count(connectivity, sharing, maps) for maps in itertools.product(range(1, 60), repeat=2)
    }
    network = small_network(connectivity, sharing)
    assert counts[2, 3] == count_model(network, 12).parameters

    def rank(maps, budget):
        ratio = Fraction(maps[1], maps[0]) / Fraction(3, 2)
        return max(ratio, 1 / ratio), abs(counts[maps] - budget)

    for budget in (counts[1, 1], counts[2, 3] + 9, counts[3, 2] + 5, counts[5, 7], 3 * counts[2, 3]):
        near = [maps for maps, count in counts.items() if 100 * abs(count - budget) <= 3 * budget]
        best = min(near, key=lambda maps: rank(maps, budget))
        found = solve_maps(network, 12, 1, budget)
        assert rank(found, budget) == rank(best, budget)
