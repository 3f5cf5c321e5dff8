"""Killed at any instant, an update has its end in the journal once the next run is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from beacon.model.event import Event, EventKind
from beacon.model.service import Hooks
from beacon.operations.update import UpdateRequest, update
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import Behaviour, FakeMachine, KilledError
from tests.fakes.stage import push, roll_out, service

ENDS = {EventKind.RELEASE_LIVE, EventKind.ROLLED_BACK, EventKind.ROLLBACK_FAILED, EventKind.RELEASE_FAILED}


class Journal(list[Event]):
    """Hears events; a kill may come instead of that, and the list outlives the process."""

    def __init__(self, machine: FakeMachine) -> None:
        super().__init__()
        self.machine = machine

    def log(self, event: Event, name: str) -> None:
        del name
        self.machine.effect("the journal hears")
        self.append(event)


@pytest.mark.parametrize(("behaviour", "key"), [("good", "after"), ("exits", "back")])
def test_the_hook_behind_it_runs_once(tmp_path: Path, behaviour: Behaviour, key: str) -> None:
    hooked = service(hooks=Hooks(after_update=("after",), after_rollback=("back",)))
    for instant in range(200):
        machine = FakeMachine()
        roll_out(machine, push(machine, "1"), hooked)
        machine.effects.clear()
        machine.log.clear()
        here = StagedMachine(machine, tmp_path / str(instant), push(machine, "2", behaviour))
        here.paths.definitions.mkdir(parents=True)
        machine.kill_at = instant
        try:
            update(here, UpdateRequest(("web",)), Recorder())
        except KilledError:
            machine.kill_at = None
            machine.locked.clear()
            for _ in range(2):
                update(here, UpdateRequest(("web",)), Recorder())
        else:
            break
        assert [line for line in machine.log if line.startswith("hook")] == [f"hook {key} 2"], instant
        assert machine.load("web").owed is None
    assert instant > 10


@pytest.mark.parametrize(
    ("behaviour", "end"), [("good", EventKind.RELEASE_LIVE), ("exits", EventKind.ROLLED_BACK)]
)
def test_its_end_is_told_and_no_other(tmp_path: Path, behaviour: Behaviour, end: EventKind) -> None:
    for instant in range(200):
        machine = FakeMachine()
        roll_out(machine, push(machine, "1"))
        machine.effects.clear()
        here = StagedMachine(machine, tmp_path / str(instant), push(machine, "2", behaviour))
        here.paths.definitions.mkdir(parents=True)
        journal = Journal(machine)
        vars(here)["_log"] = journal.log
        machine.kill_at = instant
        try:
            update(here, UpdateRequest(("web",)), Recorder())
        except KilledError:
            machine.kill_at = None
            machine.locked.clear()
            for _ in range(2):  # the first may only forget what was begun
                update(here, UpdateRequest(("web",)), Recorder())
            assert [event.kind for event in journal if event.kind in ENDS] == [end], instant
        else:
            break
        assert not list(here.paths.outbox.iterdir())
    assert instant > 10
