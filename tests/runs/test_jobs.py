"""The states of runs that were sent to jobs: done, running, waiting or lost."""

import os
import socket
import subprocess
import sys

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import jobs
from lenet_jax.runs.claims import Claims
from lenet_jax.runs.jobs import Job, States
from tests.helpers.commands import run_command

RECORDED = [("local_shared", 0), ("mlp_8", 1)]  # in the tiny sweep
OPEN = [("local_shared", 7), ("mlp_8", 7)]


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Replaces squeue by a program that runs the given lines of a shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def replace(*lines):
        (folder / "squeue").write_text("\n".join(["#!/bin/sh", *lines]))
        (folder / "squeue").chmod(0o755)

    return replace


def on_cluster(number="12", runs=(*RECORDED, *OPEN)):
    return Job("slurm", number, (), "login", tuple(runs))


def test_a_job_is_read_as_it_was_recorded(tmp_path):
    sent = [on_cluster(), Job("local", "12", (12, 13), "here", tuple(OPEN))]
    sent.append(sent[-1]._replace(host="elsewhere"))  # where a process may have the same ID
    for job in sent:
        jobs.record(tmp_path, job)
    assert sorted(jobs.sent_jobs(tmp_path)) == sorted(sent)
    assert jobs.sent_jobs(tmp_path / "missing") == []


def test_a_damaged_description_is_named(tmp_path):
    jobs.record(tmp_path, on_cluster())
    path = tmp_path / "jobs" / "slurm-login-12.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(UserError, match=r"jobs/slurm-login-12.json is damaged: remove it\."):
        jobs.states(tmp_path)


def test_runs_are_running_waiting_or_lost(sweep_copy, squeue):
    jobs.record(sweep_copy, on_cluster())
    squeue("echo RUNNING; echo PENDING; echo PENDING")
    assert jobs.states(sweep_copy) == States(
        RECORDED, [], OPEN, [], {on_cluster(): {"RUNNING": 1, "PENDING": 2}}
    )
    claims = Claims(sweep_copy)
    assert claims.take(*OPEN[0])
    assert jobs.states(sweep_copy)[1:3] == (OPEN[:1], OPEN[1:])
    squeue('echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1')
    found = jobs.states(sweep_copy)
    assert found == States(RECORDED, OPEN[:1], [], OPEN[1:], {on_cluster(): {}})
    text = jobs.describe(sweep_copy, found)
    assert text.startswith("Runs sent to jobs: 2 done, 1 running, 0 waiting, 1 lost.\n")
    assert "Job 12 (slurm): has ended." in text and "Lost: mlp_8 seed 7. " in text
    claims.release_all()


def test_a_run_that_another_job_has_is_not_lost(sweep_copy, squeue):
    jobs.record(sweep_copy, on_cluster("12"))
    jobs.record(sweep_copy, on_cluster("13", OPEN[:1]))
    squeue('[ "$4" = --jobs=13 ] && echo RUNNING; true')
    found = jobs.states(sweep_copy)
    assert (found.waiting, found.lost) == (OPEN[:1], OPEN[1:])


@pytest.mark.parametrize("answer", ["echo cannot connect >&2; exit 1", "no_such_program"])
def test_no_run_is_lost_as_long_as_the_cluster_does_not_answer(sweep_copy, squeue, answer):
    jobs.record(sweep_copy, on_cluster())
    squeue(answer)
    found = jobs.states(sweep_copy)
    assert found.waiting == OPEN and found.lost == []
    text = jobs.describe(sweep_copy, found)
    assert (
        f"Job 12 (slurm): not known here: ask on login, or remove {sweep_copy}/jobs/slurm-login-12.json if"
        in text
    )


def test_a_process_of_the_same_id_is_not_a_task(sweep_copy):
    job = Job("local", f"{os.getpid()}", (os.getpid(),), socket.gethostname(), tuple(OPEN))
    jobs.record(sweep_copy, job)
    assert jobs.states(sweep_copy).lost == OPEN


def test_a_task_is_known_by_the_folder_that_it_works_for(sweep_copy):
    wait = [sys.executable, "-c", "print(flush=True); input()", str(sweep_copy / "jobs")]
    with subprocess.Popen(wait, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"\n"
        job = Job("local", f"{process.pid}", (process.pid,), socket.gethostname(), tuple(OPEN))
        assert jobs.unfinished_tasks(sweep_copy, job) == {"RUNNING": 1}
        elsewhere = job._replace(host="elsewhere")
        assert jobs.unfinished_tasks(sweep_copy, elsewhere) == {jobs.UNKNOWN: 1}
        process.communicate(b"\n")
    assert jobs.unfinished_tasks(sweep_copy, job) == {}


def test_the_report_shows_the_jobs_before_the_tables(sweep_copy, squeue, one_format):
    without = run_command("report", f"--workdir={sweep_copy}")
    jobs.record(sweep_copy, on_cluster())
    squeue("echo RUNNING")
    ended = run_command("report", f"--workdir={sweep_copy}")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("Runs sent to jobs: 2 done, 0 running, 2 waiting, 0 lost.\n")
    assert ended.out.endswith(without.out)


def test_the_report_of_a_job_without_results_shows_the_job(tmp_path, squeue):
    jobs.record(tmp_path, on_cluster())
    squeue("echo PENDING")
    ended = run_command("report", f"--workdir={tmp_path}")
    assert ended.status == 0, ended.err
    assert ended.out == (
        "Runs sent to jobs: 0 done, 0 running, 4 waiting, 0 lost.\nJob 12 (slurm): tasks 1 pending.\n\n"
    )
