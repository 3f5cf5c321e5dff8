"""Rollouts that a killed Beacon left behind: each goes on from its record, forth or back."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable

from beacon.errors import BeaconError, BusyError, MachineError
from beacon.model.event import EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import ServiceState
from beacon.model.rollout.former import FormerRollout, Phase
from beacon.model.rollout.halt import Halt
from beacon.model.rollout.record import (
    Cause,
    Decision,
    Rollout,
    StepKind,
    resumed,
    started_since,
    turned_back,
)
from beacon.model.unit import unit_name
from beacon.rollout.checking.candidates import concurrently
from beacon.rollout.decisions.decide import STOPPED
from beacon.rollout.decisions.down import is_started_since
from beacon.rollout.driving.driver import finish, is_held_back
from beacon.rollout.driving.ending import lose
from beacon.rollout.driving.former import translated
from beacon.rollout.handling.late import run_owed
from beacon.rollout.handling.running import GoingDownError
from beacon.rollout.images import prune
from beacon.rollout.readings import readable
from beacon.rollout.tools import Tools

_GOES_ON = "beacon update goes on from here"
_THREADS = 32


def resume(tools: Tools, names: Iterable[str]) -> tuple[Outcome, ...]:
    """Finish or undo the rollouts that a killed Beacon left behind; says nothing if there are none."""
    known, _ = readable(tools.store, names)  # what cannot be read hinders no other
    begun = [name for name, state in known.items() if state.rollout is not None or state.owed is not None]
    outcomes = [one for one in concurrently(_THREADS, lambda name: _resume(tools, name), begun) if one]
    if outcomes:
        prune(tools, [outcome.service for outcome in outcomes])
    return tuple(outcomes)


def _resume(tools: Tools, name: str) -> Outcome | None:
    try:
        with tools.store.lock(name):
            state = tools.store.load(name)  # again: its process may just have ended it
            if state.rollout is None:
                return _pay(tools, name)
            return attempt(tools, name, lambda: _go_on(tools, state))
    except BusyError:
        return None


def _pay(tools: Tools, name: str) -> Outcome | None:
    """Run the hook that a kill has left out; nothing is said of it but that this cannot be."""
    try:
        run_owed(tools, name)
    except BeaconError as error:
        return Outcome(name, OutcomeKind.FAILED, error.message, error.hint)
    return None


def _go_on(tools: Tools, state: ServiceState) -> Outcome:
    rollout = _cut_off(tools, state)
    if rollout is None:
        return lose(tools, state)
    candidate = state.release(rollout.facts.release)
    if candidate is not None:
        doing = rollout.step.sentence if rollout.step is not None else "all was done"
        message = f"The rollout of {state.name} was cut off ({doing}); it goes on"
        tools.log(EventKind.RESUMED, message, candidate)
    return finish(tools, state, rollout, cut_off=True)


def _cut_off(tools: Tools, state: ServiceState) -> Rollout | None:
    """Return the rollout that a killed Beacon left behind, as it goes on in this boot."""
    found, boot = tools.store.rollout(state.name), tools.systemd.boot_id()
    if isinstance(found, FormerRollout):
        there = tools.on(found.engine)
        candidate = state.release(found.release)
        if found.phase is Phase.PULLING and candidate is not None:
            tools.store.mark_partial(candidate.image.image_id, partial=True)
        return translated(found, state, boot, lambda volume: there.engine.volume(volume) is None)
    if found is None:
        return None
    if found.boot == boot and _was_stopped(tools, found):
        return turned_back(found, Cause.STOPPED, STOPPED.reason)
    if found.boot == boot and _was_started(tools, found):
        return started_since(found, "has started it again since")
    if found.boot != boot and _is_up_again(tools, found):
        found = started_since(found, "a boot has started it since")
    # A hook is awaited first, and has the rollout go back then.
    is_forth = found.decision is Decision.FORTH and found.step is not StepKind.HOOK
    if state.hold is not None and is_forth and is_held_back(state, found):
        found = turned_back(found, Cause.OWNER, Halt.HOLD.reason)
    return resumed(found, boot)


def _was_stopped(tools: Tools, rollout: Rollout) -> bool:
    """Say whether the owner of a service stopped it after its rollout was cut off on the way forth."""
    facts, unit = rollout.facts, tools.unit(unit_name(rollout.facts.service))
    is_ours = facts.hook or facts.is_copying or facts.was != "active"  # which may have stopped it
    if is_ours or rollout.decision is not Decision.FORTH or not unit.is_stopped:
        return False
    last = tools.systemd.last_job(unit.name)
    return last is not None and last.kind == "stop"


def _was_started(tools: Tools, rollout: Rollout) -> bool:
    """Say whether somebody started a service since its way back began, which was to leave it down."""
    if StepKind.FORMER_STOP not in rollout.steps or rollout.met is None:
        return False
    return is_started_since(rollout.met, tools.unit(unit_name(rollout.facts.service)))


def _is_up_again(tools: Tools, rollout: Rollout) -> bool:
    """Say whether a boot has started what a way back was to leave down: no stop lasts longer than a boot."""
    if StepKind.FORMER_STOP not in rollout.steps:
        return False
    return tools.unit(unit_name(rollout.facts.service)).is_up


def _put_off(name: str, reason: GoingDownError) -> Outcome:
    return Outcome(name, OutcomeKind.DEFERRED, reason.message, reason.hint)


def attempt(tools: Tools, name: str, action: Callable[[], Outcome]) -> Outcome:
    """Return what *action* makes of a service; whatever it raises is of that service alone."""
    try:
        return action()
    except GoingDownError as error:
        return _put_off(name, error)
    except MachineError as error:
        return Outcome(name, OutcomeKind.FAILED, error.message, error.hint or _GOES_ON)
    except BeaconError as error:
        return Outcome(name, OutcomeKind.FAILED, error.message, error.hint)
    except Exception as bug:  # noqa: BLE001  # of one service: the others must not suffer from it
        tools.reporter.note(name, "".join(traceback.format_exception(bug)))
        return Outcome(name, OutcomeKind.FAILED, f"Beacon stumbled: {bug!r}", _GOES_ON)
