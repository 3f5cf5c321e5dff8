"""Files put in place by many at once: few reloads, and nobody suffers from the files of another."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import pytest

from beacon.errors import MachineError
from beacon.rollout.sharing.reloads import SharedReload


class Folder:
    """Unit files in the order in which they were put."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused
        self.put_files: list[tuple[str, str | None]] = []

    def put(self, name: str, text: str | None) -> None:
        if name == self.refused:
            raise MachineError(f"cannot write {name}")
        self.put_files.append((name, text))


def side_by_side(callers: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=caller) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)


def test_who_comes_during_a_reload_shares_the_next_one() -> None:
    shared, folder = SharedReload(), Folder()
    arrived = threading.Semaphore(0)
    reloads: list[int] = []

    def reload() -> None:
        reloads.append(len(folder.put_files))
        if len(reloads) == 1:
            for _ in range(3):
                assert arrived.acquire(timeout=10)
            threading.Event().wait(0.1)  # until those who have come wait as well

    def put(name: str) -> None:
        arrived.release()
        shared.put(folder.put, {name: "text"}, contextlib.nullcontext, reload)

    def first() -> None:
        shared.put(folder.put, {"first": "text"}, contextlib.nullcontext, reload)

    side_by_side([first, *(lambda name=name: put(name) for name in "abc")])
    assert reloads == [1, 4]


def test_one_whose_files_are_refused_hinders_nobody_else() -> None:
    shared, folder = SharedReload(), Folder(refused="b")
    reloads = []
    with pytest.raises(MachineError, match="cannot write b"):
        shared.put(folder.put, {"b": "text"}, contextlib.nullcontext, lambda: reloads.append(1))
    assert not reloads
    shared.put(folder.put, {"a": "text"}, contextlib.nullcontext, lambda: reloads.append(1))
    assert (folder.put_files, reloads) == ([("a", "text")], [1])


def test_a_reload_that_fails_fails_for_whom_it_was_and_not_for_the_next() -> None:
    shared, folder = SharedReload(), Folder()

    def broken() -> None:
        raise MachineError("systemd does not answer")

    with pytest.raises(MachineError, match="does not answer"):
        shared.put(folder.put, {"a": "text"}, contextlib.nullcontext, broken)
    shared.put(folder.put, {"b": "text"}, contextlib.nullcontext, lambda: None)
    assert folder.put_files == [("a", "text"), ("b", "text")]


def test_what_others_need_comes_first_and_removals_last() -> None:
    shared, folder = SharedReload(), Folder()
    names = {
        "beacon-old.volume": None,
        "beacon-web.container": "unit",
        "beacon-web.container.1.env": None,
        "beacon-web-data.volume": "volume",
        "beacon-web.container.2.env": "A=1",
        "beacon-back.network": "network",
    }
    shared.put(folder.put, names, contextlib.nullcontext, lambda: folder.put_files.append(("reload", "")))
    assert [name for name, _ in folder.put_files] == [
        "beacon-web.container.2.env",
        "beacon-web-data.volume",
        "beacon-back.network",
        "beacon-web.container",
        "beacon-old.volume",
        "reload",
        "beacon-web.container.1.env",
    ]
