"""A first release that is cut off: what was added stays, for the next run to go on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beacon.errors import MachineError
from beacon.model.outcome import OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.rollout.record import Rollout, StepKind
from beacon.model.runtime import JobResult
from beacon.operations.definitions.add import AddRequest
from beacon.operations.definitions.add import add as ask
from beacon.operations.machine import Machine
from beacon.rollout.driving.resuming import resume
from beacon.rollout.ports import Progress
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, tools


class FullDisk(FakeMachine):
    """A machine whose disk is full when the health gate is to be written down."""

    def save_rollout(self, rollout: Rollout) -> None:
        """Save, but for one thing."""
        if rollout.step is StepKind.GATE and self.full_disk:
            raise MachineError("cannot write the state: No space left on device")
        super().save_rollout(rollout)

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        """Start it, on the last bytes of the disk."""
        self.full_disk = True
        return super().restart(unit, limit, hopeless)


class GoingDown(FakeMachine):
    """A machine that is shut down while a service starts for the first time."""

    def restart(self, unit: str, limit: float, hopeless: Callable[[], bool] | None = None) -> JobResult:
        """Fail, as all that starts does then."""
        self.log.append(f"restart {unit}")
        if len(self.log) > len(set(self.log)):
            return super().restart(unit, limit, hopeless)
        self.going_down = True
        return JobResult.FAILED


class OutOfSpace(FakeMachine):
    """A machine that cannot pull."""

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        """Refuse."""
        progress(None)
        raise MachineError(f"cannot pull {image}: the disk is full")


def add(machine: FakeMachine, folder: Path) -> tuple[Machine, OutcomeKind]:
    """Add a service to *machine*, whose registry has one image; return the machine, and what came of it."""
    here = StagedMachine(machine, folder, push(machine, "1"))
    (outcome,) = ask(here, AddRequest("web", "registry.example/me/web:latest"), Recorder()).services
    return here, outcome.kind


@pytest.mark.parametrize("made", [FullDisk, GoingDown])
def test_what_was_begun_is_kept(made: type[FakeMachine], tmp_path: Path) -> None:
    machine = made()
    here, kind = add(machine, tmp_path)
    assert kind in {OutcomeKind.FAILED, OutcomeKind.DEFERRED}
    assert here.definition_path("web").exists()
    assert machine.load("web").rollout is not None
    machine.full_disk = machine.going_down = False
    resume(tools(machine), ["web"])
    assert machine.load("web").live == 1


def test_what_was_not_even_pulled_is_as_if_it_had_never_been_asked_for(tmp_path: Path) -> None:
    machine = OutOfSpace()
    here, kind = add(machine, tmp_path)
    assert kind is OutcomeKind.FAILED
    assert not here.definition_path("web").exists()
    assert (machine.saved, machine.files, machine.local) == ({}, {}, {})
