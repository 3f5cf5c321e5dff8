"""At least once, at most once more after a kill, and nobody is held up by another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beacon.errors import DeliveryError
from beacon.model.event import Event, EventKind
from beacon.model.notifying.news import News
from beacon.model.notifying.target import Target, Topic
from beacon.model.reference import Digest
from beacon.model.release import ServiceState
from beacon.notify.delivery import Delivery, DeliveryReport
from beacon.notify.message import Message
from beacon.state.notifications import Queue
from tests.fakes.machine import KilledError
from tests.fakes.stage import digest

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ONE, TWO = digest("1"), digest("2")


class Post:
    """Targets in memory, some of which are *away*, or get a message in which this process is *killed*."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Message]] = []
        self.away: set[str] = set()
        self.is_killed = False

    def send(self, target: Target, message: Message) -> None:
        if target.name in self.away:
            raise DeliveryError("no route to host")
        self.got.append((target.name, message))
        if self.is_killed:
            raise KilledError

    @property
    def titles(self) -> list[str]:
        return [f"{name}: {message.title}" for name, message in self.got]


class Stage:
    """A queue on disk, and who is told."""

    def __init__(self, folder: Path, *targets: Target) -> None:
        self.targets = targets or (Target("a"),)
        self.queue = Queue(folder / "notifications", folder / "notified.json", lambda: self.targets)
        self.folder = folder
        self.post = Post()
        self.number = 0

    def happens(self, kind: EventKind, service: str = "web", of: Digest | None = ONE, name: str = "") -> str:
        self.number += 1
        name = name or f"{int(NOW.timestamp() * 1e9) + self.number:016x}{self.number:016x}"
        self.queue.add(Event(kind, service, f"{kind.word} of {service}", digest=of), name)
        return name

    def run(self, minutes: float = 0) -> DeliveryReport:
        delivery = Delivery(self.queue, self.targets, self.post, ServiceState, "mars")
        return delivery.run(NOW + timedelta(minutes=minutes, seconds=1))

    @property
    def left(self) -> int:
        return len(list((self.folder / "notifications").glob("*.json")))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_what_happens_is_told_once_and_forgotten(stage: Stage) -> None:
    stage.happens(EventKind.ROLLED_BACK)
    stage.happens(EventKind.ROLLOUT_STARTED)
    assert stage.run() == DeliveryReport(1)
    assert stage.post.titles == ["a: web was rolled back (mars)"]
    assert (stage.run(), stage.left) == (DeliveryReport(0), 0)


def test_an_image_is_told_of_once_and_passed_over_in_silence_after_that(stage: Stage) -> None:
    stage.happens(EventKind.WAITING)
    stage.run()
    for kind in (EventKind.WAITING, EventKind.QUARANTINED):
        stage.happens(kind)
        assert stage.run(minutes=60 * 24 * 3) == DeliveryReport(0)
    stage.happens(EventKind.WAITING, of=TWO)
    stage.happens(EventKind.WAITING, service="db")
    stage.happens(EventKind.QUARANTINED, service="other")
    assert stage.run() == DeliveryReport(3)


def test_a_rollback_and_its_quarantine_that_were_missed_are_one(stage: Stage) -> None:
    stage.happens(EventKind.ROLLED_BACK)
    stage.happens(EventKind.QUARANTINED)
    stage.run()
    assert stage.post.titles == ["a: web was rolled back (mars)"]


def test_what_has_no_image_is_told_once_a_day(stage: Stage) -> None:
    for minutes, sent in ((0, 1), (60, 0), (60 * 25, 1)):
        stage.happens(EventKind.FAILED, of=None)
        assert stage.run(minutes).sent == sent


def test_who_is_away_holds_up_nobody_and_is_told_when_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Target("a"), Target("b"))
    stage.post.away = {"a"}
    stage.happens(EventKind.ROLLED_BACK)
    notified = stage.run()
    assert (notified.sent, {name: fault.message for name, fault in notified.faults.items()}) == (
        1,
        {"a": "no route to host"},
    )
    assert stage.post.titles == ["b: web was rolled back (mars)"]
    assert stage.queue.memory().targets["a"].failures == 1
    stage.post.away = set()
    assert stage.run(minutes=0.5).sent == 0, "it is too early to try again"
    assert stage.run(minutes=2).sent == 1
    assert stage.post.titles[1:] == ["a: web was rolled back (mars)"]
    assert (stage.left, stage.queue.memory().targets["a"].failures) == (0, 0)


def test_many_at_once_are_one_message(stage: Stage) -> None:
    for name in ("a", "b", "c", "d"):
        stage.happens(EventKind.ROLLED_BACK, service=name)
    assert stage.run().sent == 1
    assert stage.post.titles == ["a: 4 messages from mars"]


def test_targets_are_told_what_they_asked_for_and_those_that_are_gone_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Target("a", events=(Topic.WAITING,)), Target("b"))
    stage.happens(EventKind.ROLLED_BACK)
    stage.targets = stage.targets[:1]
    assert (stage.run(), stage.left) == (DeliveryReport(0), 0)
    stage.targets = ()
    stage.happens(EventKind.ROLLED_BACK)
    assert stage.left == 0


def test_a_kill_between_telling_and_noting_repeats_the_message_with_its_id(stage: Stage) -> None:
    name = stage.happens(EventKind.ROLLED_BACK)
    stage.post.is_killed = True
    with pytest.raises(KilledError):
        stage.run()
    stage.post.is_killed = False
    stage.run()
    assert [message.id for _, message in stage.post.got] == [name, name]
    assert stage.run() == DeliveryReport(0)


def test_a_kill_of_the_rollout_after_it_was_noted_repeats_nothing(stage: Stage) -> None:
    name = stage.happens(EventKind.ROLLED_BACK)
    stage.run()
    stage.happens(EventKind.ROLLED_BACK, name=name)
    assert stage.run() == DeliveryReport(0)
    assert stage.left == 0
    name = stage.happens(EventKind.FAILED, of=None)
    stage.run()
    stage.happens(EventKind.FAILED, of=None, name=name)
    assert stage.run(minutes=60 * 25) == DeliveryReport(0), "though another one would be told after a day"


def test_what_is_too_old_is_given_up(stage: Stage) -> None:
    stage.post.away = {"a"}
    stage.happens(EventKind.ROLLED_BACK)
    stage.run()
    stage.post.away = set()
    assert (stage.run(minutes=60 * 24 * 8).sent, stage.left) == (0, 0)


def test_damaged_files_are_no_hindrance(stage: Stage) -> None:
    stage.happens(EventKind.ROLLED_BACK)
    (stage.folder / "notifications/0.json").write_text("{")
    (stage.folder / "notified.json").write_bytes(b"\xff")
    assert stage.run().sent == 1


def test_the_machine_s_own_news_name_no_service(stage: Stage) -> None:
    stage.happens(EventKind.DISK_LOW, service="", of=None)
    stage.queue.put(
        "0" * 32, News(Topic.BEACON, "beacon-update.service", "it failed", NOW.timestamp(), ("a",))
    )
    stage.run()
    assert stage.post.titles == ["a: Beacon itself has failed (mars)", "a: There is little room left (mars)"]
