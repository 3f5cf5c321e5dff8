"""Which rollouts a hold turns back, and what is said of those that their owner ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import pytest
from msgspec.structs import replace

from beacon.model.outcome import OutcomeKind
from beacon.model.release import Hold, Trigger
from beacon.model.rollout.halt import Halt
from beacon.model.runtime import UnitState
from beacon.model.service import Hooks
from beacon.model.unit import hook_unit
from beacon.rollout.back import roll_back
from beacon.rollout.deploy import deploy
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.resuming import resume
from tests.fakes.machine import FakeMachine, KilledError
from tests.fakes.stage import RENDERER, is_at_rest, plan_rollout, push, roll_out, running, service, tools

HOLD = Hold("2026-11-21T12:00:00Z", "")
HOOK = hook_unit("web")


def test_a_hold_turns_back_no_definition_that_its_owner_applies(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    planned = plan_rollout(machine, push(machine, "2"))
    applied = replace(planned, candidate=replace(planned.candidate, trigger=Trigger.APPLY))
    machine.halts = lambda: Halt.HOLD
    (outcome,) = deploy(tools(machine), [applied])
    assert outcome.kind is OutcomeKind.UPDATED


def test_a_hold_turns_back_no_rollback(machine: FakeMachine) -> None:
    one = push(machine, "1")
    roll_out(machine, one)
    roll_out(machine, push(machine, "2"))
    machine.halts = lambda: Halt.HOLD
    assert roll_back(tools(machine), RENDERER, "web", None).kind is OutcomeKind.UPDATED
    assert running(machine) == one.config.image_id


def test_an_update_that_was_cut_off_goes_back_once_it_is_held() -> None:
    lives = set()
    for kill_at in range(200):
        machine = FakeMachine()
        one = push(machine, "1")
        roll_out(machine, one)
        two = push(machine, "2")
        machine.kill_at = len(machine.effects) + kill_at
        try:
            roll_out(machine, two)
            break
        except KilledError:
            killed = machine.copy()
        is_decided = killed.saved["web"].live == 2 or any(
            record.decision == "live"  # type: ignore[union-attr]
            for record in killed.rollouts.values()
        )
        killed.saved["web"] = replace(killed.saved["web"], hold=HOLD)
        outcomes = resume(tools(killed), ["web"])
        state = killed.load("web")
        assert is_at_rest(state), kill_at
        assert state.live == (2 if is_decided else 1), kill_at
        assert running(killed) == (two if is_decided else one).config.image_id, kill_at
        assert is_decided or all(Halt.HOLD.reason in one.detail for one in outcomes), kill_at
        lives.add(state.live)
    assert lives == {1, 2}


def test_a_start_that_its_owner_ends_has_not_failed(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    machine.stop("beacon-web.service", 10)
    live = machine.load("web").live_release
    assert live is not None
    machine.halts = lambda: Halt.STOP
    (outcome,) = deploy(tools(machine), [PlannedRollout(live, {}, 1)])
    assert (outcome.kind, outcome.hint) == (OutcomeKind.STOPPED, "beacon start web")


@pytest.mark.parametrize("is_canceled", [False, True], ids=["held before", "held or canceled meanwhile"])
def test_a_hook_that_outlives_a_kill_is_awaited_before_the_update_goes_back(*, is_canceled: bool) -> None:
    class Backup(FakeMachine):
        """A machine whose hook is at work on the stopped service for a minute after Beacon was killed."""

        def states(self, units: Iterable[str]) -> Mapping[str, UnitState]:
            active = "active" if self.time < self.ends else "inactive"
            hook = UnitState(HOOK, load="loaded", active=active)
            return {**super().states(units), **({HOOK: hook} if HOOK in units else {})}

        ends = 0.0

        def _effect(self, what: str) -> None:
            assert what != "restart beacon-web.service" or self.time >= self.ends, "in the middle of a backup"
            super()._effect(what)

    machine = Backup()
    one = push(machine, "1")
    of = service(hooks=Hooks(before_update=("backup", "beacon-web.service")))
    roll_out(machine, one, of)
    two = push(machine, "2")
    machine.kill_at = len(machine.effects) + 9  # once the hook has stopped the service
    with pytest.raises(KilledError):
        roll_out(machine, two, of)
    assert machine.effects[-1] == "hook stops beacon-web.service"
    killed = machine.copy()
    assert isinstance(killed, Backup)
    killed.ends = machine.time + 60
    killed.saved["web"] = replace(killed.saved["web"], hold=None if is_canceled else HOLD)
    resume(dataclasses.replace(tools(killed), is_canceled=lambda: is_canceled), ["web"])
    assert (killed.load("web").live, running(killed)) == (1, one.config.image_id)
    assert is_at_rest(killed.load("web"))


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()
