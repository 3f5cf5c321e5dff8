"""The resident part of publishing, while its beacon.toml is written anew; with a store in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.endpoints.routing.publisher import Publisher
from beacon.endpoints.routing.stores import Store
from beacon.endpoints.stores.service import Outside, PublishingService
from beacon.endpoints.stores.watched import Watched
from beacon.model.machine import Scope
from beacon.model.release import ServiceState
from beacon.model.service import Endpoint
from beacon.operations.caller import Caller
from beacon.operations.machine import Machine
from beacon.systemd.notify import Notifier
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import candidate, push, service
from tests.fakes.store import MemoryStore

WHOLE = 0.3
"""Seconds that a file counts as whole after, here."""

Step = Callable[[], object]


class StagedMachine(Machine):
    """The machine of a user, with one store in memory."""

    def __init__(self, folder: Path, store: MemoryStore) -> None:
        environment = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"), str(folder))
        super().__init__(Scope.USER, Caller(1000, environment, folder))
        self._published = store

    def publisher_of(self, store: Store) -> Publisher:  # type: ignore[override]  # which needs no self
        self._published.where = store.where
        return self._published


class Rig:
    """A resident that takes a step of its script at each look at the files, and ends after the last.

    One service is up, whose endpoint is to be published.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "beacon/beacon.toml"
        self.file.parent.mkdir()
        self.file.write_text("[publish.redis]\n", encoding="utf-8")
        self.store = MemoryStore()
        self._folder = folder
        self._install(self._machine())
        self.said: list[str] = []
        outside = Outside(lambda _: self, Notifier({}), self.said.append)
        self.service = PublishingService(self._machine, outside, WHOLE)
        self.before_it_is_read: list[Step] = []
        self._steps: Iterator[Step] = iter(())

    @staticmethod
    def _install(machine: Machine) -> None:
        engine = FakeMachine()
        made = candidate(engine, push(engine, "1"), service(endpoints=(Endpoint("a.org", 80),)))
        live = replace(made, ports={"80/tcp": 20000})
        machine.store.save(ServiceState("web", (live,), live=live.number))

    def run(self, *steps: Step) -> None:
        self._steps = iter(steps)
        self.service.run()

    def _machine(self) -> Machine:
        if getattr(self, "before_it_is_read", None):
            self.before_it_is_read.pop(0)()
        return StagedMachine(self._folder, self.store)

    def write(self, text: str) -> Step:
        return lambda: self.file.write_text(text, encoding="utf-8")

    # As systemd's own watch

    def wait(self, seconds: float) -> bool:
        if not self.store.values:
            time.sleep(min(seconds, 0.01))
            return False
        if (step := next(self._steps, None)) is not None:
            step()
        else:
            self.service.end()
        return False

    def subscribe(self) -> None:
        pass

    def states(self) -> dict[str, str]:
        return {"beacon-web.service": "active"}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def pause() -> None:
    time.sleep(WHOLE + 0.1)


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_that_is_empty_or_away_for_a_moment_takes_nothing_back(rig: Rig, *, gone: bool) -> None:
    first: Step = rig.file.unlink if gone else rig.write("")
    rig.run(first, lambda: None, rig.write("[publish.redis]\nexpire = '90s'\n"), pause, lambda: None)
    assert rig.store.values
    assert not any("nothing to publish to" in line for line in rig.said)
    assert sum("beacon.toml is new" in line for line in rig.said) == 1


def test_a_file_that_is_emptied_while_it_is_read_takes_nothing_back(rig: Rig) -> None:
    rig.before_it_is_read = [lambda: None, rig.write("")]
    again = "[publish.redis]\nexpire = '90s'\n"
    rig.run(rig.write("\n[publish.redis]\n"), lambda: None, pause, rig.write(again), pause, lambda: None)
    assert rig.store.values
    assert not rig.before_it_is_read


def test_a_file_that_stays_without_stores_ends_it_and_takes_all_back(rig: Rig) -> None:
    rig.run(rig.write(""), lambda: None, pause, lambda: pytest.fail("it goes on"))
    assert rig.store.values == {}
    assert "has nothing to publish to any more" in rig.said[-1]


def test_a_file_that_is_still_being_written_is_not_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "beacon.toml"
    path.touch()
    file = Watched(path)
    for _ in range(3):
        with path.open("a", encoding="utf-8") as stream:
            stream.write("# a line\n")
        assert not file.is_replaced()
