"""The program's end: it comes at once, and nothing that was written or begun is lost by that."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from core.cli import main

COMMAND = [sys.executable, "-P", "-m", "core.cli"]
SLOW = """
import sys, threading
from core.cli import program

def late():
    sys.stdin.read()
    print("and this")

def main(argv=None):
    threading.Thread(target=late).start()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    print("this", flush=True)
    return 5

sys.modules["core.cli.main"].main = main
program()
"""

BROKEN_OFF = """
import sys
from core.cli import program

class Parser:
    def __getattr__(self, name):
        raise KeyboardInterrupt

sys.modules["core.cli.parser"] = Parser()
program()
"""


@pytest.mark.parametrize(("given", "code"), [(["--help"], 0), (["list"], 0), (["nonsense"], 2), (["status", "nobody"], 2)])
def test_the_exit_code_is_the_commands_own(given: list[str], code: int) -> None:
    assert subprocess.run([*COMMAND, *given], capture_output=True, check=False).returncode == code


def test_all_that_was_written_arrives_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    expected = capfd.readouterr().out
    found = subprocess.run([*COMMAND, "schema"], capture_output=True, text=True, check=True)
    assert found.stdout == expected
    assert len(expected) > 1 << 12


def test_a_reader_that_goes_away_gets_no_traceback() -> None:
    with subprocess.Popen([*COMMAND, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert b"Traceback" not in child.stderr.read()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_reader_of_the_narration_that_goes_away_changes_nothing_else(form: str) -> None:
    command = [*COMMAND, "status", "nobody", "--output", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        child.stderr.close()
        assert child.wait() == 2


@pytest.mark.parametrize(
    ("shut", "given", "code", "out", "err"),
    [
        (">&-", "list", 0, "", "No environment yet"),
        ("2>&-", "schema", 0, "json-schema.org", ""),
        ("2>&-", "status nobody", 2, "", ""),
        (">&-", "status nobody", 2, "", "Error: "),
        ("<&-", "install demo --rehearse", 2, "", "Nobody is there to ask"),
        ("<&- >&- 2>&-", "list", 0, "", ""),
    ],
)
def test_a_stream_that_is_closed_takes_what_is_written_to_it_and_nothing_else_does(
    shut: str, given: str, code: int, out: str, err: str
) -> None:
    command = f"{shlex.join(COMMAND)} {given} {shut}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code
    for found, words in ((done.stdout, out), (done.stderr, err)):
        assert words in found
        assert bool(found) is bool(words)
        assert "Traceback" not in found


def test_what_goes_on_in_a_thread_is_waited_for_unless_it_is_a_daemon() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", SLOW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "this\n"
        rest, _ = child.communicate(timeout=30)  # which ends what the thread reads
        assert (child.returncode, rest) == (5, "and this\n")


def test_a_command_that_is_broken_off_while_it_loads_ends_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", BROKEN_OFF], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (4, "")
