"""The two ends of a rollout: the candidate is live, or the release before it is again."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.model.event import EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import short
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger
from beacon.model.unit import unit_name
from beacon.rollout import move
from beacon.rollout.decide import PASSED, Gate, Verdict
from beacon.rollout.handover import come_back
from beacon.rollout.health import watch
from beacon.rollout.journal import candidate_of, journal_of, quarantined
from beacon.rollout.running import bring_up, guarded, job_limit, run_hook, runs, start
from beacon.rollout.world import World


def commit(world: World, state: ServiceState) -> Outcome:
    """Make the candidate, which stands, the live release."""
    journal, candidate = journal_of(state), candidate_of(state)
    old = state.release(journal.previous)
    returning = old is not None and candidate.state is ReleaseState.SUPERSEDED
    back = returning and old is not None and old.number > candidate.number
    trigger = Trigger.ROLLBACK if back else candidate.trigger
    candidate = replace(
        candidate, state=ReleaseState.LIVE, trigger=trigger, finished=world.timestamp(), reason=""
    )
    bad = state.quarantine if returning else ()  # then the tag has not moved: what was bad before still is
    state = replace(state, quarantine=tuple(one for one in bad if one.digest != candidate.digest))
    if old is not None and old.number != candidate.number:
        ended = ReleaseState.FAILED if old.state is ReleaseState.FAILED else ReleaseState.SUPERSEDED
        reason = f"rolled back to release {candidate.number} by its owner" if back else old.reason
        state = state.with_release(replace(old, state=ended, reason=reason))
        if back:
            state = quarantined(world, state, old, "its owner rolled it back")
    kept, named = move.kept(state), move.named(state)
    state = replace(
        move.renamed(state.with_release(candidate), named).without_waiting(candidate),
        live=candidate.number,
        previous=_way_back(state, candidate, old),
        same=(),
        pending=None,
        rollout=None,
    )
    bring_up(world, journal.dependents)  # before the journal is gone that knows them
    world.store.save(state)
    move.release(world, named)
    world.tell(EventKind.RELEASE_LIVE, _live_message(candidate, old), candidate, old)
    run_hook(world, candidate.service.hooks.after_update, candidate)
    if journal.former:
        move.leave(world.on(journal.former), state)
    detail = f"release {candidate.number}, {candidate.reference} at {short(candidate.digest)}"
    if back:
        detail = f"back at {detail}"
    if not journal.start:
        detail += "; no restart needed" if journal.was in _UP - {"failed"} else "; not started"
    if kept:
        detail += f"; {kept}"
    kind = OutcomeKind.INSTALLED if old is None else OutcomeKind.UPDATED
    return Outcome(state.name, kind, detail, release=candidate.number)


def _way_back(state: ServiceState, candidate: Release, old: Release | None) -> int | None:
    if old is None or old.state is ReleaseState.FAILED:
        return state.previous
    return state.previous if old.number == candidate.number else old.number


def _live_message(candidate: Release, old: Release | None) -> str:
    message = f"Release {candidate.number} of {candidate.service.name} is live: {candidate.pinned}"
    return f"{message}, after release {old.number}" if old and old.number != candidate.number else message


def restore(world: World, state: ServiceState) -> Outcome:
    """Put files, unit and dependents back as they were before the rollout."""
    journal, candidate = journal_of(state), candidate_of(state)
    old = state.release(journal.previous)
    unit = unit_name(state.name)
    if old is None or old.number == candidate.number:
        return _fail_without_way_back(world, state)
    world.put_files(journal.before)
    former = world.on(journal.former)
    verdict = PASSED
    if journal.was in _UP and not journal.stopped:
        container = former.engine.containers().get(state.name)
        if container is not None and container.release == old.number:
            world.systemd.wait_idle(unit, job_limit(old))  # a kill came while it was coming up
        if not runs(former, old):  # it does where the files could not even be written
            verdict = guarded(world, lambda: start(former, old))
        if verdict.gate is not Gate.FAILED:
            verdict = guarded(world, lambda: watch(former, old))
    elif journal.start:
        world.systemd.stop(unit, job_limit(old))
        if journal.stopped:
            world.systemd.reset_failed(unit)  # one that was not up yet ends so, and would be updated again
    come_back(world, state, journal)
    move.drop(world, journal.copied)
    if not journal.stopped:  # they may need it, and would start it
        bring_up(world, journal.dependents)
    return _end_restore(world, state, old, verdict)


_UP = {"active", "activating", "reloading", "refreshing", "failed"}


def _end_restore(world: World, state: ServiceState, old: Release, verdict: Verdict) -> Outcome:
    journal, candidate = journal_of(state), candidate_of(state)
    reason = journal.reason
    stands = verdict.gate is Gate.PASSED or verdict.stopped
    state, untried = _count_hindrance(state)
    if untried and stands:
        return _give_up_untried(world, state, old)
    if candidate.state is ReleaseState.CANDIDATE and untried:
        state = state.put_aside(candidate)
    elif candidate.state is ReleaseState.CANDIDATE:
        failed_release = replace(
            candidate, state=ReleaseState.FAILED, finished=world.timestamp(), reason=reason
        )
        state = quarantined(world, state.with_release(failed_release), candidate, reason)
    state = replace(state, rollout=None)
    world.store.save(state)
    name, back = state.name, f"release {old.number} is back"
    if stands:
        message = f"Release {candidate.number} of {name} failed ({reason}); {back}"
        world.tell(EventKind.ROLLED_BACK, message, candidate, old)
    else:
        message = (
            f"Release {candidate.number} of {name} failed ({reason}), and release {old.number} does not "
            f"stand either ({verdict.reason})"
        )
        world.tell(EventKind.ROLLBACK_FAILED, message, candidate, old)
    run_hook(world, candidate.service.hooks.after_rollback, candidate)
    hint = f"beacon logs {name}"
    if stands:
        return Outcome(name, OutcomeKind.ROLLED_BACK, f"{reason}; {back}", hint, old.number)
    if old.state is ReleaseState.FAILED or journal.was not in {"active", "reloading", "refreshing"}:
        detail = f"{reason}; it was down before, at release {old.number}, and still is"
        return Outcome(name, OutcomeKind.FAILED, detail, hint, old.number)
    detail = f"{reason}; release {old.number} does not stand either: {verdict.reason}"
    return Outcome(name, OutcomeKind.ROLLBACK_FAILED, detail, hint, old.number)


def _count_hindrance(state: ServiceState) -> tuple[ServiceState, bool]:
    """Return whether the candidate goes untried; where the host breaks down each time, that is its fault."""
    journal, candidate, pending = journal_of(state), candidate_of(state), state.pending
    if not journal.hindered or pending is None or pending.image.digest != candidate.digest:
        return state, journal.untried
    pending = replace(pending, hindered=pending.hindered + 1)
    return replace(state, pending=pending), pending.hindered < _HINDRANCES


_HINDRANCES = 3


def _give_up_untried(world: World, state: ServiceState, old: Release) -> Outcome:
    """End a rollout that something else hindered: its image is as good as before, and is tried again."""
    journal, candidate = journal_of(state), candidate_of(state)
    if candidate.state is ReleaseState.CANDIDATE:
        state = state.put_aside(candidate)
    state = replace(state, rollout=None)
    world.store.save(state)
    if journal.stopped:
        message = f"The rollout of {state.name} is put off: {journal.reason}"
        world.tell(EventKind.DEFERRED, message, candidate, old)
        detail = f"{journal.reason}; release {old.number} is installed again"
        return Outcome(state.name, OutcomeKind.STOPPED, detail, f"beacon start {state.name}", old.number)
    message = f"Release {candidate.number} of {state.name} could not be installed ({journal.reason})"
    world.tell(EventKind.RELEASE_FAILED, message, candidate, old)
    detail = f"{journal.reason}; release {old.number} runs on"
    return Outcome(state.name, OutcomeKind.FAILED, detail, release=old.number)


def _fail_without_way_back(world: World, state: ServiceState) -> Outcome:
    """End a first release that does not stand: it stays installed, for the owner to look at and mend."""
    journal, candidate = journal_of(state), candidate_of(state)
    candidate = replace(
        candidate, state=ReleaseState.FAILED, finished=world.timestamp(), reason=journal.reason
    )
    come_back(world, state, journal)
    state = replace(state.with_release(candidate), live=candidate.number, rollout=None)
    world.store.save(state)
    message = f"Release {candidate.number} of {state.name} failed: {journal.reason}"
    world.tell(EventKind.RELEASE_FAILED, message, candidate)
    hint = f"beacon logs {state.name}, then beacon edit {state.name}"
    return Outcome(state.name, OutcomeKind.FAILED, journal.reason, hint, candidate.number)
