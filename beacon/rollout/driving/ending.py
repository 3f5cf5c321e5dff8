"""The two ends of a rollout: the candidate is live, or the release before it is again."""

from __future__ import annotations

from msgspec.structs import replace

from beacon.model.event import EventKind
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import short
from beacon.model.release import Quarantine, Release, ReleaseState, ServiceState, Trigger
from beacon.model.rollout.record import Cause, Decision, RolloutFacts, StepKind
from beacon.model.version import is_older
from beacon.rollout.decisions.decide import STOPPED, Gate, Verdict, what_comes_next
from beacon.rollout.driving.quarantine import quarantined, second_try_of
from beacon.rollout.handling import move
from beacon.rollout.handling.late import owing, pay
from beacon.rollout.steps.task import Task
from beacon.rollout.tools import Tools


def commit(task: Task) -> Outcome:
    """Make the candidate, which is healthy, the live release."""
    tools, facts, candidate, old = task.tools, task.facts, task.candidate, task.former
    if task.rollout.decision is not Decision.LIVE:
        tools.store.save_rollout(replace(task.rollout, decision=Decision.LIVE))
    returning = old is not None and candidate.state is ReleaseState.SUPERSEDED
    back = returning and old is not None and old.number > candidate.number
    state = _committed(task, returning=returning, back=back)
    live = state.live_release or candidate
    state = owing(state, "after_update", live)
    tools.log(EventKind.RELEASE_LIVE, _live_message(live, old), live, old, saving=state)
    tools.store.remove_rollout(state.name)
    move.release(tools, move.named(facts))
    pay(tools, state.name)
    if facts.former:
        move.leave(tools.on(facts.former), state)
    detail = _what_is_live(facts, live, move.kept(facts), back=back)
    kind = OutcomeKind.INSTALLED if old is None else OutcomeKind.UPDATED
    said = "rolled back by you" if back else _done(task, returning=returning)
    return Outcome(state.name, kind, detail, release=live.number, said=said)


def _done(task: Task, *, returning: bool) -> str:
    """Return what people call what was done to a service that is not new; empty for an update."""
    candidate, old = task.candidate, task.former
    if old is None:
        return ""
    if candidate.number == old.number:
        was_down = task.facts.was not in {"active", "reloading", "refreshing"}
        return "started" if task.facts.start and was_down else "changed"
    if returning:
        return "brought back by you"
    return "" if candidate.trigger is Trigger.UPDATE else "changed"


def _committed(task: Task, *, returning: bool, back: bool) -> ServiceState:
    """Return the state in which the candidate is live; *returning* to a release, or going *back* to one."""
    tools, state, old, candidate = task.tools, task.state, task.former, task.candidate
    trigger = Trigger.ROLLBACK if back else candidate.trigger
    candidate = replace(
        candidate, state=ReleaseState.LIVE, trigger=trigger, finished=tools.timestamp(), reason=""
    )
    bad = [one for one in state.quarantine if one.digest != candidate.digest]
    if not returning:  # else the tag has not moved: what was bad before still is
        bad = [one for one in bad if _is_above(tools, one, candidate)]
    state = replace(state, quarantine=tuple(bad))
    if old is not None and old.number != candidate.number:
        ended = ReleaseState.FAILED if old.state is ReleaseState.FAILED else ReleaseState.SUPERSEDED
        reason = f"rolled back to release {candidate.number} by its owner" if back else old.reason
        state = state.with_release(replace(old, state=ended, reason=reason))
        if back:
            state = quarantined(tools, state, old, "its owner rolled it back")
    named = move.named(task.facts)
    return replace(
        move.renamed(state.with_release(candidate), named).without_waiting(candidate),
        live=candidate.number,
        previous=_way_back(state, candidate, old),
        same=(),
        pending=None,
        rollout=None,
    )


def _is_above(tools: Tools, entry: Quarantine, candidate: Release) -> bool:
    """Say whether what is in quarantine would be tried once more: a range names a higher version first."""
    higher = candidate.service.follows_range and is_older(candidate.reference.tag, entry.tag)
    return higher and entry.fingerprint == tools.fingerprint(candidate.service)


def _what_is_live(facts: RolloutFacts, candidate: Release, kept: str, *, back: bool) -> str:
    detail = f"release {candidate.number}, {candidate.reference} at {short(candidate.digest)}"
    if back:
        detail = f"back at {detail}"
    if not facts.start:
        is_up = facts.was_up and facts.was != "failed"
        detail += "; no restart needed" if is_up else "; not started"
    return f"{detail}; {kept}" if kept else detail


def _way_back(state: ServiceState, candidate: Release, old: Release | None) -> int | None:
    if old is None or old.state is ReleaseState.FAILED:
        return state.previous
    return state.previous if old.number == candidate.number else old.number


def _live_message(candidate: Release, old: Release | None) -> str:
    message = f"Release {candidate.number} of {candidate.service.name} is live: {candidate.pinned}"
    return f"{message}, after release {old.number}" if old and old.number != candidate.number else message


def end_back(task: Task, verdict: Verdict) -> Outcome:
    """End a rollout that has gone back; *verdict* is what became of the release before."""
    rollout, old = task.rollout, task.former
    if rollout.cause is Cause.HOOK:
        return _put_off(task, verdict)
    if old is None or not task.facts.has_way_back:
        return _fail_without_way_back(task)
    is_up = verdict.gate is not Gate.FAILED or verdict == STOPPED
    state, untried = _count_hindrance(task)
    if untried and is_up:
        return _give_up_untried(task, state, old, verdict)
    candidate = task.candidate
    if candidate.state is ReleaseState.CANDIDATE and untried:
        state = state.with_spare(candidate)
    elif candidate.state is ReleaseState.CANDIDATE:
        state = _failed(task, state)
    if is_up:
        return _gone_back(task, state, old)
    return _gone_down(task, state, verdict, untried=untried)


def _failed(task: Task, state: ServiceState) -> ServiceState:
    """Return the state in which the candidate has failed, and is not tried again, or not for a day."""
    tools, rollout, candidate = task.tools, task.rollout, task.candidate
    failed = replace(candidate, state=ReleaseState.FAILED, finished=tools.timestamp(), reason=rollout.reason)
    hindered = rollout.cause is Cause.MACHINE
    until = second_try_of(tools, state, candidate, certain=rollout.certain, hindered=hindered)
    return quarantined(tools, state.with_release(failed), candidate, rollout.reason, until)


def _end_rollout(tools: Tools, state: ServiceState) -> None:
    """Save the state in which no rollout is under way."""
    tools.store.save(replace(state, rollout=None))
    tools.store.remove_rollout(state.name)


def _log_end(task: Task, kind: EventKind, message: str, state: ServiceState) -> None:
    """Save the state in which no rollout is under way, and log how the candidate ended."""
    ended = replace(state, rollout=None)
    task.tools.log(kind, message, task.candidate, task.former, saving=ended)
    task.tools.store.remove_rollout(state.name)


def _gone_back(task: Task, state: ServiceState, old: Release) -> Outcome:
    """Log that a candidate failed, and that the release before is up again."""
    candidate, reason, back = task.candidate, task.rollout.reason, f"release {old.number} is back"
    message = f"Release {candidate.number} of {state.name} failed ({reason}); {back}"
    _log_end(task, EventKind.ROLLED_BACK, message, owing(state, "after_rollback", candidate))
    pay(task.tools, state.name)
    hint = what_comes_next(candidate, state.quarantine)
    return Outcome(state.name, OutcomeKind.ROLLED_BACK, f"{reason}; {back}", hint, old.number)


def _gone_down(task: Task, state: ServiceState, verdict: Verdict, *, untried: bool) -> Outcome:
    """Log that a candidate failed, and that the release before is not healthy either."""
    candidate, reason = task.candidate, task.rollout.reason
    old = task.former or candidate
    state = owing(state, "after_rollback", candidate)
    if untried:  # each run of the timer may end so: that is reported once, with its outcome
        _end_rollout(task.tools, state)
    else:
        message = (
            f"Release {candidate.number} of {state.name} failed ({reason}), and release {old.number} does "
            f"not stand either ({verdict.reason})"
        )
        _log_end(task, EventKind.ROLLBACK_FAILED, message, state)
    pay(task.tools, state.name)
    hint = f"beacon logs {state.name}"
    if old.state is ReleaseState.FAILED or task.facts.was not in {"active", "reloading", "refreshing"}:
        kind, detail = OutcomeKind.FAILED, f"it was down before, at release {old.number}, and still is"
    else:
        kind, detail = (
            OutcomeKind.ROLLBACK_FAILED,
            f"release {old.number} does not stand either: {verdict.reason}",
        )
    return Outcome(state.name, kind, f"{reason}; {detail}", hint, old.number, logged=not untried)


def _count_hindrance(task: Task) -> tuple[ServiceState, bool]:
    """Return whether the candidate goes untried.

    If the machine breaks down each time that it is started, that is its fault: each try takes the service
    down.
    """
    state, rollout, pending = task.state, task.rollout, task.state.pending
    untried = rollout.cause is not Cause.IMAGE
    counts = rollout.cause is Cause.MACHINE and rollout.turned in _TRIES
    if not counts or pending is None or pending.image.digest != task.candidate.digest:
        return state, untried
    pending = replace(pending, hindered=pending.hindered + 1)
    return replace(state, pending=pending), pending.hindered < _HINDRANCES


_TRIES = {StepKind.BESIDE, StepKind.RESTART, StepKind.GATE}
_HINDRANCES = 3


def _put_off(task: Task, verdict: Verdict) -> Outcome:
    """End a rollout that has changed nothing, but that its hook may have stopped the service."""
    state, candidate = task.state, task.candidate
    _end_rollout(
        task.tools, state.with_spare(candidate) if candidate.state is ReleaseState.CANDIDATE else state
    )
    if verdict.gate is Gate.FAILED:
        detail = f"{task.rollout.reason}; and the service does not start again: {verdict.reason}"
        return Outcome(state.name, OutcomeKind.FAILED, detail, f"beacon logs {state.name}", state.live)
    kind = OutcomeKind.DEFERRED if task.rollout.turned is StepKind.HOOK else OutcomeKind.UNCHANGED
    return Outcome(state.name, kind, task.rollout.reason, release=state.live)


def _give_up_untried(task: Task, state: ServiceState, old: Release, verdict: Verdict) -> Outcome:
    """End a rollout that something else hindered: its image is as good as before, and is tried again."""
    tools, candidate, reason = task.tools, task.candidate, task.rollout.reason
    if candidate.state is ReleaseState.CANDIDATE:
        state = state.with_spare(candidate)
    if task.rollout.cause is Cause.STOPPED:
        message = f"The rollout of {state.name} is put off: {reason}"
        _log_end(task, EventKind.DEFERRED, message, state)
        detail = f"{reason}; release {old.number} is installed again"
        return Outcome(state.name, OutcomeKind.STOPPED, detail, f"beacon start {state.name}", old.number)
    _end_rollout(tools, state)
    kind = _unblamed(task.rollout.cause)
    is_up = task.facts.was_up and verdict != STOPPED
    stays = f"release {old.number} {'runs on' if is_up else 'stays installed, and is down'}"
    return Outcome(state.name, kind, f"{reason}; {stays}", release=old.number)


def _unblamed(cause: Cause | None) -> OutcomeKind:
    """Return what a rollout came to for which its candidate is not to blame."""
    if cause is Cause.STOPPED:
        return OutcomeKind.STOPPED
    return OutcomeKind.DEFERRED if cause is Cause.OWNER else OutcomeKind.FAILED


def _fail_without_way_back(task: Task) -> Outcome:
    """End a first release that is not healthy: it stays installed, for its owner to look at and mend.

    So does a live one that was to be started anew; it is as good as it was, unless it is at fault itself.
    """
    tools, state, reason = task.tools, task.state, task.rollout.reason
    if task.candidate.state is ReleaseState.LIVE and task.rollout.cause is not Cause.IMAGE:
        _end_rollout(tools, state)
        kind = _unblamed(task.rollout.cause)
        verb = "start" if kind is OutcomeKind.STOPPED else "logs"
        return Outcome(state.name, kind, reason, f"beacon {verb} {state.name}", state.live)
    candidate = replace(task.candidate, state=ReleaseState.FAILED, finished=tools.timestamp(), reason=reason)
    state = replace(state.with_release(candidate), live=candidate.number, rollout=None)
    message = f"Release {candidate.number} of {state.name} failed: {reason}"
    tools.log(EventKind.RELEASE_FAILED, message, candidate, saving=state)
    tools.store.remove_rollout(state.name)
    name = state.name
    is_unwanted = task.rollout.cause in {Cause.OWNER, Cause.STOPPED}
    hint = f"beacon start {name}" if is_unwanted else f"beacon logs {name}, then beacon edit {name}"
    return Outcome(name, OutcomeKind.FAILED, reason, hint, candidate.number, logged=True)


def lose(tools: Tools, state: ServiceState) -> Outcome:
    """End a rollout of which nothing more is known: its record is lost."""
    candidate = state.release(state.rollout.release) if state.rollout is not None else None
    if candidate is not None and candidate.state is ReleaseState.CANDIDATE:
        state = state.with_spare(candidate)
    _end_rollout(tools, state)
    detail = "the record of a rollout that was cut off is lost"
    hint = f"beacon plan {state.name} shows what is installed, and beacon apply {state.name} puts it right"
    return Outcome(state.name, OutcomeKind.FAILED, detail, hint, state.live)
