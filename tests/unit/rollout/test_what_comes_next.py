"""What is said after a rollback: where the reason is, and what becomes of the image."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.model.release import Trigger
from beacon.rollout.back import roll_back
from beacon.rollout.deploy import deploy
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, plan_rollout, push, roll_out, tools


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine on which release 1 is live."""
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    return machine


def test_an_update_is_tried_again_with_another_image(machine: FakeMachine) -> None:
    outcome = roll_out(machine, push(machine, "2", "exits"))
    assert outcome.hint == (
        "beacon logs web tells why; it is not tried again: push a mended image, or beacon update --retry web"
    )


def test_a_blame_that_is_not_certain_ends_with_the_day(machine: FakeMachine) -> None:
    outcome = roll_out(machine, push(machine, "2", "unready"))
    assert "it is not tried again before " in (outcome.hint or "")


def test_a_definition_can_be_changed(machine: FakeMachine) -> None:
    planned = plan_rollout(machine, push(machine, "2", "exits"))
    planned = replace(planned, candidate=replace(planned.candidate, trigger=Trigger.APPLY))
    (outcome,) = deploy(tools(machine), [planned])
    assert (outcome.hint or "").endswith("change the definition, or beacon apply --retry web")


def test_nothing_comes_after_a_way_back_that_failed(machine: FakeMachine) -> None:
    two = push(machine, "2")
    roll_out(machine, two)
    for image in machine.registry.values():
        image.behaviour = "good" if image.image_id == two.config.image_id else "exits"
    outcome = roll_back(tools(machine), RENDERER, "web", 1)
    assert outcome.hint == "beacon logs web tells why"
