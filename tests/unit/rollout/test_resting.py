"""A service that is stopped, or a job that has ended, takes a new release without being started."""

from __future__ import annotations

from dataclasses import replace

import pytest

from beacon.model.machine import Engine
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import ReleaseState
from beacon.model.rollout.halt import Halt
from beacon.model.runtime import LastJob
from beacon.model.service import Restart, RestartPolicy, Service
from beacon.rollout.checking.check import Checked
from beacon.rollout.deploy import deploy
from beacon.rollout.ports import Progress
from beacon.rollout.update import update
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, candidate, plan_rollout, push, roll_out, running, service, tools

UNIT = "beacon-web.service"
JOB = service(restart=Restart(RestartPolicy.NO))


def update_to(
    machine: FakeMachine, version: str, of: Service, behaviour: str = "good"
) -> tuple[Outcome, Digest]:
    """Follow the tag to a new image; return what came of it, and the image."""
    image = push(machine, version, behaviour)
    found = Checked(Outcome("web", OutcomeKind.AVAILABLE, release=1), candidate(machine, image, of))
    (outcome,) = update(tools(machine), RENDERER, [found], machine.images)
    return outcome, image.config.image_id


class Ending(FakeMachine):
    """A machine whose job ends while an image is pulled for it."""

    def pull(self, image: ImageReference, progress: Progress) -> Digest:
        if self.load("web").live is not None:
            self._down(UNIT)
        return super().pull(image, progress)


def test_a_job_that_ends_during_the_pull_takes_the_release_for_its_next_start() -> None:
    machine = Ending()
    roll_out(machine, push(machine, "1"), JOB)
    outcome, image = update_to(machine, "2", JOB)
    assert (outcome.kind, machine.units[UNIT].active) == (OutcomeKind.UPDATED, "inactive")
    machine.start(UNIT, 10)
    assert running(machine) == image


def test_a_service_that_is_down_is_not_said_to_run_on(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine.stop(UNIT, 10)
    planned = plan_rollout(machine, push(machine, "2"), start=False)
    machine.halts = lambda: Halt.HOLD
    (outcome,) = deploy(tools(machine), [planned])
    assert outcome.detail == f"{Halt.HOLD.reason}; release 1 stays installed, and is down"


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()


def test_a_stopped_service_takes_a_new_release_for_its_next_start(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine.stop(UNIT, 1)
    outcome, image = update_to(machine, "2", service())
    assert (outcome.kind, outcome.release) == (OutcomeKind.UPDATED, 2)
    assert outcome.detail.endswith("; not started")
    assert machine.units[UNIT].active == "inactive"
    machine.start(UNIT, 1)
    assert running(machine) == image


def test_a_stop_that_failed_is_one(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine._fail(machine.units[UNIT], "timeout")  # noqa: SLF001  # the hand that arranges things
    machine.units[UNIT].last_job = LastJob("stop", "done")
    outcome, _ = update_to(machine, "2", service())
    assert outcome.detail.endswith("; not started")


def test_a_service_that_failed_is_tried(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine._fail(machine.units[UNIT], "exit-code")  # noqa: SLF001  # the hand that arranges things
    outcome, image = update_to(machine, "2", service())
    assert outcome.kind is OutcomeKind.UPDATED
    assert running(machine) == image


def test_a_job_that_ends_well_stands(machine: FakeMachine) -> None:
    assert roll_out(machine, push(machine, "1", "ends"), JOB).kind is OutcomeKind.INSTALLED
    live = machine.load("web").live_release
    assert live is not None
    assert live.state is ReleaseState.LIVE
    outcome, image = update_to(machine, "2", JOB, "ends")
    assert outcome.kind is OutcomeKind.UPDATED
    assert machine.units[UNIT].active == "inactive"
    machine.start(UNIT, 1)
    assert running(machine) == image


def test_a_job_that_fails_does_not_stand(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"), JOB)
    outcome, _ = update_to(machine, "2", JOB, "exits")
    assert outcome.kind is OutcomeKind.ROLLED_BACK


def test_a_service_that_ends_has_failed(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    assert roll_out(machine, push(machine, "2", "ends")).kind is not OutcomeKind.UPDATED


def test_one_that_is_started_meanwhile_waits_for_the_next_run(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one)
    planned = plan_rollout(machine, push(machine, "2"), start=False)
    (outcome,) = deploy(tools(machine), [planned])
    assert outcome.kind is OutcomeKind.BUSY
    assert running(machine) == one.config.image_id
    assert one.digest in machine.files["beacon-web.container"]


def test_no_daemon_is_started_by_a_pull(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine.stop(UNIT, 1)
    docker = replace(tools(machine), engine_kind=lambda: Engine.DOCKER)
    found = Checked(Outcome("web", OutcomeKind.AVAILABLE, release=1), candidate(machine, push(machine, "2")))
    (outcome,) = update(docker, RENDERER, [found], machine.images)
    assert (outcome.kind, outcome.hint) == (OutcomeKind.STOPPED, "systemctl start docker")
