"""Output that is closed, full or not read to its end."""

import os
import subprocess
import sys

import pytest

from tests.helpers.commands import PROJECT

FULL = "error: The output cannot be written (No space left on device): free space, or send it elsewhere.\n"
CLOSED = FULL.replace("No space left on device", "Bad file descriptor")


def shell(body, redirection, **environment):
    """A process that runs `body` within `checked_output`, its output redirected as in a shell."""
    code = f"import sys\nfrom experiments.streams import checked_output\nwith checked_output():\n    {body}"
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$0" -c "$1" {redirection}', sys.executable, code],
        cwd=PROJECT, capture_output=True, text=True, env={**os.environ, **environment},
    )  # fmt: skip


SHORT, LONG = "print('a line')", "print('a line\\n' * 100_000)"  # more than a pipe holds
BODIES = {
    "short": SHORT,
    "long": LONG,
    "help": f"{LONG}; sys.exit(0)",
    "flushed": "print('a line' * 100_000, flush=True)",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_output_that_fits_is_written(body):
    ended = shell(body, "")
    assert (ended.returncode, ended.stderr) == (0, "") and ended.stdout.startswith("a line")


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_broken_pipe_ends_a_command_quietly(body):
    for unbuffered in ("", "1"):
        ended = shell(f"sys.stdin.read(); {body}", "< <(sleep 0.1) | true", PYTHONUNBUFFERED=unbuffered)
        assert (ended.returncode, ended.stderr) == (141, "")  # it writes once the reader has gone


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("redirection", "sentence"), [(">/dev/full", FULL), (">&-", CLOSED)])
def test_output_that_is_lost_is_no_success(body, redirection, sentence):
    for unbuffered in ("", "1"):
        ended = shell(body, redirection, PYTHONUNBUFFERED=unbuffered)
        assert (ended.returncode, ended.stderr) == (1, sentence)


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full"])
def test_a_command_that_prints_nothing_succeeds_anywhere(redirection):
    assert shell("pass", redirection).returncode == 0


def test_files_do_not_take_the_numbers_of_closed_streams():
    opened = "assert open('README.md').fileno() > 2"
    for redirection in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
        assert shell(opened, redirection).returncode == 0


def test_messages_may_be_discarded():
    ended = shell("print('progress', file=sys.stderr); print('a line')", "2>&-")
    assert (ended.returncode, ended.stdout) == (0, "a line\n")


def test_an_error_keeps_its_sentence_and_status_where_output_is_lost():
    ended = shell("print('a line'); sys.exit('error: mine')", ">/dev/full", PYTHONUNBUFFERED="")
    assert (ended.returncode, ended.stderr) == (1, "error: mine\n")
    assert shell("print('a line'); sys.exit(130)", ">/dev/full", PYTHONUNBUFFERED="").returncode == 130


def test_errors_of_other_files_and_pipes_are_not_taken_for_those_of_the_output():
    for error in ("BrokenPipeError(32, 'Broken pipe')", "OSError(28, 'No space left on device')"):
        ended = shell(f"raise {error}", "")
        assert ended.returncode == 1 and "Traceback" in ended.stderr


def test_messages_that_cannot_be_written_end_a_command():
    body = "[print('progress', file=sys.stderr, flush=True) for _ in range(9)]"
    assert shell(body, "2>/dev/full").returncode == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_characters_that_a_terminal_lacks_are_written_as_escapes(encoding):
    body = "print('\u2014 \u6587'); print('\u6587', file=sys.stderr)"
    ended = shell(body, "", PYTHONIOENCODING=encoding)
    assert ended.returncode == 0 and "\\u2014 \\u6587\n" in ended.stdout and ended.stderr == "\\u6587\n"
