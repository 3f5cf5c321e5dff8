"""A rollout that is canceled, at each moment at which it is asked whether it is still wanted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.rollout.halt import Halt
from beacon.model.service import Health, Service
from beacon.rollout.deploy import deploy
from tests.fakes.machine import FakeMachine
from tests.fakes.stage import is_at_rest, plan_rollout, push, roll_out, running, service, tools

CHECKED = service(health=Health(command=("true",)))


def after(questions: int) -> Callable[[], bool]:
    """Return what says that something is canceled once so many *questions* have been asked."""
    asked = itertools.count()
    return lambda: next(asked) >= questions


def canceled(machine: FakeMachine, of: Service, questions: int, version: str = "2") -> Outcome:
    planned = plan_rollout(machine, push(machine, version), of)
    (outcome,) = deploy(replace(tools(machine), is_canceled=after(questions)), [planned])
    return outcome


@pytest.mark.parametrize("of", [service(), CHECKED], ids=["settles", "is checked"])
def test_whenever_it_is_canceled_one_of_the_releases_runs_and_no_image_is_blamed(of: Service) -> None:
    kinds = set()
    for questions in range(200):
        machine = FakeMachine()
        one = push(machine, "1")
        roll_out(machine, one, of)
        outcome = canceled(machine, of, questions)
        kinds.add(outcome.kind)
        state = machine.load("web")
        assert is_at_rest(state), questions
        assert state.quarantine == (), questions
        if outcome.kind is OutcomeKind.UPDATED:
            break
        assert "canceled" in outcome.detail
        assert (state.live, running(machine)) == (1, one.config.image_id), questions
    assert kinds == {OutcomeKind.DEFERRED, OutcomeKind.UPDATED}


@pytest.mark.parametrize("halt", Halt)
@pytest.mark.parametrize("of", [service(), CHECKED], ids=["settles", "is checked"])
def test_an_owner_who_waits_has_a_rollout_turn_back_at_any_moment(of: Service, halt: Halt) -> None:
    kind = OutcomeKind.STOPPED if halt.leaves_down else OutcomeKind.DEFERRED
    kinds = set()
    for questions in range(200):
        machine = FakeMachine()
        one, two = push(machine, "1"), push(machine, "2")
        roll_out(machine, one, of)
        asked = after(questions)
        machine.halts = lambda asked=asked: halt if asked() else None  # type: ignore[misc]
        outcome = roll_out(machine, two, of)
        kinds.add(outcome.kind)
        state = machine.load("web")
        assert (is_at_rest(state), state.quarantine) == (True, ()), questions
        if outcome.kind is OutcomeKind.UPDATED:
            break
        assert (state.live, halt.reason in outcome.detail) == (1, True), questions
        assert two.config.image_id != running(machine), questions
        if not halt.leaves_down:
            assert running(machine) == one.config.image_id, questions
    assert kinds == {kind, OutcomeKind.UPDATED}


def test_who_cancels_a_first_release_hears_how_to_start_it(machine: FakeMachine) -> None:
    outcome = canceled(machine, service(), 6, "1")
    assert (outcome.kind, outcome.hint) == (OutcomeKind.FAILED, "beacon start web")


def test_a_first_release_is_held_as_it_is(machine: FakeMachine) -> None:
    machine.halts = lambda: Halt.HOLD
    assert roll_out(machine, push(machine, "1")).kind is OutcomeKind.INSTALLED


def test_what_was_canceled_is_tried_again(machine: FakeMachine) -> None:
    roll_out(machine, push(machine, "1"))
    assert canceled(machine, service(), 8).kind is not OutcomeKind.UPDATED
    assert roll_out(machine, push(machine, "2")).kind is OutcomeKind.UPDATED


@pytest.fixture
def machine() -> FakeMachine:
    """Return a machine without services."""
    return FakeMachine()
