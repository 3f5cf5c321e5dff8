"""A rollout that cannot be ended now: its service is left alone, whatever is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import MachineError
from beacon.model.event import Event, EventKind
from beacon.model.outcome import OutcomeKind
from beacon.model.rollout.former import FormerRollout
from beacon.model.rollout.record import Rollout
from beacon.operations.apply import ApplyRequest, apply
from beacon.operations.definitions.remove import RemoveRequest, remove
from beacon.operations.listener import Progress
from beacon.operations.update import RollbackRequest, rollback
from beacon.state.outbox import Outbox
from beacon.wire.outcome import OutcomeInfo
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import push, roll_out, service

DEFINITION = 'image = "registry.example/me/web:latest"\n'
DAMAGED = "cannot understand rollouts/web.json"


class Barred(FakeMachine):
    """A machine on which the record of the rollout of web is damaged."""

    def rollout(self, name: str) -> Rollout | FormerRollout | None:
        if name == "web":
            raise MachineError(DAMAGED, hint="move it away")
        return super().rollout(name)


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    """Return a machine with db, and with web whose rollout was cut off."""
    machine = Barred()
    for name in ("db", "web"):
        roll_out(machine, push(machine, "1"), service(name))
    roll_out(machine, push(machine, "2"))
    machine.kill_at = len(machine.effects) + 8
    with pytest.raises(KilledError):
        roll_out(machine, push(machine, "3"))
    machine.kill_at = None
    machine.locked.clear()
    assert machine.load("web").rollout is not None
    made = StagedMachine(machine, tmp_path, push(machine, "1"))
    made.paths.definitions.mkdir(parents=True)
    for name in ("db", "web"):
        made.definition_path(name).write_text(DEFINITION)
    return made


def is_the_reason(outcome: OutcomeInfo) -> bool:
    said = (outcome.service, outcome.kind, outcome.detail, outcome.hint)
    return said == ("web", OutcomeKind.FAILED, DAMAGED, "move it away")


def test_its_service_is_not_removed(here: StagedMachine) -> None:
    machine = here.machine
    before = {name: text for name, text in machine.files.items() if "web" in name}
    answer = remove(here, RemoveRequest(("db", "web")), Recorder())
    web, db = sorted(answer.services, key=lambda one: one.service, reverse=True)
    assert is_the_reason(web)
    assert db.kind is OutcomeKind.REMOVED
    assert machine.files == before
    assert machine.load("web").rollout is not None
    assert here.known_names() == ("web",)
    assert here.definition_path("web").exists()


def test_a_rollout_that_began_meanwhile_keeps_its_service_too(here: StagedMachine) -> None:
    here.machine.locked.add("web")  # by another beacon, whose way back is barred

    class Ended(Recorder):
        def hear(self, progress: Progress) -> None:
            super().hear(progress)
            here.machine.locked.discard("web")

    (web,) = remove(here, RemoveRequest(("web",)), Ended()).services
    assert (web.kind, web.detail) == (OutcomeKind.FAILED, "its rollout has not ended")
    assert here.machine.load("web").rollout is not None


@pytest.mark.parametrize("text", [DEFINITION + 'env = {A = "1"}\n', None])
def test_nothing_is_applied_to_it(here: StagedMachine, text: str | None) -> None:
    before = dict(here.machine.files)
    path = here.definition_path("web")
    path.unlink() if text is None else path.write_text(text)
    answer = apply(here, ApplyRequest(), Recorder())
    web = next(one for one in answer.services if one.service == "web")
    assert is_the_reason(web)
    assert len(answer.services) == 2
    assert here.machine.load("web").rollout is not None
    assert {**here.machine.files, **before} == here.machine.files


def test_it_is_not_rolled_back(here: StagedMachine) -> None:
    (outcome,) = rollback(here, RollbackRequest("web"), Recorder()).services
    assert is_the_reason(outcome)


def test_what_was_left_untold_is_told_before_the_service_is_forgotten(tmp_path: Path) -> None:
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    here = StagedMachine(machine, tmp_path)
    event = Event(EventKind.RELEASE_LIVE, "web", "Release 1 of web is live")

    def die(_: Event, name: str) -> None:
        raise KilledError(name)

    with pytest.raises(KilledError):
        Outbox(here.paths.outbox, machine, die).log(event, machine.load("web"))
    machine.events.clear()
    remove(here, RemoveRequest(("web",)), Recorder())
    assert [one.kind for one in machine.events] == [EventKind.RELEASE_LIVE, EventKind.REMOVED]
