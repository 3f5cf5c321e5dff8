"""Rollouts that an older Beacon was at, as ones of today."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from beacon.model.release import ServiceState
from beacon.model.rollout.former import FormerRollout, Phase
from beacon.model.rollout.record import Cause, Decision, Rollout, RolloutFacts, StepKind, begun, turned_back
from beacon.rollout.handling.move import volume_copies

_STEPS = {
    Phase.COPYING: StepKind.STOP,
    Phase.TRYING: StepKind.BESIDE,
    Phase.SWITCHING: StepKind.FILES,
    Phase.RESTARTING: StepKind.RESTART,
    Phase.GATING: StepKind.GATE,
}


def translated(
    former: FormerRollout, state: ServiceState, boot: str, is_missing: Callable[[str], bool]
) -> Rollout:
    """Return a rollout that was cut off in the phase that *former* names, at the step of today.

    *is_missing* says whether a volume is not there: one that was to be copied, and was not begun.
    """
    facts = _facts(former, state)
    if former.phase is Phase.COPYING:
        made = (one.target for one in facts.copies)
        facts = replace(facts, targets=tuple(one for one in made if one in facts.targets or is_missing(one)))
    rollout = begun(facts, boot)
    if former.phase is Phase.PULLING:  # nothing has changed, but that its hook may have stopped the service
        steps = (StepKind.FORMER_START, StepKind.DEPENDENTS) if former.hook_stopped else ()
        reason = "an interrupted rollout had changed nothing"
        return replace(rollout, steps=steps, decision=Decision.BACK, cause=Cause.HOOK, reason=reason)
    if former.phase is Phase.RESTORING:
        last = replace(rollout, index=len(rollout.steps) - 1)
        return turned_back(last, _cause(former), former.reason)
    # Without a start there is neither a restart nor a gate: then only the end is left.
    step = _STEPS[former.phase]
    return replace(rollout, index=rollout.steps.index(step) if step in rollout.steps else len(rollout.steps))


def _facts(former: FormerRollout, state: ServiceState) -> RolloutFacts:
    candidate, live = state.release(former.release), state.release(former.previous)
    copies = volume_copies(live, candidate, former.former) if candidate is not None else ()
    return RolloutFacts(
        service=state.name,
        release=former.release,
        previous=former.previous,
        started=former.started,
        before=former.before,
        after=former.after,
        dependents=former.dependents,
        start=former.start,
        was=former.was,
        engine=former.engine,
        former=former.former,
        copies=(*former.adopted, *copies),
        adopted=former.adopted,
        targets=former.copied,
        beside=former.beside,
        wait=former.wait,
    )


def _cause(former: FormerRollout) -> Cause:
    if former.stopped:
        return Cause.STOPPED
    return Cause.MACHINE if former.untried else Cause.IMAGE
