"""An image whose blame is not certain is tried again by itself, once, after a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.release import Pending, Quarantine
from beacon.rollout.back import roll_back
from beacon.rollout.deploy import deploy_carefully
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import RENDERER, plan_rollout, push, roll_out, service, tools

TOMORROW = timedelta(days=1).total_seconds()


def entry_of(machine: FakeMachine, name: str = "web") -> Quarantine:
    """Return the only entry of a service's quarantine."""
    (entry,) = machine.load(name).quarantine
    return entry


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine that runs release 1."""
    machine = FakeMachine()
    roll_out(machine, push(machine, "1"))
    return machine


def test_what_exits_is_not_tried_again(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "2", "unstartable"))
    assert entry_of(machine).until == ""


def test_what_is_too_slow_is_tried_once_more(machine: FakeMachine) -> None:
    two = push(machine, "2", "unready")
    roll_out(machine, two)
    entry = entry_of(machine)
    assert entry.until > entry.since
    machine.sleep(TOMORROW)
    assert roll_out(machine, two).kind is OutcomeKind.ROLLED_BACK
    assert entry_of(machine).until == ""


def test_what_the_machine_hinders_is_tried_every_day(machine: FakeMachine) -> None:
    two = push(machine, "2", "refused")
    machine.save(
        replace(machine.load("web"), pending=Pending(service().image, two, "2026-11-21T12:00:00Z", 2))
    )
    for _ in range(2):
        assert roll_out(machine, two).kind is OutcomeKind.ROLLED_BACK
        entry = entry_of(machine)
        assert entry.until > entry.since
        machine.sleep(TOMORROW)


def test_what_its_owner_left_is_not_tried_again(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "2"))
    assert roll_back(tools(machine), RENDERER, "web", None).release == 1
    assert entry_of(machine).until == ""


def test_who_was_spared_tries_it_with_the_first(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"), service("api"))
    two = push(machine, "2", "unready")
    rollouts = [plan_rollout(machine, two, service(name)) for name in ("web", "api")]
    deploy_carefully(tools(machine), rollouts, lambda planned: planned, machine.images)
    assert entry_of(machine, "api").until
    assert entry_of(machine, "web").until
