"""The execution of exactly what was proposed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping

from msgspec.structs import replace

from beacon.errors import BusyError
from beacon.model.outcome import Outcome, OutcomeKind, edited_by_hand
from beacon.model.plan import MoveService, Plan, RemoveFile, RestartUnit, StartUnit, WriteFile
from beacon.model.rollout.record import Rollout, VolumeCopy, begun
from beacon.model.unit import unit_name
from beacon.rollout.deploy import deploy, needed_first
from beacon.rollout.driving.planned import PlannedRollout, rollout_facts
from beacon.rollout.driving.prepare import reserving
from beacon.rollout.handling.move import secure
from beacon.rollout.proposing.proposal import Intent, Proposal
from beacon.rollout.proposing.takeover import record
from beacon.rollout.proposing.waiting import note_applied
from beacon.rollout.removal import remove_networks, remove_services, stop_units
from beacon.rollout.tools import Tools


def execute(
    tools: Tools,
    proposal: Proposal,
    *,
    locked: Collection[str] = (),
    adopted: Mapping[str, tuple[VolumeCopy, ...]] | None = None,
) -> tuple[Outcome, ...]:
    """Do exactly what the plan of *proposal* says, and return how each of its services ended.

    What another process is at work on is left alone, and deferred. The caller holds the locks of *locked*.
    *adopted* is the data that services get of containers whose place they take.
    """
    gone = [name for name in proposal.plan.services if name in proposal.gone]
    with contextlib.ExitStack() as locks:
        busy = [outcome for name in gone if name not in locked and (outcome := _lock(tools, name, locks))]
        names = {outcome.service for outcome in busy}
        left = [name for name in gone if name not in names]
        outcomes = [*busy, *_execute(tools, proposal, proposal.plan.without(names), left, adopted or {})]
    return tuple(sorted(map(_asked_for, outcomes), key=lambda outcome: outcome.service))


def foreseen(tools: Tools, proposal: Proposal) -> tuple[Rollout, ...]:
    """Return the rollouts that :func:`execute` would begin, as far as that is known before; changes nothing.

    Raises MachineError if systemd does not answer.
    """
    plan = proposal.plan
    rollouts = [
        _planned(tools, intent, plan.for_service(name))
        for name, intent in sorted(proposal.intents.items())
        if name in plan.services
    ]
    units = tools.systemd.states([unit_name(planned.name) for planned in rollouts])
    return tuple(
        begun(
            rollout_facts(tools, tools.store.load(planned.name), planned, units[unit_name(planned.name)]),
            boot="",
        )
        for planned in rollouts
    )


def _lock(tools: Tools, name: str, locks: contextlib.ExitStack) -> Outcome | None:
    try:
        locks.enter_context(tools.store.lock(name))
    except BusyError as error:
        return Outcome(name, OutcomeKind.BUSY, error.message)
    if tools.store.load(name).rollout is not None:
        return Outcome(name, OutcomeKind.BUSY, "its rollout has not ended")
    return None


def _asked_for(outcome: Outcome) -> Outcome:
    """Say of a service that was left alone what its owner is to do: nobody else will do what was asked."""
    if outcome.kind not in {OutcomeKind.BUSY, OutcomeKind.STOPPED}:
        return outcome
    hint = f"beacon apply {outcome.service}"
    if outcome.kind is OutcomeKind.BUSY:
        hint += ", when it is done"
    return replace(outcome, kind=OutcomeKind.DEFERRED, hint=hint)


def _execute(
    tools: Tools,
    proposal: Proposal,
    plan: Plan,
    gone: Collection[str],
    adopted: Mapping[str, tuple[VolumeCopy, ...]],
) -> Iterator[Outcome]:
    yield from proposal.outcomes
    for file in {file.name for intent in proposal.intents.values() for file in intent.files}:
        tools.files.guard(file)
    record(tools, proposal.taken)
    note_applied(tools, proposal.waiting, {n: one.release.digest for n, one in proposal.intents.items()})
    secure(tools, map(tools.store.load, gone))
    stuck = stop_units(tools, plan)
    plan = plan.clear_of(stuck)
    rollouts = [
        replace(
            _planned(tools, intent, plan.for_service(name)),
            adopted=adopted.get(name, ()),
            overwrite=proposal.overwrite,
        )
        for name, intent in proposal.intents.items()
        if name in plan.services
    ]
    mine = {file for planned in rollouts for file in planned.files}
    removed = {
        step.name: None for step in plan.steps if isinstance(step, RemoveFile) and step.name not in mine
    }
    moving = {name for step in plan.steps if isinstance(step, MoveService) for name in step.services}
    yield from deploy(tools, [planned for planned in rollouts if planned.name not in moving], also=removed)
    for name in needed_first([proposal.intents[name].release.service for name in sorted(moving)]):
        yield from deploy(tools, [planned for planned in rollouts if planned.name == name])
    ends = {**stuck, **remove_services(tools, plan, [name for name in gone if name not in stuck])}
    yield from ends.values()
    remove_networks(tools, plan.clear_of(name for name, end in ends.items() if end.kind.status))
    yield from _unchanged(tools, proposal)
    yield from hindered(plan)


def hindered(plan: Plan) -> Iterator[Outcome]:
    """Yield what is to be said of the services that get no step, for a file that is not theirs."""
    reasons: dict[str, list[str]] = {}
    for conflict in plan.conflicts:
        for name in conflict.services:
            reasons.setdefault(name, []).append(conflict.sentence)
    yield from (Outcome(name, OutcomeKind.FAILED, "; ".join(said)) for name, said in reasons.items())


def _planned(tools: Tools, intent: Intent, plan: Plan) -> PlannedRollout:
    release = intent.release
    files: dict[str, str | None] = {}
    for step in plan.steps:
        if isinstance(step, WriteFile):
            files[step.name] = step.text
        elif isinstance(step, RemoveFile):
            files[step.name] = None
    runs = any(isinstance(step, RestartUnit) for step in plan.steps)
    start = runs or any(isinstance(step, StartUnit) for step in plan.steps)
    if intent.is_new:
        release = replace(release, created=tools.timestamp())
    return PlannedRollout(
        release, files, intent.live, start, intent.beside, runs, intent.basis, layers=intent.layers
    )


def _unchanged(tools: Tools, proposal: Proposal) -> list[Outcome]:
    """Return the services for which nothing had to be done; a new text of the same meaning is noted."""
    outcomes = []
    for name, intent in proposal.intents.items():
        if name in proposal.plan.services or any(name in one.services for one in proposal.plan.conflicts):
            continue
        said = [one.sentence for one in proposal.plan.kept if name in one.services]
        kept = bool(said)
        try:
            if _note(tools, intent):
                said.append("what is new in its definition needs no restart")
        except BusyError as error:
            outcomes.append(Outcome(name, OutcomeKind.BUSY, error.message))
            continue
        detail = "; ".join(said)
        outcome = edited_by_hand(name, detail) if kept else Outcome(name, OutcomeKind.UNCHANGED, detail)
        outcomes.append(replace(outcome, release=intent.release.number))
    return outcomes


def _note(tools: Tools, intent: Intent) -> bool:
    """Remember a definition that changes no file; say whether it means anything new."""
    noted = intent.release
    live = tools.store.load(noted.service.name).live_release
    if live is None or live.number != noted.number or live == noted:
        return False
    with tools.store.lock(noted.service.name):
        state = tools.store.load(noted.service.name)
        if state.basis != intent.basis:
            raise BusyError(f"another beacon has been at work on {state.name!r} meanwhile")
        with reserving(tools, state, noted):
            tools.store.save(state.with_release(noted))
    return noted.service != live.service
