"""Which version of this project's code is running."""

import os
import pathlib
import re
import subprocess

from lenet_jax.runs.code_digest import digest_sources

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "lenet_jax"
DIRTY = "-dirty"  # as `git describe` ends
COMMIT = re.compile(rf"[0-9a-f]{{40,}}({DIRTY})?")
SOURCES = (PACKAGE, "configs", "experiments")
SECONDS = 20  # that git may take


def git_revision(project: pathlib.Path = PROJECT) -> str:
    """The commit that `project` is a checkout of, with "-dirty" if tracked files differ from it.

    Also if SOURCES have untracked files that git does not ignore, such as a config file of one's own.

    Where git cannot tell, "unknown, source digest N": 16 hexadecimal digits over the modules of lenet_jax.
    A repository that merely encloses the project, or doesn't track lenet_jax, is not its checkout.
    """
    if _git(project, "ls-files", "--error-unmatch", "--", f"{PACKAGE}/__init__.py") is not None:
        commit = _git(project, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or ""
        if COMMIT.fullmatch(commit):
            new = _git(project, "ls-files", "--others", "--exclude-standard", "--", *SOURCES)
            return f"{commit.removesuffix(DIRTY)}{DIRTY}" if new else commit
    return f"unknown, source digest {_source_digest(project / PACKAGE)}"


def _git(project: pathlib.Path, *arguments: str) -> str | None:
    """The output of git for the repository whose top folder is `project`; None if it fails or hangs.

    Git finds the repository in no other way, whatever the environment says, and, as its folder is named,
    doesn't ask who owns it.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    named = {"GIT_DIR": str(project / ".git"), "GIT_WORK_TREE": str(project)}
    reads_only = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    try:
        ended = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],  # which would leave a process behind
            cwd=project,
            env=environment | named | reads_only,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout.decode(errors="replace").strip()


def _source_digest(package: pathlib.Path) -> str:
    modules = [path for path in package.rglob("*.py") if path.is_file()]  # editors leave links to nowhere
    return digest_sources({
        path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in modules
    })  # fmt: skip
