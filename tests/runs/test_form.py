"""All runs of a folder are computed by one form, the native kernel or products, and its record names it."""

import numpy as np
import pytest

import lenet_jax
from lenet_jax.native import form, library
from lenet_jax.native.library import Unavailable
from lenet_jax.runs.header import UNKNOWN
from lenet_jax.runs.run import prepare
from lenet_jax.runs.store import read_sweep
from tests.helpers import folders
from tests.helpers.commands import TINY, run_command

pytestmark = pytest.mark.skipif(library.find_compiler() is None, reason="there is no C++ compiler")

ONE_ARM = ("--config.arms=local_shared", "--config.seeds=1")


@pytest.fixture(autouse=True)
def one_figure(one_format):
    pass


@pytest.fixture
def without_kernel(monkeypatch):
    monkeypatch.setattr(library, "load", lambda: Unavailable("there is no C++ compiler"))


def forms_of(directory):
    return {run["provenance"].get("form") for run in read_sweep(directory)[1]}


def ablate(directory, *arguments):
    return run_command("ablate", TINY, f"--workdir={directory}", *arguments)


def test_the_native_kernel_computes_where_there_is_one(tmp_path):
    assert ablate(tmp_path, *ONE_ARM).status == 0
    assert forms_of(tmp_path) == {form.NATIVE}


def test_products_compute_without_a_compiler(tmp_path, without_kernel):
    assert ablate(tmp_path, *ONE_ARM).status == 0
    assert forms_of(tmp_path) == {form.PRODUCTS}


def test_a_folder_that_was_begun_with_products_goes_on_with_them(tmp_path, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(library, "load", lambda: Unavailable("there is no C++ compiler"))
        assert ablate(tmp_path, *ONE_ARM).status == 0
    assert ablate(tmp_path, ONE_ARM[0], "--config.seeds=2").status == 0
    assert forms_of(tmp_path) == {form.PRODUCTS}


def test_a_folder_that_was_begun_with_the_kernel_is_refused_without_it(tmp_path, monkeypatch):
    assert ablate(tmp_path, *ONE_ARM).status == 0
    before = folders.contents(tmp_path)
    monkeypatch.setattr(library, "load", lambda: Unavailable("there is no C++ compiler"))
    ended = ablate(tmp_path, ONE_ARM[0], "--config.seeds=2")
    assert ended.status == 1 and ended.err.count("\n") == 1
    assert all(words in ended.err for words in ("native kernel", "there is no C++ compiler", str(tmp_path)))
    assert folders.contents(tmp_path) == before
    assert ablate(tmp_path, *ONE_ARM).status == 0  # nothing is to be computed


def test_runs_recorded_before_there_was_a_kernel_were_computed_by_products():
    from lenet_jax.runs.provenance import check_settings, recorded_form

    assert recorded_form({"python": "3.11"}) == form.PRODUCTS
    for lost in ({}, UNKNOWN):
        assert recorded_form(lost) is None
        check_settings("DIR", lost, {"form": form.NATIVE, "devices": 2})
    with pytest.raises(lenet_jax.UserError, match="LENET_JAX_NATIVE=0"):
        check_settings("DIR", {"python": "3.11"}, {"form": form.NATIVE})
    check_settings("DIR", {"python": "3.11"}, {"form": form.PRODUCTS})


def test_a_form_is_in_use_as_long_as_it_is_said():
    with form.using(form.PRODUCTS):
        assert form.current() == form.PRODUCTS and form.why_products()
    assert form.current() == form.NATIVE and form.why_products() == ""


def test_a_trained_run_answers_by_the_form_that_computed_it(tmp_path, monkeypatch):
    """Its answers are the recorded ones to the last bit, also those of runs that products computed."""
    config = lenet_jax.override(lenet_jax.default_config(), {
        "dataset": "digits", "data.image_size": 16, "data.box": 16, "model.kernel_size": (3,),
        "train.epochs": 1, "train.batch_size": 431,
    })  # fmt: skip
    of = {}
    for name in (form.NATIVE, form.PRODUCTS):
        with form.using(name):
            of[name] = lenet_jax.train(config)
    for name, run in of.items():
        test = run.splits().test
        *_, second, best = np.sort(run.predict(test.images)).T
        np.testing.assert_array_equal(best - second, run.answers["test"].margins)
        assert run._form == name
    assert (of[form.NATIVE].answers["test"].margins != of[form.PRODUCTS].answers["test"].margins).any()
    assert not of[form.NATIVE].model.native  # which anyone can apply, anywhere


def test_programs_name_the_form():
    def models(name):
        """The network in both forms, its classifier last."""
        fields = {"dataset": "digits", "model.name": name}
        resolved = lenet_jax.resolve(lenet_jax.override(lenet_jax.default_config(), fields))
        with form.using(form.PRODUCTS):
            by_products = prepare(resolved).program.model
        return by_products, prepare(resolved).program.model

    for by_products, native in (models("cnn"), models("mlp")):
        assert (by_products.native, native.native) == (False, True)
    by_products, native = models("cnn")
    assert (by_products.classifier.native, native.classifier.native) == (False, True)
