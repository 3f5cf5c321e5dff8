"""What a write leaves behind that is killed before its file is in place."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from beacon.state.files import sweep, unfinished, write_atomic


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """Return the file that a write of `web.json` left when it was killed before the rename."""
    child = os.fork()
    if child == 0:
        os.fsync = _die
        write_atomic(tmp_path / "web.json", b"{}")
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    (found,) = tmp_path.iterdir()
    return found


def _die(fd: object) -> None:
    """Take the place of fsync(2)."""
    del fd
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_that_may_still_be_written_stays(left: Path) -> None:
    sweep(left.parent)
    assert left.exists()


def test_what_a_killed_write_left_is_swept_later_and_nothing_else(left: Path) -> None:
    others = [left.parent / name for name in ("web.json", ".hidden", ".web.json.bak")]
    long_ago = time.time() - 3600
    for path in (left, *others):
        path.touch()
        os.utime(path, (long_ago, long_ago))
    assert unfinished(left.parent) == [left]
    sweep(left.parent)
    assert sorted(left.parent.iterdir()) == sorted(others)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert unfinished(tmp_path / "none") == []
