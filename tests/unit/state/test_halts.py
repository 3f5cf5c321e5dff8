"""Marks of owners who wait: seen while they wait, and gone with them, however they end."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from beacon.model.rollout.halt import Halt
from beacon.state.halts import Halts

WAITING = """
import sys, time
from pathlib import Path
from beacon.model.rollout.halt import Halt
from beacon.state.halts import Halts
with Halts(Path(sys.argv[1])).asked("web", Halt.STOP):
    print("waiting", flush=True)
    time.sleep(60)
"""


def test_who_looks_keeps_nobody_from_leaving_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "halts" / "web.stop.lock"
    path.parent.mkdir()
    with path.open("w") as looking:
        path.chmod(0o600)
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.05, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        with Halts(tmp_path).asked("web", Halt.STOP):
            assert Halts(tmp_path).of("web") is Halt.STOP


@pytest.mark.parametrize("halt", Halt)
def test_a_mark_is_seen_while_somebody_waits(tmp_path: Path, halt: Halt) -> None:
    halts = Halts(tmp_path)
    assert halts.of("web") is None
    with halts.asked("web", halt):
        assert (halts.of("web"), halts.of("we")) == (halt, None)
    assert halts.of("web") is None


def test_two_who_ask_for_the_same_are_not_in_each_others_way(tmp_path: Path) -> None:
    halts = Halts(tmp_path)
    with halts.asked("web", Halt.STOP), halts.asked("web", Halt.STOP), halts.asked("web", Halt.HOLD):
        assert halts.of("web") is Halt.STOP


def test_a_mark_of_one_who_was_killed_says_nothing(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", WAITING, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
        assert Halts(tmp_path).of("web") is Halt.STOP
        other.kill()
    assert Halts(tmp_path).of("web") is None
    with Halts(tmp_path).asked("web", Halt.HOLD):
        assert Halts(tmp_path).of("web") is Halt.HOLD
