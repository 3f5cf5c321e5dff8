"""Operations under way, as other processes find them on disk."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from beacon.state.lock import locked
from beacon.state.operations import Operations


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


NOW = "2026-11-29T12:00:00Z"


@pytest.fixture
def operations(tmp_path: Path) -> Operations:
    """Return the operations of a machine on which none is under way."""
    return Operations(tmp_path)


def test_one_is_known_as_long_as_it_runs(operations: Operations, tmp_path: Path) -> None:
    assert operations.all() == ()
    with operations.begun("apply", ("web",), NOW):
        (one,) = operations.all()
        assert (one.verb, one.services, one.pid, one.started) == ("apply", ("web",), os.getpid(), NOW)
    assert operations.all() == ()
    assert list((tmp_path / "operations").iterdir()) == []


def test_nobody_else_may_look(operations: Operations, tmp_path: Path) -> None:
    folder = tmp_path / "operations"
    with operations.begun("apply", (), NOW):
        operations.cancel(operations.all()[0].id)
        modes = {path.suffix: path.stat().st_mode & 0o777 for path in folder.iterdir()}
        assert modes == dict.fromkeys((".json", ".progress", ".cancel", ".lock"), 0o600)
        assert folder.stat().st_mode & 0o777 == 0o700


def test_it_hears_that_it_is_canceled(operations: Operations) -> None:
    with operations.begun("apply", (), NOW) as running:
        assert not running.is_canceled()
        name = operations.all()[0].id
        assert operations.cancel(name)
        assert operations.cancel(name)  # twice is as good as once
        assert running.is_canceled()
    assert not operations.cancel(name)


def test_what_it_tells_is_heard_from_the_beginning_to_the_end(operations: Operations) -> None:
    heard: list[str] = []
    with operations.begun("apply", (), NOW) as running:
        running.add_line("before")
        name = operations.all()[0].id
        reader = threading.Thread(target=lambda: heard.extend(operations.lines(name)))
        reader.start()
        wait_until(lambda: heard == ["before"])
        running.add_line("meanwhile")
    reader.join(10)
    assert heard == ["before", "meanwhile"]
    assert list(operations.lines(name)) == []


def test_what_a_kill_left_behind_is_no_operation_and_is_cleared_away(
    operations: Operations, tmp_path: Path
) -> None:
    folder = tmp_path / "operations"
    with operations.begun("apply", ("web",), NOW):
        left = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, text in left.items():
        (folder / name).write_bytes(text)
    assert operations.all() == ()
    assert not operations.cancel(Path(next(iter(left))).stem)
    with operations.begun("apply", (), NOW):
        assert not set(left) & {path.name for path in folder.iterdir()}


def test_where_it_cannot_be_written_down_it_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "operations").write_text("no folder")
    operations = Operations(tmp_path)
    with operations.begun("apply", (), NOW) as running:
        running.add_line("not heard")
        assert not running.is_canceled()
    assert operations.all() == ()


def test_a_name_that_leads_elsewhere_is_no_operation(operations: Operations, tmp_path: Path) -> None:
    with operations.begun("apply", (), NOW), locked(tmp_path, "web"):
        assert not operations.cancel("../web")
    assert not (tmp_path / "web.cancel").exists()
