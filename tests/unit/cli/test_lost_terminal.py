"""Whoever watched goes away: a reader of stdout or stderr, or a terminal. What was begun comes to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from beacon.operations.listener import Note, Progress, report

UPDATE = """
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

from beacon.__main__ import main
from beacon.cli.output import Output
from beacon.cli.reporter import TerminalListener
from beacon.cli.services import following
from beacon.operations.update import UpdateRequest
from tests.fakes.here import StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out

folder = Path(sys.argv.pop())
machine, output = FakeMachine(), Output()
roll_out(machine, push(machine, "1"))
staged = StagedMachine(machine, folder, push(machine, "2"))


def warn():
    os.kill(os.getpid(), signal.SIGHUP)
    output.warn("of something that is told before anything begins")


def update(options, names, display):
    listener = TerminalListener(output, None)
    here = SimpleNamespace(output=output, listener=listener, machine=lambda: staged, end_adoptions=warn)
    status = following.update(here, UpdateRequest(tuple(names)), exit_code=False, as_json=False)
    (folder / "ended").write_text(f"at release {machine.load('web').live}")
    sys.exit(status)


signal.signal(signal.SIGHUP, signal.SIG_DFL)
following.main = update
sys.argv = ["beacon", "update", "web"]
main()
"""


def closed_pipe() -> int:
    """Return a pipe to write to that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("lost", [{"stdout"}, {"stderr"}, {"stdout", "stderr"}])
def test_an_update_comes_to_its_end(tmp_path: Path, lost: set[str]) -> None:
    pipe = closed_pipe()
    done = subprocess.run(
        [sys.executable, "-c", UPDATE, str(tmp_path)],
        stdout=pipe if "stdout" in lost else subprocess.PIPE,
        stderr=pipe if "stderr" in lost else subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(pipe)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ended").read_text() == "at release 2"
    assert "Traceback" not in (done.stderr or "")


HANGUP = """
import atexit
import signal
import sys

from beacon.__main__ import main

signal.signal(signal.SIGHUP, signal.SIG_DFL)
atexit.register(lambda: print(signal.getsignal(signal.SIGHUP).name))
main()
"""


@pytest.mark.parametrize(
    ("words", "handling"),
    [
        ("apply", "SIG_IGN"),
        ("--user rollback web", "SIG_IGN"),
        ("update edit", "SIG_IGN"),
        ("edit web", "SIG_DFL"),
        ("new web", "SIG_DFL"),
        ("logs -f web", "SIG_DFL"),
    ],
)
def test_only_what_is_for_the_terminal_ends_with_it(words: str, handling: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGUP, *words.split(), "--help"], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == handling, done.stderr


class Exiting:
    """A listener that wants to end the process, as rich's console does when its pipe is closed."""

    def hear(self, progress: Progress) -> None:
        del progress
        raise SystemExit(1)


def test_no_listener_ends_an_operation() -> None:
    assert not report(Exiting(), Note("web", "something"))
