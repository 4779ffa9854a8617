"""Every file in configs/history: that its arms can be run, and some of them run in small."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs.history import common, tuned
from configs.history.families import CURVATURE_FAMILIES, ERAS
from lenet_jax.analysis.summaries import RATES
from lenet_jax.config.fields import override
from lenet_jax.config.identity import flatten
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.runs.population import train_runs
from lenet_jax.runs.result import result_of
from lenet_jax.runs.run import Run, prepare
from lenet_jax.training.objective import Objective
from tests.helpers.commands import PROJECT, config_files, load_config, run_command
from tests.helpers.hyperparameters import one_run

HISTORY = PROJECT / "configs" / "history"
ARGUMENTS = {
    "figure9": ("1998", "today"),
    "choices": ("1989", "damping", "nets", "1998", "curvature", "mlps", "today", "later"),
    "alternatives": ("loss", "nets", "rates", "curvature", "subsampling"),
}
CONFIGS = [
    f"{path.stem}:{argument}" if argument else path.stem
    for path in config_files("history/*.py")
    for argument in ARGUMENTS.get(path.stem, ("",))
]


@pytest.fixture(autouse=True)
def all_chosen(monkeypatch):
    """A choice for families that have none yet, as they are still to be tuned: their first candidate."""
    selected = tuned.chosen
    candidates = {family.name: family.candidates for families in ERAS.values() for family in families}

    def chosen(family):
        try:
            return selected(family)
        except UserError:
            return next(iter(candidates[family].values()))

    monkeypatch.setattr(tuned, "chosen", chosen)


def load(name):
    """The config of FILE or FILE:ARGUMENT, and its arms; no arms for the config of a single run."""
    stem, _, argument = name.partition(":")
    module = load_config(HISTORY / f"{stem}.py")
    arguments = [argument] if argument else []
    config = module.get_config(*arguments)
    return config, module.get_arms(config, *arguments) if hasattr(module, "get_arms") else []


def runs_of(name):
    """Run -> config, of the first seed: one run per arm, or per candidate of an arm."""
    config, arms = load(name)
    if not arms:
        return {name: config}
    runs = {}
    for arm in arms:
        candidates = {f"{arm.name}-{candidate}": fields for candidate, fields in arm.candidates.items()}
        for run, fields in (candidates or {arm.name: {}}).items():
            runs[run] = override(config, {**arm.overrides, **fields})
    return runs


@pytest.mark.parametrize("name", CONFIGS)
def test_every_arm_can_be_run(name):
    for run, config in runs_of(name).items():
        resolved = resolve(config)
        assert config.dataset == ("mnist" if resolved.config.data.image_size > 16 else "usps"), run
        resolved.make_program({"train": 7_291, "validation": 729, "test": 2_007})


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "lenet5"])
def test_baselines_name_arms_and_all_arms_have_labels(name):
    _, arms = load(name)
    names = [arm.name for arm in arms]
    assert len(set(names)) == len(names)
    contrasts = [contrast for arm in arms for contrast in arm.baselines]
    assert len(set(contrasts)) == len(contrasts)
    for arm in arms:
        assert set(arm.baselines.values()) <= set(names) - {arm.name}
        assert arm.candidates if name.startswith("choices") else arm.label


def test_what_the_papers_compare():
    """The contrasts, with the arm and its baseline, that the pages rely on."""
    pairs = {
        name: {contrast: (arm.name, it) for arm in load(name)[1] for contrast, it in arm.baselines.items()}
        for name in (
            "figure9:1998",
            "figure9:today",
            "nets_1989",
            "zipcode",
            "lenet5_later",
            "alternatives:loss",
            "alternatives:curvature",
            "alternatives:subsampling",
        )
    }
    distorted = {
        f"distorted images, {network}": (f"{network}_dist", network)
        for network in ("lenet5", "mlp_300", "mlp_1000", "mlp_300_100", "mlp_500_150")
    }
    for protocol in ("1998", "today"):
        assert distorted.items() <= pairs[f"figure9:{protocol}"].items()
    assert pairs["figure9:1998"]["LeNet-5 against LeNet-1"] == ("lenet5", "lenet1")
    assert pairs["figure9:today"]["LeNet-5, distorted images, half as far"] == (
        "lenet5_dist_half",
        "lenet5_dist",
    )
    for suffix in ("", "_positions", "_moved"):
        steps = [(f"net{i + 1}{suffix}", f"net{i}{suffix}") for i in range(1, 5)]
        assert {f"{arm} against {baseline}": (arm, baseline) for arm, baseline in steps}.items() <= (
            pairs["nets_1989"].items()
        )
    assert pairs["zipcode"]["diagonal Newton against SGD"] == ("zipcode_lm", "zipcode_sgd")
    assert pairs["lenet5_later"]["all steps together"] == ("adam", "original")
    loss, subsampling = pairs["alternatives:loss"], pairs["alternatives:subsampling"]
    assert loss["half the sum, not the mean"] == ("zipcode_half_sum_untuned", "zipcode_lm")
    assert loss["local, shared kernels against full, rate and damping chosen together"] == (
        "zipcode_damping",
        "control_damping",
    )
    assert subsampling["curvature of distorted images"] == ("lenet5_dist_curvature", "lenet5_dist")
    curvature = pairs["alternatives:curvature"]
    assert curvature["eq. 8 and a damping of 0.02"] == ("lenet5_eq8_0.02", "lenet5")
    compared = {arm for arm, baseline in curvature.values()}
    others = {"lenet5_eq8_0.02", "lenet5_first_epoch_0.02_start"}
    assert {*compared, "lenet5_each_epoch_1"} == {*CURVATURE_FAMILIES, *others}


def test_alternatives_differ_from_their_baseline_in_what_they_are_called_for():
    """Or in this and in what was chosen for both: rate and damping, or initial weights and j."""
    first = CURVATURE_FAMILIES["lenet5_each_epoch_1"]
    chosen = {
        "zipcode_damping": {"train.learning_rate", "train.damping"},
        **{name: {"model.initialisation", "train.rbf_j"} for name in CURVATURE_FAMILIES},
    }
    changes = {
        "zipcode_half_sum_untuned": {"train.loss_scale"},
        "zipcode_damping": set(),
        "output_bias": {"model.output_bias"},
        "output_bias_damping": {"model.output_bias"},
        **{
            name: {field for field in fields if fields[field] != first[field]}
            for name, fields in CURVATURE_FAMILIES.items()
        },
        "lenet5_eq8_0.02": {"train.loss", "train.damping"},
        "lenet5_first_epoch_0.02_start": {"model.pooling_coefficient"},
        "coefficient_of_sum": {"train.curvature"},
        **{f"coefficient_{start}": {"model.pooling_coefficient"} for start in ("0.25", "1")},
        "lenet5_dist": {"distortion.probability"},
        "lenet5_dist_curvature": {"train.curvature_distorted"},
    }
    for study in ARGUMENTS["alternatives"]:
        if study == "nets":
            continue  # the networks of this study are compared with each other
        configs = {name: flatten(config) for name, config in runs_of(f"alternatives:{study}").items()}
        for arm in load(f"alternatives:{study}")[1]:
            for baseline in arm.baselines.values():
                if baseline.startswith("control"):
                    continue
                one, other = configs[arm.name], configs[baseline]
                different = {field for field in one if one[field] != other[field]}
                assert different - chosen.get(arm.name, set()) == changes[arm.name], arm.name


def test_the_nets_of_the_alternatives_differ_in_their_rate_alone():
    slower, ours = (
        {name: flatten(config) for name, config in runs_of(sweep).items()}
        for sweep in ("alternatives:nets", "nets_1989")
    )
    for net in common.NETS:
        one, other = slower[f"{net}_positions_slower"], ours[f"{net}_positions"]
        assert {field for field in one if one[field] != other[field]} == {"train.learning_rate"}
        assert one["train.learning_rate"] == ours[net]["train.learning_rate"]


def test_half_the_sum_over_the_ten_outputs_is_five_times_the_mean():
    outputs, labels = jnp.array(np.random.default_rng(0).standard_normal((4, 10))), jnp.arange(4)
    mean = Objective("squared_error").losses(outputs, labels, one_run())
    targets = 2 * np.eye(10)[:4] - 1
    half_sum = ((np.asarray(outputs) - targets) ** 2).sum(1) / 2
    np.testing.assert_allclose(common.HALF_SUM["train.loss_scale"] * mean, half_sum, rtol=1e-5)


@pytest.mark.parametrize(("stem", "known"), ARGUMENTS.items())
def test_an_unknown_argument_is_refused(stem, known):
    module = load_config(HISTORY / f"{stem}.py")
    for load_with in (module.get_config, lambda argument: module.get_arms(None, argument)):
        with pytest.raises(UserError, match=rf"{stem}\.py has no .* '1812': name one of {', '.join(known)},"):
            load_with("1812")


# An arm for each way of training: what else they do is the same.
TRAINED = [
    ("zipcode", "exact_curvature"),
    ("zipcode_later", "dropout"),
    ("nets_1989", "net4_moved"),
    ("figure9:1998", "lenet5_dist"),
    ("lenet5_later", "max"),
    ("alternatives:loss", "zipcode_half_sum_untuned"),
    ("alternatives:loss", "output_bias_damping"),
    ("alternatives:rates", "root_fan_in_average_weight"),
    ("alternatives:curvature", "lenet5_maximum_0.02"),
    ("alternatives:subsampling", "coefficient_of_sum"),
    ("alternatives:subsampling", "lenet5_dist_curvature"),
]


@pytest.mark.parametrize(("name", "arm"), TRAINED)
def test_arms_run_in_small(name, arm):
    """One epoch on a few of the embedded digits, by the arm's own optimizer, loss and order."""
    config = override(
        runs_of(name)[arm],
        {
            "dataset": "digits",
            "data.draw": (30, 20, 20),
            "data.validation_fraction": 0.0,
            "data.box": 12,
            "train.epochs": 1,
            "train.batch_size": min(runs_of(name)[arm].train.batch_size, 10),
            "train.curvature_images": 20,
        },
    )
    run = Run(arm, resolve(config))
    [attempt] = train_runs([run], prepare(run.resolved), lambda *_: None)
    result = result_of(run, attempt)
    assert result["status"] == "done" and result["train_loss"] > 0
    rates = [result[name] for name in RATES if name in result]
    if config.train.optimizer == "levenberg_marquardt":
        train = config.train
        largest_possible = 1.001 * train.loss_scale * train.learning_rate / train.damping
        assert 0 < rates[0] <= rates[1] <= rates[2] <= largest_possible and rates[0] < rates[2]
    else:
        assert not rates


def test_the_bitmaps_are_drawn(tmp_path):
    ended = run_command("bitmaps", f"--config={HISTORY / 'lenet5.py'}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 0, ended.err
    assert (tmp_path / "new" / "bitmaps.png").read_bytes().startswith(b"\x89PNG")


def test_other_outputs_have_no_bitmaps(tmp_path):
    ended = run_command("bitmaps", f"--config={PROJECT / 'configs' / 'lenet5.py'}", f"--workdir={tmp_path}")
    assert ended.status == 1 and "config.model.output=logits has no bitmaps" in ended.err


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    ended = run_command("bitmaps", f"--config={HISTORY / 'lenet5.py'}", f"--workdir={tmp_path / 'file'}")
    assert ended.status == 1 and "cannot be written (File exists)" in ended.err


NETS = f"--config={HISTORY / 'nets_1989.py'}"


def test_summary_shows_the_arms_of_a_sweep_that_are_named():
    ended = run_command("summary", NETS, "--config.arms=net1,net4")
    assert ended.status == 0, ended.err
    net1, net4 = ended.out.split("net4")
    assert net1.startswith("net1\n") and "2,570" in net1 and net1.rstrip().endswith("1 layer has weights.")
    assert "1,132" in net4 and "2,266" in net4
    unknown = run_command("summary", NETS, "--config.arms=net9")
    assert unknown.status == 1 and "config.arms names net9: choose from net1, " in unknown.err


@pytest.mark.parametrize("command", ["summary", "ablate"])
def test_a_field_that_all_arms_set_themselves_is_refused(command, tmp_path):
    workdir = [] if command == "summary" else [f"--workdir={tmp_path / 'sweep'}"]
    ended = run_command(command, NETS, "--config.arms=net1,net5", "--config.train.epochs=3", *workdir)
    assert ended.status == 1
    assert ended.err.startswith(
        "error: --config.train.epochs has no effect: each of the arms sets train.epochs"
    )
    assert not (tmp_path / "sweep").exists()
