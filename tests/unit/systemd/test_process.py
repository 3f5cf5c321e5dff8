"""Whether a process runs."""

from __future__ import annotations

import os
import subprocess
import sys

from beacon.systemd.process import is_alive


def test_this_one_does() -> None:
    assert is_alive(os.getpid())


def test_one_whose_status_nobody_has_asked_for_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid)
    child.wait()
    assert not is_alive(child.pid)
