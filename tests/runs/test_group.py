"""What processes that train together exchange, and what they refuse; `test_distributed.py` runs real ones."""

import socket
import subprocess
import sys

import numpy as np
import pytest

from lenet_jax.config.fields import override
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.runs import group, interruption
from lenet_jax.runs.group import Membership
from lenet_jax.runs.population import train_runs
from lenet_jax.runs.run import Run, prepare
from lenet_jax.training import engine
from tests.helpers import commands
from tests.helpers.commands import PROJECT, TINY, run_command
from tests.helpers.devices import simulated
from tests.helpers.tiny_sweep import get_config


@pytest.mark.parametrize(
    ("membership", "words"),
    [
        (Membership("node1:1234", 2), "belong together"),
        (Membership(processes=2, process=0), "belong together"),
        (Membership("node1", 2, 0), "must be HOST:PORT"),
        (Membership("node1:1234", 2, 2), "--process=2 must be below --processes=2"),
    ],
)
def test_a_membership_that_does_not_fit_is_refused(membership, words):
    with pytest.raises(UserError, match=words):
        membership.check()


def test_memberships_that_fit():
    Membership().check()
    Membership("node1:1234", 2, 1).check()
    assert Membership("127.0.0.1:1234", 2, 1).is_on_one_machine
    assert not Membership("node1:1234", 2, 1).is_on_one_machine


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--processes=2"], "belong to --distributed"),
        (["--distributed", "--workers=2"], "leave out --workers"),
        (["--distributed", "--launcher=local"], "cannot be sent with --launcher"),
        (["--distributed", "--process=1"], "belong together"),
    ],
)
def test_flags_that_do_not_fit_are_refused(flags, words, tmp_path):
    ended = run_command("ablate", TINY, f"--workdir={tmp_path / 'sweep'}", *flags)
    assert ended.status == 1 and ended.err.startswith("error: ") and words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "sweep").exists()


def test_without_a_cluster_the_flags_that_are_missing_are_named():
    code = "from lenet_jax.runs.group import Membership, join; join(Membership())"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=commands.one_device(), capture_output=True, text=True
    )
    assert "UserError: --distributed finds no cluster here" in ended.stderr


def test_a_coordinator_that_does_not_answer_is_named(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        coordinator = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(group, "CONNECT_SECONDS", 0.2)
    with pytest.raises(UserError, match=f"Process 0 does not answer at --coordinator={coordinator}"):
        group.join(Membership(coordinator, 2, 1))


def test_alone_a_process_exchanges_with_itself():
    np.testing.assert_array_equal(group.gather(3, True), [[3, 1]])
    np.testing.assert_array_equal(group.gather(0.5, np.inf, dtype=np.float32), [[0.5, np.inf]])
    group.require_equal({"a command": ["--config=x"]})


def test_what_differs_between_processes_is_named(monkeypatch):
    real = group.gather

    def with_two_others(*values):
        [own] = real(*values)
        return np.stack([own, own, own + np.array([0, 1])])

    monkeypatch.setattr(group, "gather", with_two_others)
    monkeypatch.setattr(group, "leave", lambda: None)
    with pytest.raises(UserError, match="Process 2 has code unlike process 0"):
        group.require_equal({"a command": 1, "code": 2})


def test_if_one_is_told_to_end_all_stop(monkeypatch):
    with interruption.deferred(quiet=True):
        assert not group.is_stopping() and not interruption.is_requested()
        monkeypatch.setattr(group, "gather", lambda *values: np.array([values, [1]]))
        assert group.is_stopping() and interruption.is_requested()


def test_processes_whose_devices_differ_in_memory_compile_the_same_programs(monkeypatch):
    """For a population that fits on each of them."""
    prepared = prepare(resolve(get_config()))
    monkeypatch.setattr(engine, "_bytes_on_a_device", lambda *arguments: compiled_for(arguments[-1]))
    real, compiled = group.gather, []

    def compiled_for(runs):
        compiled.append(runs)
        return runs

    def capacity(own, other):
        """How many of 40 runs a process trains, and for which numbers it compiled; one byte for each."""
        compiled.clear()
        of_other = np.full((1, 1), other, np.float32)
        monkeypatch.setattr(engine, "_memory_limit", lambda device: own)
        monkeypatch.setattr(
            group, "gather", lambda *values, **kind: np.append(real(*values, **kind), of_other, 0)
        )
        its = engine.population_engine.__wrapped__(simulated(1), side_by_side=True)
        return prepared._replace(engine=its).capacity(40), tuple(compiled)

    assert capacity(30, 22) == capacity(22, 30) == capacity(22, np.inf) == (22, (40, 1, 2, 22))
    assert capacity(np.inf, np.inf) == (40, ())


@pytest.mark.parametrize("own_runs", [0, 1, 2])
def test_a_process_may_have_fewer_runs_than_another(own_runs, monkeypatch):
    """Its devices compute rows for nothing; its runs are what they are alone."""
    resolved = resolve(override(get_config(), {"model.name": "mlp"}))
    runs = [Run("mlp", resolved.with_seed(seed)) for seed in range(own_runs)]
    prepared = prepare(resolved, 4)
    alone = [train_runs([run], prepare(resolved), lambda *_: None)[0] for run in runs]
    real = group.gather
    of_another = {
        2: [3, 0],
        1: [0],
    }  # its number of runs and their epoch; whether all have diverged, or other news
    monkeypatch.setattr(group, "gather", lambda *values: np.array([*real(*values), of_another[len(values)]]))
    logged = []
    attempts = train_runs(runs, prepared, lambda run, epoch, metrics: logged.append((run.seed, epoch)))
    assert logged == [(run.seed, epoch) for epoch in (1, 2) for run in runs]
    assert [attempt.scored[-1] for attempt in attempts] == [attempt.scored[-1] for attempt in alone]
