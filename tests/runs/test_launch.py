"""Sweeps that are sent away with --launcher: to processes of this machine, and to a SLURM of one node."""

import contextlib
import os
import pathlib
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

import pytest

from lenet_jax.config.fields import SWEEP_FIELDS, default_sweep, override
from lenet_jax.errors import UserError
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs import claims, jobs, launch, slurm
from lenet_jax.runs.claims import Claims
from lenet_jax.runs.plan import Request
from lenet_jax.training.jax_settings import threads
from tests.helpers import commands, folders, tiny_sweep
from tests.helpers.commands import PROJECT, TINY, run_command

SWEEP = [
    f"--config={PROJECT / 'tests' / 'helpers' / 'killed_sweep.py'}",
    "--config.seeds=3",
    "--config.train.epochs=8",
    "--config.checkpoint_minutes=0",
]
RUNS = 15
SCRIPT = PROJECT / ".ci" / "slurm"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")


@pytest.fixture
def fake_slurm(tmp_path, monkeypatch):
    """Programs that stand for SLURM's: sbatch takes every script as job 77, which is then queued."""
    folder = tmp_path / "bin"
    folder.mkdir()
    answers = {
        "srun": "exit 1",
        "sbatch": '[ -z "$REFUSED" ] || { echo "$REFUSED" >&2; exit 1; }\necho Submitted batch job 77',
        "squeue": 'echo "${STATE-PENDING}"',
        "scancel": f'echo "$@" >> {folder}/cancelled',
    }
    for name, lines in answers.items():
        (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def script(directory):
    """The script that was submitted."""
    [path] = directory.glob("jobs/*_submission.sh")
    return path.read_text()


def options(directory):
    """The options of sbatch in it."""
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", script(directory), re.MULTILINE))


def test_the_open_runs_go_to_a_job_array(tmp_path, fake_slurm):
    directory = tmp_path / "sweep"
    ended = run_command("ablate", TINY, "--launcher=slurm", "--workers=3", f"--workdir={directory}")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("Sent 8 runs with 3 tasks. Job 77. ") and "`scancel 77`" in ended.out
    found = options(directory)
    assert (
        found["array"].startswith("0-2")
        and found["time"] == "60"
        and found["cpus-per-task"] == f"{threads()}"
    )
    assert found["signal"] == "USR2@120" and "requeue" in found
    assert not {"partition", "mem", "gpus-per-node"} & found.keys()
    [job] = jobs.sent_jobs(directory)
    assert (job.launcher, job.number, len(job.runs)) == ("slurm", "77", 8)
    assert len(list(directory.glob("jobs/77_*_submitted.pkl"))) == 3
    # What the job has is not sent again; what is new is.
    ended = run_command("ablate", TINY, "--launcher=slurm", f"--workdir={directory}")
    assert ended.out.startswith("All open runs are sent already. Job 77. ")
    ended = run_command("ablate", TINY, "--launcher=slurm", "--config.seeds=3", f"--workdir={directory}")
    assert ended.out.startswith("Sent 4 runs with 1 task. "), ended  # one worker, as run_command says
    assert not (directory / "runs.jsonl").exists()


def test_runs_of_a_job_that_has_ended_are_sent_again(tmp_path, fake_slurm, monkeypatch):
    arguments = ("ablate", TINY, "--launcher=slurm", f"--workdir={tmp_path / 'sweep'}")
    run_command(*arguments)
    monkeypatch.setenv("STATE", "")
    assert run_command(*arguments).out.startswith("Sent 8 runs ")


def test_limits_and_resources_are_fields(tmp_path, fake_slurm):
    fields = {
        "minutes": "2.5", "requeues": "0", "partition": "gpu", "cpus": "6", "gpus": "1", "memory_gb": "1.5",
        "options": "account=lab; exclusive;exclude=node1,node2;--qos=long",
    }  # fmt: skip
    set_fields = [f"--config.launcher.{field}={value}" for field, value in fields.items()]
    ended = run_command("ablate", TINY, "--launcher=slurm", f"--workdir={tmp_path / 'sweep'}", *set_fields)
    assert ended.status == 0, ended.err
    found = options(tmp_path / "sweep")
    expected = {
        "time": "3", "signal": "USR2@90", "partition": "gpu", "cpus-per-task": "6", "gpus-per-node": "1",
        "mem": "1536M", "account": "lab", "exclusive": "", "qos": "long", "exclude": "node1,node2",
        "no-requeue": "",
    }  # fmt: skip
    assert found.items() >= expected.items() and "requeue" not in found


def test_a_task_has_one_core_per_thread(tmp_path, fake_slurm, monkeypatch):
    monkeypatch.setattr(slurm, "threads", lambda: 3)
    run_command("ablate", TINY, "--launcher=slurm", f"--workdir={tmp_path / 'sweep'}")
    assert options(tmp_path / "sweep")["cpus-per-task"] == "3"
    [srun] = re.findall("^srun .*$", script(tmp_path / "sweep"), re.MULTILINE)
    assert "--cpus-per-task=3" in srun.split()


def test_settings_that_decide_numbers_are_in_the_script(tmp_path, fake_slurm, monkeypatch):
    """Which a shell reads as they are, where the environment is not passed on."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false --xla_gpu_autotune_level=0")
    monkeypatch.setenv("LENET_JAX_NATIVE", "0")
    monkeypatch.setenv("JAX_DEFAULT_DEVICE", "it's")
    monkeypatch.setenv("JAX_LOG_COMPILES", "0")  # decides none
    workdir = f"--workdir={tmp_path / 'sweep'}"
    ended = run_command("ablate", TINY, "--launcher=slurm", "--threads=2", workdir)
    assert ended.status == 0, ended.err
    exports = re.findall("^export .*$", script(tmp_path / "sweep"), re.MULTILINE)
    assert exports.pop() == "export SUBMITIT_EXECUTOR=slurm"
    shown = subprocess.run(
        ["sh", "-c", "\n".join([*exports, "env"])],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(line.split("=", 1) for line in shown.stdout.splitlines())
    assert found.pop("XLA_FLAGS").split()[:2] == os.environ["XLA_FLAGS"].split()
    found = {name: value for name, value in found.items() if name not in ("PATH", "PWD", "_", "SHLVL")}
    assert found == {"NPROC": "2", "LENET_JAX_NATIVE": "0", "JAX_DEFAULT_DEVICE": "it's"}
    assert " --export=ALL " in script(tmp_path / "sweep")  # from the script to the task


def test_two_commands_at_once_do_not_send_the_same_runs(tmp_path, fake_slurm, monkeypatch):
    """From looking for what was sent to recording what is, each holds a lock."""
    directory = tmp_path / "sweep"
    held = []

    def watched(function):
        def call(*arguments):
            with (directory / "jobs" / ".lock").open("a") as lock:
                held.append(not claims.lock_at_once(lock.fileno()))
            return function(*arguments)

        return call

    monkeypatch.setattr(launch, "sent_jobs", watched(launch.sent_jobs))
    monkeypatch.setattr(launch, "record", watched(launch.record))
    assert run_command("ablate", TINY, "--launcher=slurm", f"--workdir={directory}").status == 0
    assert held == [True, True]
    with (directory / "jobs" / ".lock").open("a") as lock:
        assert claims.lock_at_once(lock.fileno())


@pytest.mark.parametrize("raised", [UserError("The disk is full."), KeyboardInterrupt])
def test_a_job_that_cannot_be_recorded_is_cancelled(tmp_path, fake_slurm, monkeypatch, raised):
    directory = tmp_path / "sweep"

    def fail(*_):
        raise raised

    monkeypatch.setattr(launch, "record", fail)
    ended = run_command("ablate", TINY, "--launcher=slurm", "--workers=3", f"--workdir={directory}")
    assert ended.status in (1, 130) and ended.out == ""
    name = options(directory)["job-name"]
    assert (fake_slurm / "cancelled").read_text() == f"--name={name}\n"
    (fake_slurm / "scancel").write_text("#!/bin/sh\nexit 1\n")
    ended = run_command("ablate", TINY, "--launcher=slurm", f"--workdir={tmp_path / 'other'}")
    name = options(tmp_path / "other")["job-name"]
    assert f"Tasks may have been queued: `scancel --name={name}`." in ended.err


def test_local_tasks_that_cannot_be_recorded_are_killed(tmp_path, monkeypatch):
    """Until then they are in a session of their own, and read and write nowhere."""
    found = {}

    def fail(_, job):
        for process in job.tasks:
            streams = [os.readlink(f"/proc/{process}/fd/{number}") for number in range(3)]
            found[process] = os.getsid(process), streams
        raise UserError("The disk is full.")

    monkeypatch.setattr(launch, "record", fail)
    directory = tmp_path / "sweep"
    ended = run_command("ablate", TINY, "--launcher=local", "--workers=2", f"--workdir={directory}")
    assert (ended.status, ended.err) == (1, "error: The disk is full.\n")
    assert len(found) == 2
    [session] = {session for session, _ in found.values()}
    assert session != os.getsid(0) and all(streams == [os.devnull] * 3 for _, streams in found.values())
    for _ in until(30):
        if all(has_ended(process) for process in found):
            break
    else:
        raise AssertionError(f"{found} still run")


def has_ended(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_why_local_tasks_do_not_start_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "submitit.py").write_text("raise OSError('no more processes')")
    err = refusal("--launcher=local", f"--workdir={tmp_path / 'sweep'}")
    assert err == "error: --launcher=local failed: OSError: no more processes\n"


@pytest.mark.parametrize(
    ("gpus", "visible", "words"),
    [
        (0, "2,3", []),
        (1, None, []),
        (1, "2,3", ["env", "CUDA_VISIBLE_DEVICES=2"]),
        (2, "GPU-8f6a,GPU-1c2d", ["env", "CUDA_VISIBLE_DEVICES=GPU-8f6a,GPU-1c2d"]),
    ],
)
def test_a_local_task_has_the_gpus_that_the_user_lets_it_see(monkeypatch, gpus, visible, words):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    config = override(default_sweep(), {"launcher.gpus": gpus}).launcher
    found = launch._watched_python(config)
    assert found[: found.index(sys.executable)] == words


def test_tuning_is_sent_as_well(tmp_path, fake_slurm):
    config = f"--config={PROJECT / 'tests' / 'helpers' / 'planned_sweep.py'}"
    ended = run_command("tune", config, "--launcher=slurm", f"--workdir={tmp_path / 'sweep'}")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("Sent 8 runs ")
    assert ended.out.endswith(
        "\nOnce all are recorded, the same command sends what is then needed, or selects.\n"
    )
    assert not (tmp_path / "sweep" / "selected.json").exists()


def test_with_all_runs_recorded_the_command_shows_them(sweep_copy, one_format):
    ended = run_command("ablate", TINY, "--launcher=local", f"--workdir={sweep_copy}")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("Already recorded in ")
    assert not (sweep_copy / "jobs").exists()


def refusal(*arguments):
    ended = run_command("ablate", TINY, *arguments)
    assert (ended.status, ended.out) == (1, "") and len(ended.err.splitlines()) == 1, ended
    return ended.err


def test_what_is_refused_is_refused_before_anything_is_sent(tmp_path, fake_slurm, monkeypatch):
    workdir = f"--workdir={tmp_path / 'sweep'}"
    assert "--launcher" in refusal("--launcher=cloud", workdir)
    options = "--config.launcher.options=account lab"
    assert "list long options of sbatch" in refusal("--launcher=slurm", options, workdir)
    assert "config.launcher.minutes=0.0" in refusal(
        "--launcher=slurm", "--config.launcher.minutes=0", workdir
    )
    monkeypatch.setenv("REFUSED", "sbatch: error: invalid partition specified: nope")
    err = refusal("--launcher=slurm", "--config.launcher.partition=nope", workdir)
    assert err == "error: --launcher=slurm failed: sbatch: error: invalid partition specified: nope\n"
    assert jobs.sent_jobs(tmp_path / "sweep") == []


def test_without_slurm_the_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    err = refusal("--launcher=slurm", f"--workdir={tmp_path / 'sweep'}")
    assert "needs SLURM's commands" in err and "--launcher=local" in err


def test_without_submitit_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    [needed] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"][
        "cluster"
    ]
    assert f'pip install "{needed}"' in refusal("--launcher=local", f"--workdir={tmp_path / 'sweep'}")


def test_train_has_no_launcher(tmp_path):
    ended = run_command("train", TINY, "--config.launcher.minutes=5", f"--workdir={tmp_path}")
    assert ended.status == 1 and "--config.launcher.minutes is for sweeps" in ended.err


def test_the_page_lists_the_fields_with_their_defaults():
    page = (PROJECT / "docs" / "cluster.md").read_text()
    listed = dict(re.findall(r"^\| `(launcher\.\w+)` \| (\S*) *\|", page, re.MULTILINE))
    fields = {name: field.default for name, field in SWEEP_FIELDS.items() if name.startswith("launcher.")}
    assert listed == {name: default if default == "" else f"{default:g}" for name, default in fields.items()}


def tiny_request(directory, **fields):
    config = override(tiny_sweep.get_config(), {"seeds": 1, "arms": "mlp_8", **fields})
    return Request(config, tiny_sweep.get_arms(config), ["test"], directory)


def test_a_task_leaves_runs_to_others_that_have_claimed_them(tmp_path, one_format):
    """It ends without waiting for them, and without the report; the next one finds all recorded."""
    from lenet_jax.runs.task import Task

    directory = tmp_path / "sweep"
    directory.mkdir()
    claims = Claims(directory)
    assert claims.take("mlp_8", 1)
    task = pickle.loads(pickle.dumps(Task(tiny_request(directory, seeds=2), write_results, write_report)))
    task()
    assert [result["seed"] for result in folders.results(directory)] == [0]
    assert not (directory / "table.csv").exists()
    claims.release_all()
    task()
    assert len(folders.rows(directory / "results.csv")) == 2
    assert (directory / "table.csv").exists()


def test_a_task_says_in_one_sentence_what_is_wrong(tmp_path):
    from lenet_jax.runs.task import Task

    (tmp_path / "sweep").write_text("a file")
    task = Task(tiny_request(tmp_path / "sweep"), write_results, write_report)
    with pytest.raises(SystemExit, match="^error: .*is a file"):
        task()


@pytest.mark.parametrize("signals", [[signal.SIGUSR2], [signal.SIGTERM], [signal.SIGUSR2, signal.SIGTERM]])
@pytest.mark.parametrize("cluster", ["slurm", "local"])
def test_an_announced_end_is_not_for_good_unless_the_user_asks_for_it(signals, cluster):
    """On SLURM, SIGTERM may come with the announcement."""
    from lenet_jax.runs import task

    expected = signals == [signal.SIGUSR2] or (cluster == "slurm" and signal.SIGUSR2 in signals)
    assert task._is_requeued(signals, cluster) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a b", "list long options of sbatch"),
        ("=3", "list long options of sbatch"),
        ("account=lab;--=", "list long options of sbatch"),
        ("-t=5", "list long options of sbatch"),
        ("comment=two\nlines", "list long options of sbatch"),
        ("time=5", "has 'time': set config.launcher.minutes"),
        ("--no_requeue", "has 'no-requeue': set config.launcher.requeues"),
        ("account=lab;cpus_per_task=2", "has 'cpus-per-task': set config.launcher.cpus"),
        ("array=0-3", "has 'array', which --launcher=slurm sets itself"),
        ("signal=USR1", "has 'signal', which --launcher=slurm sets itself"),
        ("output=log", "has 'output', which --launcher=slurm sets itself"),
    ],
)
def test_options_of_sbatch_have_names_and_are_not_set_otherwise(text, sentence):
    with pytest.raises(UserError, match=sentence):
        slurm.sbatch_options(text)


# ---- Killed, for real.


def send(directory, *arguments):
    """Sends the sweep; returns what the command printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "experiments.ablate", *SWEEP, *arguments, f"--workdir={directory}"],
        cwd=PROJECT,
        env=commands.one_device(),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    directory = tmp_path_factory.mktemp("untouched") / "sweep"
    send(directory, "--workers=1")
    return directory


def two_in_training(directory):
    """The process IDs of two tasks, each in the middle of a run."""
    for _ in until(300):
        found = set()
        for path in directory.glob("checkpoints/*/epoch-[2-4].msgpack"):
            with contextlib.suppress(OSError, ValueError):  # recorded in the meantime
                found.add(int((directory / ".claims" / path.parent.name).read_text()))
        if len(found) > 1:
            return sorted(found)[:2]
    raise AssertionError(f"no two tasks were in training: {logs(directory)}")


def until(seconds, pause=0.005):
    """Yields until that time has passed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(pause)


def wait_for_the_end(directory):
    for _ in until(600, pause=0.5):
        if not any(jobs.unfinished_tasks(directory, job) for job in jobs.sent_jobs(directory)):
            return
    raise AssertionError(f"the tasks did not end: {logs(directory)}")


def logs(directory):
    return "\n".join(path.read_text() for path in sorted(directory.glob("jobs/*_log.*")))


def assert_same(directory, untouched):
    """Tables, and all numbers of all runs, are those of a plain run."""
    found = jobs.states(directory)
    assert (len(found.done), len(found.lost)) == (RUNS, 0), logs(directory)
    for name in ("table.csv", "contrasts.csv"):
        assert (directory / name).read_bytes() == (untouched / name).read_bytes()
    assert folders.numbers(directory) == folders.numbers(untouched)
    assert not (directory / "checkpoints").exists() and not list(directory.glob("*.damaged*"))


@pytest.mark.slow
def test_local_tasks_that_are_killed_or_stopped_go_on(untouched, tmp_path):
    """One is killed, the other told to end: both run again, and all numbers are those of a plain run."""
    directory = tmp_path / "local"
    limit = "--config.launcher.minutes=9"  # submitit takes an end within the last ten minutes for the limit
    out = send(directory, "--launcher=local", "--workers=2", limit)
    assert re.match(rf"Sent {RUNS} runs with 2 tasks\. Job \d+\. .*`kill \d+ \d+`", out)
    killed, stopped = two_in_training(directory)
    os.kill(killed, signal.SIGKILL)
    os.kill(int(pathlib.Path(f"/proc/{stopped}/stat").read_text().split()[3]), signal.SIGUSR2)
    assert len(jobs.states(directory).lost) == 0
    wait_for_the_end(directory)
    log = logs(directory)
    assert "The task was killed (SIGKILL) and starts again." in log
    assert "this job is timed-out" in log and "(9 remaining timeouts)" in log
    assert_same(directory, untouched)


@pytest.mark.slow
def test_local_tasks_that_the_user_ends_stay_ended(untouched, tmp_path):
    """Their runs are reported as lost, and the same command sends them again."""
    directory = tmp_path / "local"
    out = send(directory, "--launcher=local", "--workers=2")
    two_in_training(directory)
    subprocess.run(re.search("`(kill .*?)`", out)[1], shell=True, check=True)
    wait_for_the_end(directory)
    found = jobs.states(directory)
    assert found.lost and not found.running and not found.waiting
    assert list(directory.glob("checkpoints/*/*.msgpack"))  # from which they go on
    assert f"Sent {len(found.lost)} run" in send(directory, "--launcher=local", "--workers=2")
    wait_for_the_end(directory)
    assert_same(directory, untouched)


@pytest.fixture
def cluster(monkeypatch):
    """A SLURM of one node, to which commands of the test are sent."""
    if os.geteuid():
        pytest.skip("only root can start SLURM's daemons")
    if not all(map(shutil.which, PROGRAMS)):
        if os.environ.get("CI") != "true" or not shutil.which("apt-get"):
            pytest.skip("SLURM is not installed; .ci/slurm install gets it on Debian")
        subprocess.run([SCRIPT, "install"], check=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munged runs as its own user
    try:
        subprocess.run([SCRIPT, "start", folder], check=True)
        monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        yield
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=True)
        shutil.rmtree(folder)


def test_the_script_stops_daemons_of_its_folder_only(tmp_path):
    """The ID of one that has ended may have become another's."""
    wait = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen([*wait, f"{tmp_path}/slurm.conf"], stdin=subprocess.PIPE) as ours,
        subprocess.Popen(wait, stdin=subprocess.PIPE) as another,
    ):
        (tmp_path / "slurmd.pid").write_text(f"{ours.pid}\n")
        (tmp_path / "slurmctld.pid").write_text(f"{another.pid}\n")
        subprocess.run([SCRIPT, "stop", tmp_path], check=True)
        assert ours.wait(timeout=30) == -signal.SIGTERM
        assert another.poll() is None
        another.kill()


def scontrol(job):
    return subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout


def task_of(process):
    """The number in its array of the task with a process ID."""
    variables = pathlib.Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    [number] = [one.partition(b"=")[2] for one in variables if one.startswith(b"SLURM_ARRAY_TASK_ID=")]
    return number.decode()


@pytest.mark.slow
def test_tasks_on_slurm_that_are_killed_or_stopped_go_on(cluster, untouched, tmp_path):
    """As with local tasks, on a real SLURM."""
    directory = tmp_path / "slurm"
    out = send(directory, "--launcher=slurm", "--workers=2")
    number = re.match(rf"Sent {RUNS} runs with 2 tasks\. Job (\d+)\. ", out)[1]
    killed, stopped = two_in_training(directory)
    stopped_task = task_of(stopped)
    os.kill(killed, signal.SIGKILL)
    subprocess.run(["scancel", "--signal=USR2", f"{number}_{stopped_task}"], check=True)
    report = run_command("report", f"--workdir={directory}").out
    assert re.match(r"Runs sent to jobs: \d+ done, \d+ running, \d+ waiting, 0 lost\.\n", report)
    wait_for_the_end(directory)
    assert scontrol(number).count("Restarts=1") == 2, scontrol(number)
    assert_same(directory, untouched)


@pytest.mark.slow
def test_a_cancelled_job_stays_cancelled(cluster, untouched, tmp_path, monkeypatch):
    """Also where tasks do not get the environment; they have the settings that decide numbers."""
    monkeypatch.setenv("SBATCH_EXPORT", "NONE")
    directory = tmp_path / "slurm"
    out = send(directory, "--launcher=slurm", "--workers=2")
    two_in_training(directory)
    subprocess.run(re.search("`(scancel .*?)`", out)[1], shell=True, check=True)
    wait_for_the_end(directory)
    found = jobs.states(directory)
    assert found.lost and not found.running and not found.waiting
    assert "Job" in run_command("report", f"--workdir={directory}").out
    send(directory, "--workers=1")  # the same command goes on here
    assert_same(directory, untouched)
