"""Losing the listener never touches the operation."""

from __future__ import annotations

from pathlib import Path

from beacon.errors import BusyError
from beacon.model.event import Event
from beacon.model.machine import Scope
from beacon.model.reference import ImageReference
from beacon.operations.caller import Caller
from beacon.operations.listener import Note, Progress, Pulled, Pulling, Waiting
from beacon.operations.machine import Machine
from beacon.operations.reporting import ListenerReporter
from tests.fakes.here import Recorder

IMAGE = ImageReference.parse("registry.example/me/web:latest")


class ClosedPipe(Recorder):
    """A listener that is there for one sentence."""

    def hear(self, progress: Progress) -> None:
        super().hear(progress)
        if len(self.heard) > 1:
            raise BrokenPipeError


def pull(listener: Recorder) -> None:
    events: list[Event] = []
    with ListenerReporter(listener, lambda event, _: events.append(event)).pulling("web", IMAGE) as read:
        for done, total in ((None, None), (1, None), (2, 10)):
            read(done, total)
    assert not events


def test_a_pull_is_told_at_most_every_second() -> None:
    listener = Recorder()
    pull(listener)
    assert listener.heard == [Pulling("web", IMAGE), Pulling("web", IMAGE, 1), Pulled("web", IMAGE)]


def test_a_wait_is_told_when_it_begins_each_second_and_when_it_is_over() -> None:
    listener = Recorder()
    reporter = ListenerReporter(listener, lambda *_: None)
    reporter.waiting("web", "")
    for seconds in (0.2, 0.7, 1.3, 1.5):
        reporter.waiting("web", "watching it settle", seconds, 10.0)
    reporter.waiting("web", "starting", 0.1)
    reporter.waiting("web", "")
    logged = [(one.what, one.seconds) for one in listener.heard if isinstance(one, Waiting)]
    assert logged == [("watching it settle", 0.2), ("watching it settle", 1.3), ("starting", 0.1), ("", 0.0)]


def test_who_cannot_listen_is_told_no_more() -> None:
    listener = ClosedPipe()
    pull(listener)
    assert len(listener.heard) == 2


def test_waiting_for_a_rollout_goes_on_without_a_listener(tmp_path: Path) -> None:
    machine = Machine(Scope.USER, Caller(1000, {"XDG_RUNTIME_DIR": str(tmp_path)}, tmp_path))
    listener, waited = ClosedPipe(), False
    listener.heard = [Note("", "told before")]
    with machine.store.lock("web"):
        try:
            with machine.alone(["web"], listener, patience=0.1):
                pass
        except BusyError:
            waited = True
    assert waited
    assert len(listener.heard) > 1


def test_a_helper_s_wait_is_its_service_s() -> None:
    listener = Recorder()
    ListenerReporter(listener, lambda *_: None).waiting(
        "web.next", "waiting for GET / to be answered", 3.0, 105.0
    )
    assert listener.heard == [Waiting("web", "waiting for GET / to be answered", 3.0, 105.0)]
