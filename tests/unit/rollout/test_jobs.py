"""A service that its owner starts, stops or restarts, and what is said if it does not come to that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from beacon.errors import MachineError
from beacon.model.image import ImageConfig
from beacon.model.machine import Engine
from beacon.model.reference import Digest, ImageReference
from beacon.rollout.jobs import run_job
from beacon.rollout.ports import Progress
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import push, roll_out, tools

UNIT = "beacon-web.service"


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which web is up."""
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    return machine


def test_it_is_stopped_and_started_and_restarted(machine: FakeMachine) -> None:
    run_job(tools(machine), "stop", "web")
    assert machine.units[UNIT].active == "inactive"
    run_job(tools(machine), "start", "web")
    assert machine.units[UNIT].active == "active"
    before = machine.units[UNIT].pid
    run_job(tools(machine), "restart", "web")
    assert machine.units[UNIT].pid > before


def test_what_is_not_installed_is_applied_first(machine: FakeMachine) -> None:
    with pytest.raises(MachineError, match="cannot stop db: it is not installed") as caught:
        run_job(tools(machine), "stop", "db")
    assert caught.value.hint == "beacon apply db installs it"


def test_what_does_not_come_up_is_told(machine: FakeMachine) -> None:
    for image in machine.registry.values():
        image.behaviour = "unstartable"
    with pytest.raises(MachineError, match="cannot restart web: ") as caught:
        run_job(tools(machine), "restart", "web")
    assert caught.value.hint == "beacon logs web"


def test_an_image_that_a_prune_took_is_pulled_again(machine: FakeMachine) -> None:
    run_job(tools(machine), "stop", "web")
    machine.local.clear()
    run_job(tools(machine), "start", "web")
    assert machine.units[UNIT].active == "active"


def test_an_engine_that_does_not_answer_keeps_no_service_down() -> None:
    class Mute(FakeMachine):
        def image_config(self, image: ImageReference) -> ImageConfig | None:
            raise MachineError(f"cannot inspect {image}: the engine does not answer")

    machine = Mute()
    roll_out(machine, push(machine, "1"))
    run_job(tools(machine), "restart", "web")
    assert machine.units[UNIT].active == "active"


def test_a_service_that_has_not_moved_yet_is_looked_up_in_its_own_engine(machine: FakeMachine) -> None:
    class Other(FakeMachine):
        def pull(self, image: ImageReference, progress: Progress) -> Digest:
            raise AssertionError(f"the service of {image} does not run there, {progress}")

    on_docker = replace(
        tools(machine),
        engine=Other(),
        engine_kind=lambda: Engine.DOCKER,
        engines={Engine.PODMAN: machine, Engine.DOCKER: Other()},
    )
    run_job(on_docker, "restart", "web")
    assert machine.units[UNIT].active == "active"


def test_an_image_that_was_pulled_in_part_is_not_started_from(machine: FakeMachine) -> None:
    live = machine.load("web").live_release
    assert live is not None
    machine.stop(UNIT, 10)
    machine.mark_partial(live.image.image_id, partial=True)
    run_job(tools(machine), "start", "web")
    assert f"pull {live.pinned}" in machine.effects[-8:]
    assert not machine.partial
