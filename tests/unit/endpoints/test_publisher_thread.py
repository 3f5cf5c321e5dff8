"""Keeping a store up to date: what it takes, and what becomes of one that is away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beacon.endpoints.routing.publisher import Change, Entry
from beacon.endpoints.stores import thread as module
from beacon.endpoints.stores.loop import Snapshot, status
from beacon.endpoints.stores.thread import PublisherThread, described
from beacon.errors import StoreError
from beacon.state.store import StateStore
from tests.fakes.store import MemoryStore


class Rig:
    """A thread of a store in memory."""

    def __init__(self, folder: Path, refresh: float = 0.2) -> None:
        self.store = MemoryStore()
        self.said: list[str] = []
        self.thread = PublisherThread(
            self.store, StateStore(folder, folder).record("memory"), refresh, self.said.append
        )
        self.thread.start()

    def put(self, **values: str) -> None:
        self.thread.put({name: Entry(value, 1) for name, value in values.items()})

    def wait(self, so: Callable[[], bool], limit: float = 5) -> None:
        deadline = time.monotonic() + limit
        while not so():
            assert time.monotonic() < deadline, (self.store.values, self.said)
            time.sleep(0.01)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.thread.end(5)


def test_news_is_told_at_once_and_renewed(rig: Rig) -> None:
    rig.put(web="1")
    rig.wait(lambda: rig.store.values == {"web": "1"})
    rig.put(web="1", shop="2")
    rig.wait(lambda: rig.store.values == {"web": "1", "shop": "2"}, 1)
    time.sleep(1.5)  # longer than a key lives
    assert rig.store.values == {"web": "1", "shop": "2"}
    assert sum(bool(change.put) for change in rig.store.writes) == 2
    rig.put()
    rig.wait(lambda: not rig.store.values, 1)
    last = "memory: shop is deleted, web is deleted"
    rig.wait(lambda: last in rig.said)
    assert rig.said == ["memory: web is published", "memory: shop is published", last]


def test_a_store_that_is_away_is_tried_again_with_patience_and_told_of_once(rig: Rig) -> None:
    rig.store.away = True
    rig.put(web="1")
    rig.wait(rig.thread.tried.is_set)
    for number in range(20):
        rig.put(web=str(number))
    time.sleep(0.3)
    assert [line for line in rig.said if "cannot reach" in line] == ["<3>cannot reach memory"]
    assert isinstance(rig.thread.trouble, StoreError)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", rig.thread.retry_clock)
    rig.store.away = False
    rig.wait(lambda: rig.store.values == {"web": "19"})
    rig.wait(lambda: rig.thread.trouble is None)
    assert "memory is told again what is answered" in rig.said


def test_a_store_that_came_back_empty_is_told_again(rig: Rig) -> None:
    rig.put(web="1")
    rig.wait(lambda: rig.store.values == {"web": "1"})
    rig.store.forget()
    rig.wait(lambda: rig.store.values == {"web": "1"})
    assert module.CHECK <= 10


def test_its_end_leaves_what_is_published(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.put(web="1")
    rig.wait(lambda: rig.store.values == {"web": "1"})
    rig.thread.end(5)
    rig.put(web="2")
    assert rig.store.values == {"web": "1"}


def test_many_changes_are_told_as_numbers() -> None:
    many = {str(number): Entry("") for number in range(5)}
    assert described(Change(many, {}, ("a",))) == "5 keys are published, 1 keys are deleted"
    assert described(Change({}, many)) == ""


def test_the_status_says_what_is_published_and_what_is_away(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    other = Rig(tmp_path)
    other.thread.where = "other"
    snapshot = Snapshot({}, 3, 1)
    assert status(None, [rig.thread], "") == "Looking at the services"
    assert status(snapshot, [rig.thread], "no engine") == "What is published stays as it is: no engine"
    threads = [rig.thread, other.thread]
    assert status(snapshot, threads, "") == "telling memory and other"
    rig.thread.tried.set()
    assert status(snapshot, threads, "") == "3 endpoints of 1 service published to memory; telling other"
    other.thread.tried.set()
    assert status(snapshot, threads, "") == "3 endpoints of 1 service published to memory and other"
    other.thread.trouble, other.thread.retry_clock = StoreError("cannot reach other"), "12:34:56"
    assert status(snapshot, threads, "") == (
        "3 endpoints of 1 service published to memory; cannot reach other; next try at 12:34:56"
    )
    for one in (rig, other):
        one.thread.end(5)
