"""What is told over kills: each event at least once, and none that never came to be."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import MachineError
from beacon.model.event import Event, EventKind
from beacon.model.release import ServiceState
from beacon.state.outbox import Outbox

LIVE = Event(EventKind.RELEASE_LIVE, "web", "Release 2 of web is live", release=2)
FAILED = Event(EventKind.ROLLED_BACK, "web", "Release 2 of web failed", release=2)
DEFERRED = Event(EventKind.DEFERRED, "db", "db: deferred: its window is closed")


class KilledError(BaseException):
    """The end of the process."""


class Memory:
    """States in memory, and a kill before or after one is saved."""

    def __init__(self) -> None:
        self.states: dict[str, ServiceState] = {}
        self.before: Callable[[], None] = lambda: None

    def load(self, name: str) -> ServiceState:
        return self.states.get(name, ServiceState(name))

    def save(self, state: ServiceState) -> None:
        self.before()
        self.states[state.name] = state


class Journal:
    """What was told, and with which ids; a kill may come before that."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ids: list[str] = []
        self.killed = False

    def log(self, event: Event, name: str) -> None:
        if self.killed:
            raise KilledError
        self.events.append(event)
        self.ids.append(name)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def outbox(tmp_path: Path, memory: Memory, journal: Journal) -> Outbox:
    return Outbox(tmp_path / "outbox", memory, journal.log)


def kill() -> None:
    raise KilledError


def left(folder: Path) -> list[Path]:
    return sorted((folder / "outbox").glob("*"))


def test_what_is_told_leaves_nothing_behind(outbox: Outbox, journal: Journal, tmp_path: Path) -> None:
    outbox.log(DEFERRED)
    outbox.log(LIVE, ServiceState("web", live=2))
    outbox.log_left()
    assert journal.events == [DEFERRED, LIVE]
    assert len(set(journal.ids)) == 2
    assert left(tmp_path) == []


def test_a_kill_before_the_log_loses_nothing(
    outbox: Outbox, memory: Memory, journal: Journal, tmp_path: Path
) -> None:
    journal.killed = True
    for event, state in ((DEFERRED, None), (LIVE, ServiceState("web", live=2))):
        with pytest.raises(KilledError):
            outbox.log(event, state)
    assert [stat.S_IMODE(path.stat().st_mode) for path in left(tmp_path)] == [0o600, 0o600]
    journal.killed = False
    outbox.log_left()
    outbox.log_left()
    assert journal.events == [DEFERRED, LIVE]
    assert memory.load("web").event == journal.ids[1]


def test_what_never_came_to_be_is_not_told(
    outbox: Outbox, memory: Memory, journal: Journal, tmp_path: Path
) -> None:
    memory.before = kill
    with pytest.raises(KilledError):
        outbox.log(LIVE, ServiceState("web", live=2))
    memory.before = lambda: None
    outbox.log_left()
    assert journal.events == []
    assert left(tmp_path) == []


def test_an_event_is_told_before_the_state_names_the_next(
    outbox: Outbox, memory: Memory, journal: Journal
) -> None:
    journal.killed = True
    with pytest.raises(KilledError):
        outbox.log(LIVE, ServiceState("web", live=2))
    journal.killed = False
    outbox.log(FAILED, replace(memory.load("web"), live=1))
    assert journal.events == [LIVE, FAILED]


def test_a_state_that_cannot_be_saved_has_nothing_told(
    outbox: Outbox, memory: Memory, journal: Journal
) -> None:
    def refuse() -> None:
        raise MachineError("the disk is full")

    memory.before = refuse
    with pytest.raises(MachineError):
        outbox.log(LIVE, ServiceState("web", live=2))
    outbox.log_left()
    assert journal.events == []


def test_where_nothing_can_be_recorded_it_is_told_all_the_same(
    outbox: Outbox, memory: Memory, journal: Journal, tmp_path: Path
) -> None:
    (tmp_path / "outbox").touch()
    outbox.log(LIVE, ServiceState("web", live=2))
    assert journal.events == [LIVE]
    assert memory.load("web").live == 2


def test_what_is_being_told_is_left_alone(tmp_path: Path, memory: Memory, journal: Journal) -> None:
    other = Outbox(tmp_path / "outbox", memory, journal.log)
    memory.before = other.log_left  # another process, between the record and the state
    Outbox(tmp_path / "outbox", memory, journal.log).log(LIVE, ServiceState("web", live=2))

    def log(event: Event, name: str) -> None:
        other.log_left()
        journal.log(event, name)

    Outbox(tmp_path / "outbox", memory, log).log(DEFERRED)
    assert journal.events == [LIVE, DEFERRED]


def test_what_cannot_be_understood_is_dropped(outbox: Outbox, journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "0.json").write_text("{", encoding="utf-8")
    outbox.log_left()
    assert (journal.events, left(tmp_path)) == ([], [])
