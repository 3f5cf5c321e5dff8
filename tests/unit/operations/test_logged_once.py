"""What comes to no change is heard of under the timer, too: once, and not with every run."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.errors import MachineError
from beacon.model.event import EventKind
from beacon.model.image import ResolvedImage
from beacon.model.outcome import OutcomeKind
from beacon.model.service import Hooks, Service
from beacon.operations.apply import ApplyRequest, apply
from beacon.operations.update import UpdateRequest, update
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import Behaviour, FakeMachine
from tests.fakes.stage import push, roll_out, service


class Stubborn(FakeMachine):
    """A machine whose unit files cannot be written, once that is so."""

    is_stubborn = False

    def put(self, name: str, text: str | None) -> None:
        if self.is_stubborn and self.files.get(name) != text:
            raise MachineError(f"cannot write {name}: Read-only file system")
        super().put(name, text)


def staged(machine: FakeMachine, folder: Path, image: ResolvedImage) -> StagedMachine:
    here = StagedMachine(machine, folder, image)
    here.paths.definitions.mkdir(parents=True)
    return here


def with_one(machine: FakeMachine, *services: Service) -> None:
    for one in services:
        roll_out(machine, push(machine, "1"), one)
    machine.events.clear()


def run(here: StagedMachine, times: int = 1) -> list[EventKind]:
    """Return what the journal hears of so many runs of the timer."""
    for _ in range(times):
        update(here, UpdateRequest(), Recorder())
    return [event.kind for event in here.machine.events]


def test_a_pull_that_fails_is_told_until_it_fails_otherwise(tmp_path: Path) -> None:
    machine = FakeMachine()
    with_one(machine, service())
    image = push(machine, "2")
    gone = machine.registry.pop(image.digest)
    here = staged(machine, tmp_path, image)
    assert run(here, 3) == [EventKind.FAILED]
    assert machine.events[0].message.startswith("web: failed: cannot pull ")
    machine.registry[image.digest] = gone
    assert run(here)[1:] == [EventKind.ROLLOUT_STARTED, EventKind.RELEASE_LIVE]


def test_files_that_cannot_be_written_are_told_once(tmp_path: Path) -> None:
    machine = Stubborn()
    with_one(machine, service())
    here = staged(machine, tmp_path, push(machine, "2"))
    machine.is_stubborn = True
    logged = run(here, 2)
    assert [kind for kind in logged if kind is not EventKind.ROLLOUT_STARTED] == [EventKind.FAILED]


def test_what_an_owner_asks_for_is_told_each_time(tmp_path: Path) -> None:
    machine = FakeMachine()
    here = staged(machine, tmp_path, push(machine, "1"))
    machine.registry.clear()
    definition = here.paths.definitions / "web.toml"
    definition.write_text('image = "registry.example/me/web:latest"\n', encoding="utf-8")
    for _ in range(2):
        (outcome,) = apply(here, ApplyRequest(), Recorder()).services
        assert outcome.kind is OutcomeKind.FAILED
    assert [event.kind for event in machine.events] == [EventKind.FAILED] * 2


def test_the_end_of_a_rollout_is_told_once(tmp_path: Path) -> None:
    machine = FakeMachine()
    with_one(machine, service("a"), service("b"))
    here = staged(machine, tmp_path, push(machine, "2", "exits"))
    logged = run(here)
    assert [(event.service, event.kind) for event in machine.events] == [
        ("a", EventKind.ROLLOUT_STARTED),
        ("a", EventKind.ROLLED_BACK),
        ("b", EventKind.QUARANTINED),
    ]
    assert machine.events[-1].digest is not None
    assert machine.events[-1].release is None  # the live one has no part in it
    assert run(here)[len(logged) :] == [EventKind.QUARANTINED]  # of a, which tried it


def crash(machine: FakeMachine) -> None:
    """Have the unit of web fail from now on, each time that systemd starts it."""
    unit = machine.units["beacon-web.service"]
    unit.active, unit.sub, unit.result, unit.status = "activating", "auto-restart", "exit-code", 1
    unit.started = int(machine.now().timestamp() * 1e6)


def test_a_service_that_crashes_again_and_again_is_told_of_once(tmp_path: Path) -> None:
    machine = FakeMachine()
    with_one(machine, service())
    here = staged(machine, tmp_path, push(machine, "1"))
    crash(machine)
    assert run(here) == []
    machine.time += 601
    assert run(here, 2) == [EventKind.FAILED]
    assert machine.events[0].message.startswith("web fails again and again: exits with status 1 since ")
    unit = machine.units["beacon-web.service"]
    unit.active, unit.sub = "active", "running"  # for a moment
    run(here)
    unit.active, unit.sub = "activating", "auto-restart"
    assert run(here) == [EventKind.FAILED]
    machine.time += 3600
    crash(machine)  # after it was well for a while
    machine.time += 601
    assert run(here) == [EventKind.FAILED] * 2


@pytest.mark.parametrize(("behaviour", "key"), [("good", "after_update"), ("exits", "after_rollback")])
def test_a_late_hook_that_fails_is_told(behaviour: Behaviour, key: str) -> None:
    machine = FakeMachine()
    hooked = service(hooks=Hooks(after_update=("false",), after_rollback=("false",)))
    roll_out(machine, push(machine, "1"))
    machine.events.clear()
    roll_out(machine, push(machine, "2", behaviour), hooked)
    assert machine.events[-1].kind is EventKind.HOOK_FAILED
    assert machine.events[-1].message == f"{key} of web failed: exited with status 1"
    assert f"web: {key} failed: exited with status 1" in machine.log
