"""The finding: choices come from the records, planned contrasts from the protocol, and it runs in small."""

import json
import re
import subprocess

import pytest

from configs.finding import (
    choices,
    common,
    core,
    exploratory,
    families,
    secondary,
    sharing_studies,
    studies,
    tuned,
    variants,
)
from lenet_jax.config.arms import check_arms
from lenet_jax.config.fields import override
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.runs.mistakes import mistakes_of, scored_split
from lenet_jax.runs.plan import list_runs
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.tuning import candidate_arms, fields_at_edge, needed_candidates, select_candidates
from tests.helpers import folders
from tests.helpers.commands import PROJECT, run_command

RESULTS = PROJECT / "results" / "finding"
PROTOCOL = PROJECT / "docs" / "protocol.md"
CHOSEN = sorted(path.stem for path in tuned.FOLDER.glob("*.json"))
SWEEPS = sorted(path.parent for path in RESULTS.glob("*/config.json"))
SMALL = [
    "core.py:small", "pooling.py:small",
    *(f"secondary.py:{name}_small" for name in studies.STUDIES),
    *(f"exploratory.py:{name}_small" for name in sharing_studies.EXPLORATORY),
]  # fmt: skip
# How many arms of each study have candidates.
STUDY_CANDIDATES = {
    "decay": 4, "fit": 4, "stages": 6, "distance": 12, "wiring": 0, "permuted": 5, "start": 6, "matched": 7,
    "curves": 0, "plane": 32, "mixtures": 4, "translations": 3,
    "translations_fashion_mnist": 3, "lasso": 0,
}  # fmt: skip
SCORED = [folder for folder in SWEEPS if not folder.name.startswith("choices")]


@pytest.fixture
def all_chosen(monkeypatch):
    """Choices for families that have none yet: what the small variants run is not what was selected."""

    selected = tuned.chosen

    def chosen(study, family):
        try:
            return selected(study, family)
        except UserError:
            hidden = {"model.hidden": (30,)} if family == "mlp_best" else {}
            return {"train.learning_rate": 0.1, **hidden}

    for module in (tuned, families, variants):
        monkeypatch.setattr(module, "chosen", chosen)


@pytest.mark.parametrize("study", CHOSEN)
def test_what_is_chosen_is_best_on_validation_images_and_inside_its_grid(study):
    """If this fails, run experiments.tune again, as configs/finding/choices.py says."""
    _, runs = read_sweep(RESULTS / f"choices_{study}")
    results = [run["result"] for run in runs]
    assert {result["seed"] for result in results} == {900, 901}
    assert all(result["test_accuracy"] is None for result in results)
    all_families = choices.get_arms(choices.get_config(study), study)
    committed = json.loads((tuned.FOLDER / f"{study}.json").read_text())
    selected = select_candidates(all_families, results)
    assert committed == json.loads(json.dumps(selected))
    for family in all_families:
        if family.name in committed:
            assert fields_at_edge(family, committed[family.name]["candidate"]) == []


def arms_that_start_with_few(study):
    """The arms of a study of choices of which some candidates are trained first."""
    return [arm for arm in choices.get_arms(choices.get_config(study), study) if arm.first]


@pytest.mark.parametrize("study", [study for study in CHOSEN if arms_that_start_with_few(study)])
def test_starting_with_three_rates_selects_what_all_that_were_trained_select(study):
    """As docs/protocol.md says."""
    _, runs = read_sweep(RESULTS / f"choices_{study}")
    results = [run["result"] for run in runs]
    arms = arms_that_start_with_few(study)
    trained, needed = {}, needed_candidates(arms, [], (900, 901))
    while needed != trained:
        trained = needed
        names = {arm.name for arm in candidate_arms(arms, trained)}
        found = [result for result in results if result["arm"] in names]
        needed = needed_candidates(arms, found, (900, 901))
    committed = json.loads((tuned.FOLDER / f"{study}.json").read_text())
    selected = json.loads(json.dumps(select_candidates(arms, found)))
    assert selected and selected == {name: committed[name] for name in selected}


def test_the_arms_of_the_core_are_six_wirings_twice_and_two_mlps(all_chosen):
    config = core.get_config("mnist")
    arms = core.get_arms(config, "mnist")
    assert len(arms) == 14 and config.seeds == 20 and config.seed == 1000
    counts = {}
    for arm in arms:
        resolved = resolve(override(config, arm.overrides))
        counts[arm.name] = resolved.counts.parameters
        stages = [layer.output_shape for layer in resolved.counts.layers if len(layer.output_shape) == 3]
        if arm.name.startswith(tuple(common.WIRINGS)):
            assert (14, 14, 6) in stages and (5, 5, 16) in stages
    assert [counts[name] for name in ("local_shared", "local_unshared", "full_shared", "full_unshared")] == [
        61_706, 423_038, 84_116, 6_763_934,
    ]  # fmt: skip
    # Without pooling, 6 x 14 x 14 and 16 x 5 x 5 units of their own weights, and the classifier's 59,134.
    assert counts["local_shared_none"] == counts["random_shared_none"] == 61_706
    assert counts["local_unshared_none"] == counts["random_unshared_none"] == 1176 * 26 + 400 * 151 + 59_134
    assert counts["full_shared_none"] == 84_116
    assert counts["full_unshared_none"] == 1176 * 1025 + 400 * (6 * 196 + 1) + 59_134
    assert counts["mlp_matched"] == 62_020


def test_the_planned_contrasts_are_those_of_the_protocol():
    section = PROTOCOL.read_text().split("## Confirmatory contrasts")[1].split("##")[0]
    planned = core.get_planned_contrasts(core.get_config("mnist"), "mnist")
    assert [contrast.name for contrast in planned] == re.findall(r"^\d\. (.+)$", section, re.M)
    assert all(contrast.seeds == 20 for contrast in planned)
    assert planned[0].weights == {
        "local_shared": 0.5, "local_unshared": 0.5, "full_shared": -0.5, "full_unshared": -0.5
    }  # fmt: skip
    assert planned[3].weights == {
        "local_shared_none": 0.5, "local_unshared_none": -0.5, "full_shared_none": 0.5,
        "full_unshared_none": -0.5,
    }  # fmt: skip
    assert planned[-1].weights == {
        "local_shared": 1.0, "local_unshared": -1.0, "full_shared": -1.0, "full_unshared": 1.0
    }  # fmt: skip


def test_an_unknown_dataset_is_refused():
    with pytest.raises(UserError, match="no dataset 'svhn': name one of mnist, fashion_mnist, usps, small"):
        core.get_config("svhn")


def test_a_dataset_without_choices_is_refused_with_the_command_that_chooses(tmp_path, monkeypatch):
    monkeypatch.setattr(tuned, "FOLDER", tmp_path)
    with pytest.raises(
        UserError, match="usps.json has no choice for local_shared: run python -m experiments.tune"
    ):
        core.get_arms(core.get_config("usps"), "usps")
    with pytest.raises(UserError, match="no study 'svhn': name one of mnist, fashion_mnist, usps, small"):
        choices.get_config("svhn")


def git(*words):
    return subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True)


@pytest.fixture
def history():
    """Skips the test where this is not a git checkout with its whole history."""
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("not a git checkout with its history")


@pytest.mark.parametrize("folder", SCORED, ids=lambda folder: folder.name)
def test_the_protocol_was_committed_before_any_final_score_was_computed(folder, history):
    added = git("log", "--diff-filter=A", "--format=%H", "--", "docs/protocol.md").stdout.split()
    _, runs = read_sweep(folder)
    for revision in {run["provenance"]["revision"] for run in runs}:
        assert git("merge-base", "--is-ancestor", added[-1], revision).returncode == 0


def test_of_the_protocol_no_line_was_removed_since_the_first_final_score(history):
    revisions = {run["provenance"]["revision"] for folder in SCORED for run in read_sweep(folder)[1]}
    for revision in revisions:
        shown = git("show", f"{revision}:docs/protocol.md")
        assert shown.returncode == 0
        lines = iter(PROTOCOL.read_text().splitlines())
        assert all(line in lines for line in shown.stdout.splitlines())  # in their order


@pytest.mark.parametrize("folder", SCORED, ids=lambda folder: folder.name)
def test_final_runs_have_seeds_of_their_own_and_their_wrong_answers(folder):
    _, runs = read_sweep(folder)
    assert all(1000 <= run["seed"] < 1020 for run in runs)
    done = [run for run in runs if run["result"]["status"] == "done"]
    assert {scored_split(run) for run in done} == {"test"}
    assert mistakes_of(folder, done) is not None


@pytest.mark.parametrize("folder", [folder for folder in SCORED if folder.name.startswith("core_")])
def test_margins_were_planned_with_the_first_run(folder):
    header, _ = read_sweep(folder)
    margins = json.loads(core.MARGINS.read_text())
    [margin] = {contrast["margin"] for contrast in header["planned"][:-1]}
    assert margin == margins[header["config"]["dataset"]] > 0


@pytest.mark.parametrize("study", [*studies.STUDIES, *sharing_studies.EXPLORATORY])
def test_the_arms_of_a_study_can_be_run(study, all_chosen):
    file = secondary if study in studies.STUDIES else exploratory
    for name in (study, f"{study}_small"):
        config = file.get_config(name)
        runs = list_runs(config, check_arms(file.get_arms(config, name)))
        assert {run.seed for run in runs} == set(range(1000, 1000 + config.seeds))
    candidates = (
        check_arms(choices.get_arms(choices.get_config(study), study)) if STUDY_CANDIDATES[study] else []
    )
    assert len(candidates) == STUDY_CANDIDATES[study]
    if candidates:
        assert {run.seed for run in list_runs(choices.get_config(study), candidate_arms(candidates))} == {
            900,
            901,
        }


@pytest.mark.parametrize("study", [study for study, count in STUDY_CANDIDATES.items() if not count])
def test_a_study_that_selects_nothing_is_refused(study):
    with pytest.raises(UserError, match=f"The study {study} selects nothing"):
        choices.get_config(study)


@pytest.mark.parametrize(("study", "dataset"), choices.DROPOUTS.items())
def test_rates_with_dropout_may_be_lower_than_the_cores_candidates(study, dataset):
    config = choices.get_config(study)
    arms = check_arms(choices.get_arms(config, study))
    assert config.dataset == dataset and len(arms) == 9
    [best] = [arm for arm in families.families(dataset) if arm.name == "mlp_best"]
    for arm in arms:
        of_core = [name for name in best.candidates if name.startswith(f"{arm.name}_")]
        for name in of_core:
            fields = arm.overrides | arm.candidates[name.rpartition("_")[2]]
            assert fields == best.overrides | best.candidates[name]
        rates = [arm.candidates[name]["train.learning_rate"] for name in arm.first]
        assert len(of_core) > 2 and rates == [0.05, 0.1]


OF_SUBSETS = {
    secondary: ["curves"], exploratory: ["translations", "translations_fashion_mnist"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "study"), [(file, study) for file, found in OF_SUBSETS.items() for study in found]
)
def test_subsets_have_the_same_number_of_steps(file, study, all_chosen):
    for arm in file.get_arms(file.get_config(study), study):
        fields = arm.overrides
        images = fields["data.train_images"] or 60_000
        steps = fields["train.epochs"] * (images // fields["train.batch_size"])
        assert steps == studies.STEPS * (4 if arm.name.endswith("longer") else 1)


def test_the_plane_changes_the_first_stage_alone(all_chosen):
    """It has 28x28 units everywhere, and parameters by its definition; stage 3 and the classifier stay."""
    config = exploratory.get_config("plane")
    kernels = {1: 784, 14: 4, 7: 16, 4: 49, 2: 196}
    found = {}
    for arm in exploratory.get_arms(config, "plane"):
        counts = resolve(override(config, arm.overrides)).counts
        first, pool, third, *_ = counts.layers
        shapes = [layer.output_shape for layer in (first, pool, third)]
        assert shapes == [(28, 28, 6), (14, 14, 6), (10, 10, 16)]
        assert counts.parameters - first.parameters == 61_706 - 156
        found[tuple(arm.factors.values())] = first.parameters
    sides = {"the whole image": 32 * 32, **{f"{side}x{side}": side * side for side in (1, 3, 5, 7, 11)}}
    assert found == {
        (kernel, units): 6 * count * (taps + 1)
        for kernel, taps in sides.items()
        for units, count in {
            "all units": 1, "none": 784,
            **{f"{block}x{block} units": kernels[block] for block in (14, 7, 4, 2)},
        }.items()
    }  # fmt: skip


def test_an_unknown_study_is_refused():
    with pytest.raises(UserError, match="secondary.py has no study 'plane': name one of decay, fit, stages"):
        secondary.get_config("plane")
    with pytest.raises(UserError, match="exploratory.py has no study 'decay': name one of plane, mixtures"):
        exploratory.get_config("decay")


@pytest.mark.slow
@pytest.mark.parametrize("study", SMALL)
def test_each_study_runs_in_small(study, all_chosen, tmp_path):
    small = tmp_path / "small"
    ended = run_command("ablate", f"--config=configs/finding/{study}", f"--workdir={small}")
    assert ended.status == 0, ended.err
    rows = folders.rows(small / "results.csv")
    assert {(row["epochs"], row["status"]) for row in rows} == {("1", "done")}
    assert (small / "planned.csv").exists() == study.startswith("core")


@pytest.mark.slow
def test_choices_are_made_in_small(tmp_path):
    arguments = ("--config=configs/finding/choices.py:small", "--config.arms=local_shared,mlp_matched")
    ended = run_command("tune", *arguments, f"--workdir={tmp_path / 'small'}")
    assert ended.status == 0, ended.err
    assert set(json.loads((tmp_path / "small" / "selected.json").read_text())) == {
        "local_shared",
        "mlp_matched",
    }


@pytest.mark.parametrize(("file", "of_subsets"), OF_SUBSETS.items())
def test_studies_of_subsets_score_no_validation_images(file, of_subsets):
    for study in studies.STUDIES if file is secondary else sharing_studies.EXPLORATORY:
        is_without = file.get_config(study).data.validation_fraction == 0
        assert is_without == (study in of_subsets), study


def test_the_study_of_translations_is_the_same_on_both_datasets_but_for_what_was_chosen(all_chosen):
    names = ("translations", "translations_fashion_mnist")
    configs = [exploratory.get_config(name) for name in names]
    assert [config.dataset for config in configs] == ["mnist", "fashion_mnist"]
    of_mnist, of_fashion = (exploratory.get_arms(*pair) for pair in zip(configs, names, strict=True))
    assert [arm.name for arm in of_mnist] == [arm.name for arm in of_fashion]
    assert [arm.baselines for arm in of_mnist] == [arm.baselines for arm in of_fashion]
    for one, other in zip(of_mnist, of_fashion, strict=True):
        differ = {field for field, value in one.overrides.items() if other.overrides[field] != value}
        assert differ <= {"train.learning_rate"}
        if one.name.startswith(("shared", "unshared")):
            family = "local_shared" if one.name.startswith("shared") else "local_unshared"
            assert other.overrides.items() >= tuned.chosen("fashion_mnist", family).items()


def test_averaged_kernels_start_tied_and_adopt_what_is_selected_for_all_images_as_they_are(monkeypatch):
    rates = {f"{kind}_0_60000": rate for rate, kind in enumerate(("tied", "averaged_10", "averaged_100"), 1)}
    monkeypatch.setattr(variants, "chosen", lambda _, family: {"train.learning_rate": rates[family]})
    found = {arm.name: arm for arm in exploratory.get_arms(None, "translations")}
    started = [arm for name, arm in found.items() if not name.startswith(("shared", "unshared"))]
    assert len(started) == 18
    for arm in started:
        kind, shift, images = arm.name.rsplit("_", 2)
        assert arm.overrides["model.start"] == "tied"
        assert arm.overrides["train.learning_rate"] == rates[f"{kind}_0_60000"]
        assert arm.overrides.get("train.average_every") == (int(kind[9:]) if kind != "tied" else None)
        others = {f"shared_{shift}_{images}"} | ({f"tied_{shift}_{images}"} if kind != "tied" else set())
        assert set(arm.baselines.values()) == others


def test_matched_networks_of_the_core_have_its_rates(all_chosen):
    of_core = {arm.name: arm for arm in core.get_arms(core.get_config())}
    matched = {arm.name: arm for arm in studies.matched() if not arm.candidates}
    assert list(matched) == [
        "local_shared_small", "random_shared_small", "mlp_small", "local_unshared_large",
        "random_unshared_large",
    ]  # fmt: skip
    for name, arm in matched.items():
        family = "mlp_matched" if name == "mlp_small" else name.rpartition("_")[0]
        one, other = (resolve(override(core.get_config(), arms.overrides)) for arms in (arm, of_core[family]))
        assert one.model == other.model, name
        assert one.config.train == other.config.train, name


def test_the_plane_adopts_the_rates_of_networks_that_it_repeats(all_chosen):
    of_plane = {arm.name: arm for arm in exploratory.get_arms(exploratory.get_config("plane"), "plane")}
    of_stages = {arm.name: arm for arm in secondary.get_arms(secondary.get_config("stages"), "stages")}
    for name, (_, family) in sharing_studies.ADOPTED["plane"].items():
        one, other = (
            resolve(override(secondary.get_config("stages"), arms.overrides))
            for arms in (of_plane[name], of_stages[family])
        )
        assert one.model == other.model, name
        assert one.config.train == other.config.train, name
