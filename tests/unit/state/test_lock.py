"""Locks: whoever else can open the file of one must not be able to keep Beacon from its work."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beacon.errors import BusyError
from beacon.state import lock
from beacon.state.lock import holders, locked

HOLD = "import fcntl, sys, time; fcntl.flock(sys.stdin, fcntl.LOCK_SH); print(flush=True); time.sleep(60)"


@contextmanager
def held_by_another(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have another process hold a lock on *path*, which it has open for reading."""
    with path.open("rb") as file:
        command = [sys.executable, "-c", HOLD]
        process = subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_lock_excludes_others_and_is_let_go(tmp_path: Path) -> None:
    with locked(tmp_path, "web"), pytest.raises(BusyError, match=rf"process {os.getpid()}"):
        locked(tmp_path, "web").__enter__()
    with locked(tmp_path, "web"):
        assert holders((tmp_path / "web.lock").stat()) == (os.getpid(),)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nobody_else_can_open_the_file(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        with locked(tmp_path, "web"):
            assert mode(tmp_path / "web.lock") == 0o600
    finally:
        os.umask(old)


@pytest.mark.parametrize("was", [0o644, 0o666, 0o640, 0o604])
def test_a_file_that_others_can_open_is_replaced(tmp_path: Path, was: int) -> None:
    path = tmp_path / "web.lock"
    path.touch()
    path.chmod(was)
    old = path.stat().st_ino
    with path.open("rb"), locked(tmp_path, "web"):
        assert path.stat().st_ino != old
        assert mode(path) == 0o600
    with locked(tmp_path, "web"):
        assert sorted(file.name for file in tmp_path.iterdir()) == ["_mend.lock", "web.lock"]


def test_what_a_stranger_holds_is_of_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "web.lock"
    path.touch()
    path.chmod(0o644)
    with held_by_another(path) as stranger:
        monkeypatch.setattr(lock, "_is_ours", lambda pid: pid != stranger.pid)
        with locked(tmp_path, "web"):
            assert holders(path.stat()) == (os.getpid(),)


def test_an_older_beacon_that_holds_such_a_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "web.lock"
    path.touch()
    path.chmod(0o644)
    with held_by_another(path) as older:
        with pytest.raises(BusyError):
            locked(tmp_path, "web", wait=0.3).__enter__()
        assert mode(path) == 0o644
        threading.Timer(0.3, older.kill).start()
        with locked(tmp_path, "web", wait=10):
            assert mode(path) == 0o600


def test_a_file_that_was_replaced_meanwhile_is_not_the_lock(tmp_path: Path) -> None:
    """Who opened the old file, and gets it when it is the lock no more, takes the new one."""
    path = tmp_path / "web.lock"
    path.touch(0o600)
    old = path.open("rb")
    fcntl.flock(old, fcntl.LOCK_EX)

    def replace() -> None:
        time.sleep(0.3)
        (tmp_path / "new").touch(0o600)
        (tmp_path / "new").replace(path)
        old.close()

    thread = threading.Thread(target=replace)
    thread.start()
    with locked(tmp_path, "web", wait=10):
        assert holders(path.stat()) == (os.getpid(),)
    thread.join()


def test_many_that_come_at_once_hold_it_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "web.lock"
    path.touch()
    path.chmod(0o644)
    inside: list[int] = []
    worst: list[int] = []

    def work() -> None:
        with locked(tmp_path, "web", wait=30):
            inside.append(1)
            worst.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == [1] * 12
