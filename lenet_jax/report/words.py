"""Arms and networks in words, for tables, notes and figures."""

import collections
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.analysis.sample_sizes import CONVOLUTION
from lenet_jax.config.allowed import per_stage
from lenet_jax.config.description import LEARNING_RATE
from lenet_jax.config.fields import default_config
from lenet_jax.config.identity import to_record
from lenet_jax.report.captions import protocols
from lenet_jax.runs.header import Header, Record

Fields = Mapping[str, Mapping[str, Any]]  # arm -> its flattened config
IS_LENET5 = " (LeNet-5)"
LENET5 = {field: value for field, value in to_record(default_config()).items() if field.startswith("model.")}


def arm_words(header: Header, fields: Fields, phrases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Arm -> what it is, in words that no other arm of the folder has: "local, shared (LeNet-5)".

    These are its label, or else its network, its group and, if other arms have the same, what differs in
    their training, but not the learning rate where it is not needed. Arms that cannot be told apart in this
    way have their names, and so have the candidates of `experiments.tune`, whose names say what is varied.

    Args:
      phrases: arm -> how it was trained, of `lenet_jax.report.captions.protocols`.
    """
    if header["kind"] == "tuning":
        return {arm: arm for arm in fields}
    recorded = {arm["name"]: arm for arm in header["arms"]}
    labels = {arm: recorded.get(arm, {}).get("label", "") for arm in fields}
    groups = {arm: recorded.get(arm, {}).get("group", "") for arm in fields}
    has_groups = len({*groups.values()} - {""}) > 1
    words = {
        arm: labels[arm] or network_words(config, groups[arm] if has_groups else "")
        for arm, config in fields.items()
    }
    alike: dict[str, list[str]] = collections.defaultdict(list)
    for arm, its_words in words.items():
        alike[its_words.removesuffix(IS_LENET5)].append(arm)
    for arms in alike.values():
        own = _differing({arm: phrases[arm] for arm in arms})
        words |= {arm: ", ".join([words[arm], *own[arm]]) for arm in arms}
    bare = {arm: its_words.removesuffix(IS_LENET5) for arm, its_words in words.items()}
    counted = collections.Counter(bare.values())
    return {arm: its_words if counted[bare[arm]] == 1 else arm for arm, its_words in words.items()}


def words_of_runs(header: Header, runs: Sequence[Record]) -> dict[str, str]:
    """`arm_words` of the arms that have runs, as `lenet_jax.runs.store.read_sweep` returns both."""
    return arm_words(header, {run["arm"]: run["config"] for run in runs}, protocols(runs))


def network_words(fields: Mapping[str, Any], group: str = "") -> str:
    """A network by its flattened config: "random, unshared", "MLP 300-100".

    Args:
      group: what it has in common with some others, in words.
    """
    common = f", {group}" if group else ""
    if fields["model.name"] == "cnn":
        is_lenet5 = LENET5.items() <= fields.items()
        connectivity = fields["model.connectivity"].replace(",", " then ")
        wiring = f"{connectivity}{_distance(fields)}, {_sharing(fields)}{_edges(fields)}"
        pooling = _pooling(fields)
        of_both = common if common == pooling else f"{pooling}{common}"
        return f"{wiring}{_other_sizes(fields)}{_activation(fields)}{of_both}{IS_LENET5 if is_lenet5 else ''}"
    if fields["model.hidden"]:
        return f"MLP {_joined(fields['model.hidden'])}{common}"
    if budget := fields["model.parameter_budget"]:
        return f"MLP matched to {budget:,} parameters{common}"
    return f"linear classifier{common}"


def _distance(fields: Mapping[str, Any]) -> str:
    """How far random taps may be: " within 2", " within 6 then within 5", " within 2 then anywhere"."""
    connectivity = _of_stages(fields, per_stage(fields["model.connectivity"]))
    radii = _of_stages(fields, fields.get("model.radius", [0]))
    of_random = [
        f"within {radius}" if radius else "anywhere"
        for name, radius in zip(connectivity, radii, strict=True)
        if name == "random"
    ]
    distances = list(dict.fromkeys(of_random))
    return f" {' then '.join(distances)}" if any(radii) and of_random else ""


def _edges(fields: Mapping[str, Any]) -> str:
    """ ", padded" if units read padding beyond an edge where they could read the other side."""
    return ", padded" if "pad" in per_stage(fields["model.edges"]) else ""


def _pooling(fields: Mapping[str, Any]) -> str:
    """What follows stages, where it is not LeNet-5's average pooling: ", max pooling", ", no pooling"."""
    poolings = dict.fromkeys(per_stage(fields["model.pooling"]))
    if list(poolings) == [LENET5["model.pooling"]]:
        return ""
    words = ("no" if name == "none" else name.replace("_", " ") for name in poolings)
    return f", {' then '.join(words)} pooling"


def _activation(fields: Mapping[str, Any]) -> str:
    """ ", relu" if it is not LeNet-5's."""
    activation = fields["model.activation"]
    return "" if activation == LENET5["model.activation"] else f", {activation.replace('_', ' ')}"


def _of_stages(fields: Mapping[str, Any], values: Sequence[Any]) -> list[Any]:
    """One value for each stage, of one or of as many as there are stages."""
    return list(itertools.islice(itertools.cycle(values), len(fields["model.maps"])))


def _other_sizes(fields: Mapping[str, Any]) -> str:
    """The sizes that are not LeNet-5's: ", maps 12-32, kernels 7x7, no hidden layer"."""
    maps, kernels, hidden = (fields[f"model.{size}"] for size in ("maps", "kernel_size", "hidden"))
    stages = f"{len(maps)} stage{'s' * (len(maps) != 1)} with " * (len(maps) != len(LENET5["model.maps"]))
    words = {
        "model.maps": f"{stages}maps {_joined(maps)}",
        "model.kernel_size": f"kernels {' and '.join(f'{side}x{side}' for side in dict.fromkeys(kernels))}",
        "model.hidden": f"hidden {_joined(hidden)}" if hidden else "no hidden layer",
    }
    others = [its for field, its in words.items() if list(fields[field]) != list(LENET5[field])]
    if budget := fields.get("model.parameter_budget"):
        others.append(f"matched to {budget:,} parameters")
    return "".join(f", {its}" for its in others)


def _joined(sizes: Sequence[int]) -> str:
    return "-".join(map(str, sizes))


def _sharing(fields: Mapping[str, Any]) -> str:
    """How the stages share weights: "unshared", "blocks of 7x7 then shared"."""
    sharings = _of_stages(fields, per_stage(fields["model.sharing"]))
    sizes = zip(
        *(itertools.cycle(fields.get(f"model.{size}", [0])) for size in ("block", "rank")), strict=False
    )
    words = [
        {"blocks": f"blocks of {block}x{block}", "low_rank": f"rank {rank}"}.get(sharing, sharing)
        for sharing, (block, rank) in zip(sharings, sizes, strict=False)
    ]
    return " then ".join(words if len(set(words)) > 1 else words[:1])


def with_words(text: str, words: Mapping[str, str]) -> str:
    """The text with words in place of the names of arms: "convolution against MLP 300" of `mlp_best`.

    Args:
      words: arm -> what it is, in words.
    """
    return re.sub(r"\w+", lambda name: words.get(name[0], name[0]), text)


def convolution_among(fields: Fields) -> str | None:
    """The first arm that is LeNet-5, or else that is local and shared in all stages; None without one."""
    are = (LENET5, CONVOLUTION)
    found = (arm for its in are for arm, config in fields.items() if its.items() <= config.items())
    return next(found, None)


def _differing(phrases: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Arm -> its phrases that not all arms have.

    Learning rates of one schedule are left out if the other phrases tell all arms apart.
    """
    shared = set.intersection(*map(set, phrases.values()))
    own = {arm: [phrase for phrase in its if phrase not in shared] for arm, its in phrases.items()}
    rates = {phrase for its in own.values() for phrase in its if phrase.startswith(LEARNING_RATE)}
    others = {arm: [phrase for phrase in its if phrase not in rates] for arm, its in own.items()}
    is_told_apart = len(set(map(tuple, others.values()))) == len(others)
    has_one_schedule = len({rate.partition(" (")[2] for rate in rates}) <= 1
    return others if is_told_apart and has_one_schedule else own
