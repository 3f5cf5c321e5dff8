"""Losing the listener never touches the operation."""

from __future__ import annotations

from pathlib import Path

from beacon.errors import BusyError
from beacon.model.host import Scope
from beacon.model.reference import ImageReference
from beacon.operations.caller import Caller
from beacon.operations.listener import Note, Progress, Pulled, Pulling
from beacon.operations.machine import Machine
from beacon.operations.telling import Telling
from tests.fakes.here import Recorder

IMAGE = ImageReference.parse("registry.example/me/web:latest")


class ClosedPipe(Recorder):
    """A listener that is there for one sentence."""

    def hear(self, progress: Progress) -> None:
        super().hear(progress)
        if len(self.heard) > 1:
            raise BrokenPipeError


def pull(listener: Recorder) -> None:
    with Telling(listener, Scope.SYSTEM).pulling("web", IMAGE) as read:
        for line in ("Copying blob 1", "Writing manifest", "Copying blob 2"):
            read(line)


def test_a_pull_is_told_layer_by_layer() -> None:
    listener = Recorder()
    pull(listener)
    layers = [Pulling("web", IMAGE, number) for number in range(3)]
    assert listener.heard == [*layers, Pulled("web", IMAGE)]


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
    assert isinstance(listener.heard[-1], Note)
