"""A way back that was to leave a service down, and that was killed: its owner's later start counts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.rollout.halt import Halt
from beacon.model.rollout.record import Cause, Decision, Rollout
from beacon.model.runtime import UnitState
from beacon.rollout.decisions.down import is_started_since
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.resuming import resume
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import is_at_rest, plan_rollout, push, roll_out, running, tools

UNIT, GATEWAY = "beacon-web.service", "gateway.service"


class Stopped(FakeMachine):
    """A machine on which ``beacon stop`` waits once the unit was restarted."""

    is_asked = False

    def start_over(self) -> None:
        self.effects.clear()
        self.halts = lambda: Halt.STOP if f"restart {UNIT}" in self.effects else None


def killed(at: int) -> Stopped | None:
    """Return the machine after a kill at the effect *at* of the rollout; None where that comes to its end."""
    machine = Stopped()
    one, two = push(machine, "1"), push(machine, "2")
    roll_out(machine, one)
    machine.requires[UNIT] = (GATEWAY,)
    machine.start(GATEWAY, 1)
    planned = plan_rollout(machine, two)
    machine.start_over()
    machine.kill_at = at
    try:
        deploy(tools(machine), [planned])
    except KilledError:
        machine.kill_at = None
        machine.locked.clear()
        machine.halts = lambda: None
        return machine
    return None


def is_leaving_down(machine: FakeMachine) -> bool:
    record = machine.rollouts.get("web")
    return isinstance(record, Rollout) and (record.decision, record.cause) == (Decision.BACK, Cause.STOPPED)


STARTED = {"by its owner": "has started it again since", "by a boot": "a boot has started it since"}


@pytest.mark.parametrize("start", ["by its owner", "by a boot", ""])
def test_it_counts_at_any_instant(start: str) -> None:
    kill = seen = 0
    machine: FakeMachine | None
    while (machine := killed(kill)) is not None:
        kill += 1
        if machine.load("web").rollout is None or not is_leaving_down(machine):
            continue
        seen += 1
        machine.stop(UNIT, 1)  # by the verb that waited
        if start == "by a boot":
            machine = machine.booted()
        elif start:
            machine.start(UNIT, 1)
        (outcome,) = resume(tools(machine), ["web"])
        former = machine.load("web").live_release
        assert former is not None
        assert former.number == 1
        assert is_at_rest(machine.load("web"))
        if start:
            assert outcome.kind is OutcomeKind.DEFERRED
            assert f"{STARTED[start]}; release 1 runs on" in outcome.detail
            assert running(machine) == former.image.image_id, kill
            assert machine.units[GATEWAY].active == "active"
        else:
            assert outcome.kind is OutcomeKind.STOPPED
            assert running(machine) is None, kill
    assert seen > 1


UP = UnitState(UNIT, load="loaded", active="active", sub="running", ended=5)
DOWN = replace(UP, active="inactive", sub="dead", ended=7)


@pytest.mark.parametrize(
    ("before", "now", "started"),
    [
        (DOWN, replace(UP, ended=7), True),
        (UP, replace(UP, ended=9), True),
        (UP, UP, False),
        (replace(UP, active="activating"), UP, False),
        (DOWN, DOWN, False),
        (UP, replace(UP, ended=9, restarts=1), False),
        (UP, replace(UP, ended=9, active="activating", sub="auto-restart"), False),
    ],
    ids=["after a stop", "stopped since", "up all the time", "it came up", "down", "by systemd", "crashed"],
)
def test_what_is_a_start_by_somebody(before: UnitState, now: UnitState, started: object) -> None:
    assert is_started_since(before, now) is started
