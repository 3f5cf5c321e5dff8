"""One rollout as a state machine: each phase is on disk before it begins, and each can be begun again.

    pulling → (copying | trying) → switching → restarting → gating → (committed)
                      ↓                ↓           ↓          ↓
                      └────────────────┴─ restoring ──────────┴→ (the previous release is live again)

:func:`finish` drives a rollout from whatever phase the journal names, so that a rollout just begun and one
found after a kill take the same way. docs/states.md tells what each kill leads to. Only a service that gets
copies of volumes is stopped while they are made; :mod:`beacon.rollout.move` says which those are.
Only one that a proxy brings requests is tried beside the live release first: :mod:`beacon.rollout.handover`.
"""

from __future__ import annotations

from msgspec.structs import replace

from beacon.errors import BeaconError, HostError
from beacon.model.host import Engine
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Phase, RolloutJournal, ServiceState
from beacon.model.runtime import JobResult
from beacon.model.unit import unit_name
from beacon.rollout import move
from beacon.rollout.decide import PASSED, PENDING, STOPPED, Gate, Verdict
from beacon.rollout.ending import commit, restore
from beacon.rollout.handover import come_back, go_ahead, helper_of
from beacon.rollout.health import watch
from beacon.rollout.images import distrust
from beacon.rollout.journal import begin_restoring, candidate_of, enter, journal_of
from beacon.rollout.prepare import abandon
from beacon.rollout.running import guarded, job_limit, require_up, runs, start, with_last_words
from beacon.rollout.world import World, moment

_DAEMON = "docker.service"


def finish(world: World, state: ServiceState) -> Outcome:
    """Drive a rollout to its end from the phase that its journal names."""
    world = world.on(state.rollout.engine if state.rollout is not None else "")
    while state.rollout is not None:
        match state.rollout.phase:
            case Phase.PULLING:
                candidate = candidate_of(state)
                abandon(world, state)
                distrust(world, candidate)
                return Outcome(
                    state.name, OutcomeKind.UNCHANGED, "an interrupted rollout had changed nothing"
                )
            case Phase.COPYING:
                state = _copy(world, state)
            case Phase.TRYING:
                state = _try(world, state)
            case Phase.SWITCHING:
                state = _switch(world, state)
            case Phase.RESTARTING:
                state = _restart(world, state)
            case Phase.GATING:
                verdict = _gate(world, state)
                if verdict.gate is Gate.PASSED:
                    come_back(world, state, journal_of(state))
                    return commit(world, state)
                state = _turn_back(world, state, verdict)
            case Phase.RESTORING:
                return restore(world, state)
    return Outcome(state.name, OutcomeKind.UNCHANGED)


def _copy(world: World, state: ServiceState) -> ServiceState:
    """Stop a service, and copy its data, which must not change meanwhile."""
    candidate, unit = candidate_of(state), unit_name(state.name)
    try:
        # Of a first release there is no unit yet.
        runs_nothing = journal_of(state).previous is None
        result = JobResult.DONE if runs_nothing else world.systemd.stop(unit, job_limit(candidate))
        if result is not JobResult.DONE:
            raise HostError(f"{unit} could not be stopped to copy its data")
        begun = journal_of(state).copied
        state = replace(state, rollout=replace(journal_of(state), copied=move.targets(world, state)))
        world.store.save(state)
        move.copy(world, state, begun)
    except BeaconError as error:
        require_up(world)
        return begin_restoring(world, state, error.message, untried=True)
    return enter(world, state, Phase.SWITCHING)


def _try(world: World, state: ServiceState) -> ServiceState:
    """Run the candidate beside the live release, and give it the requests once it stands."""
    journal, candidate = journal_of(state), candidate_of(state)
    live, helper = state.release(journal.previous), helper_of(candidate)

    def gate() -> Verdict:
        world.put_helper(journal.beside)
        verdict = PENDING if runs(world, helper) else start(world, helper)
        return verdict if verdict.gate is Gate.FAILED else watch(world, helper)

    verdict = with_last_words(world, guarded(world, gate), helper.service.name)
    # On disk before the helper goes: it must not be tried again.
    if verdict.gate is Gate.FAILED or live is None:
        state = _turn_back(world, state, verdict)
    elif _is_taken_down(world, state):
        state = begin_restoring(world, state, STOPPED.reason, stopped=True)
    else:
        go_ahead(world, candidate, live)
        return enter(world, state, Phase.SWITCHING)
    come_back(world, state, journal_of(state))
    return state


def _is_taken_down(world: World, state: ServiceState) -> bool:
    """Say whether the service was stopped meanwhile; at boot it has a job, and is not up yet."""
    now = world.unit(unit_name(state.name))
    return now.is_stopped and not now.job


def _switch(world: World, state: ServiceState) -> ServiceState:
    try:
        world.put_files(journal_of(state).after)
    except BeaconError as error:
        require_up(world)
        return begin_restoring(world, state, error.message, untried=True)
    return enter(world, state, Phase.RESTARTING)


def _restart(world: World, state: ServiceState) -> ServiceState:
    journal, candidate = journal_of(state), candidate_of(state)
    if not journal.start:
        return enter(world, state, Phase.GATING)
    unit = unit_name(state.name)
    world.systemd.wait_idle(unit, job_limit(candidate))
    if journal.hold:
        world.traffic.hold(state.name, held=True)
    if journal.previous == candidate.number or not runs(world, candidate, since=moment(journal.started)):
        verdict = with_last_words(world, guarded(world, lambda: start(world, candidate)), state.name)
        if verdict.gate is Gate.FAILED:
            return _turn_back(world, state, verdict)
    return enter(world, state, Phase.GATING)


def _turn_back(world: World, state: ServiceState, verdict: Verdict) -> ServiceState:
    """Begin to restore; that somebody stopped the service or docker's daemon says nothing of the image."""
    journal, reason = journal_of(state), verdict.reason
    if _lost_its_daemon(world, journal):
        reason = f"docker's daemon ended meanwhile: {reason}"
        return begin_restoring(world, state, reason, untried=True)
    # Of a helper that was stopped the service itself knows nothing.
    stopped = verdict.stopped and journal.phase is not Phase.TRYING
    if verdict.hindered:
        state = replace(state, rollout=replace(journal, hindered=True))
    untried = verdict.stopped or verdict.hindered
    return begin_restoring(world, state, reason, untried=untried, stopped=stopped)


def _lost_its_daemon(world: World, journal: RolloutJournal) -> bool:
    if world.engine_kind() is not Engine.DOCKER:
        return False
    daemon = world.unit(_DAEMON)
    # What needs it is stopped first: then it is still up, with a job of its own waiting.
    is_well = daemon.active == "active" and daemon.job == 0
    return not is_well or daemon.started > moment(journal.started).timestamp() * 1e6


def _gate(world: World, state: ServiceState) -> Verdict:
    if not journal_of(state).start:
        return PASSED
    candidate = candidate_of(state)
    return with_last_words(world, guarded(world, lambda: watch(world, candidate)), state.name)
