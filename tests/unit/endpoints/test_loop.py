"""The loop that keeps stores up to date: when it looks, and what it makes of what it sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from beacon.endpoints.routing.publisher import Entry
from beacon.endpoints.stores.loop import Inputs, Snapshot, run_loop
from beacon.endpoints.stores.thread import PublisherThread
from beacon.errors import BeaconError, MachineError
from beacon.state.store import StateStore
from tests.fakes.store import MemoryStore


class World:
    """Is looked at, changes by a script, and notes what the loop says of itself."""

    def __init__(self, folder: Path, *script: Callable[[World], bool]) -> None:
        self.store = MemoryStore()
        self.thread = PublisherThread(self.store, StateStore(folder, folder).record("memory"), 30, self.log)
        self.values: dict[str, str] | None = {"web": "1"}
        self.stopped: dict[str, str] | None = None
        self.trouble: BeaconError | None = None
        self.stamped = 0
        self.lines: list[str] = []
        self.notices: list[str] = []
        self._script = list(script)

    def log(self, text: str) -> None:
        self.lines.append(text)

    def _snapshot(self, values: dict[str, str] | None) -> Snapshot:
        published = {} if values is None else {"memory": {key: Entry(value) for key, value in values.items()}}
        return Snapshot(published, len(values or {}), 1)

    def read(self) -> Snapshot:
        if self.trouble:
            raise self.trouble
        return self._snapshot(self.values)

    def read_stopped(self) -> Snapshot | None:
        return None if self.stopped is None else self._snapshot(self.stopped)

    # The watch, which runs the script: a step says whether systemd tells of a change.

    def wait(self, seconds: float) -> bool:
        if "ready" not in self.notices:
            time.sleep(min(seconds, 0.01))
            return False
        return self._script.pop(0)(self)

    # The manager

    def ready(self) -> None:
        self.notices.append("ready")

    def status(self, text: str) -> None:
        self.notices.append(text)

    def alive(self) -> None:
        pass

    def run(self) -> None:
        inputs = Inputs(
            self.read, self.read_stopped, lambda: self.stamped, lambda: not self._script, self.log
        )
        run_loop([self.thread], self, inputs, self)
        self.thread.end(5)

    def settled(self, values: dict[str, str]) -> None:
        deadline = time.monotonic() + 5
        while self.store.values != values:
            assert time.monotonic() < deadline, self.store.values
            time.sleep(0.01)


def changes(values: dict[str, str] | None, *, published: bool = True) -> Callable[[World], bool]:
    """Return a step in which the services become *values*; systemd tells, or a file changes."""

    def step(world: World) -> bool:
        world.values = values
        world.stamped += 0 if published else 1
        return published

    return step


def finds(values: dict[str, str]) -> Callable[[World], bool]:
    """Return a step that waits until the store says *values*."""

    def step(world: World) -> bool:
        world.settled(values)
        return False

    return step


def test_it_is_ready_when_the_stores_were_tried_and_follows_signals_and_files(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        finds({"web": "1"}),
        changes({"web": "2"}),
        finds({"web": "2"}),
        changes({}, published=False),
        finds({}),
    )
    world.run()
    assert "ready" in world.notices
    assert "1 endpoint of 1 service published to memory" in world.notices


def test_a_look_that_fails_leaves_all_as_it_is_and_is_told_once(tmp_path: Path) -> None:
    def fails(world: World) -> bool:
        world.trouble = MachineError(f"podman does not answer, {len(world.lines)}")
        return True

    def recovers(world: World) -> bool:
        world.trouble = None
        return True

    world = World(
        tmp_path, finds({"web": "1"}), fails, fails, finds({"web": "1"}), recovers, finds({"web": "1"})
    )
    world.run()
    assert len([line for line in world.lines if "podman" in line]) == 1
    assert any(notice.startswith("What is published stays as it is: podman") for notice in world.notices)


def test_what_stopped_is_told_although_the_engine_does_not_answer(tmp_path: Path) -> None:
    def stops(world: World) -> bool:
        world.trouble, world.stopped = MachineError("podman does not answer"), {}
        return True

    World(tmp_path, finds({"web": "1"}), stops, finds({})).run()


def test_a_store_of_which_nothing_can_be_said_keeps_what_it_has(tmp_path: Path) -> None:
    world = World(tmp_path, finds({"web": "1"}), changes(None), finds({"web": "1"}), finds({"web": "1"}))
    world.run()
    assert world.store.values == {"web": "1"}
