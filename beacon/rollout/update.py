"""Roll out what a check has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from beacon.errors import BeaconError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.release import Release
from beacon.model.runtime import UnitState
from beacon.model.unit import environment_files, unit_name
from beacon.rollout.allotting.namesakes import refuse_shared_volumes
from beacon.rollout.checking.check import Checked
from beacon.rollout.decisions.decide import entry_gate, standing
from beacon.rollout.decisions.down import Down
from beacon.rollout.decisions.postponed import HELD
from beacon.rollout.deploy import Images, deploy_carefully, unbegun
from beacon.rollout.driving.planned import PlannedRollout
from beacon.rollout.driving.prepare import require_own
from beacon.rollout.fallen import down_because
from beacon.rollout.handling.running import is_daemon_stopped
from beacon.rollout.proposing.waiting import cause_to_wait, keep_waiting, outcome_of
from beacon.rollout.rendering import Renderer
from beacon.rollout.tools import Tools


def update(
    tools: Tools,
    renderer: Renderer,
    results: Iterable[Checked],
    images: Callable[[], Images],
    *,
    insist: bool = False,
) -> tuple[Outcome, ...]:
    """Roll out the candidates of *results*. With *insist*, windows and minimum ages do not count.

    What takes the engine a moment, and what takes Python one, is done side by side: the *images* on disk may
    be listed meanwhile, and the files of a candidate are made while its image is pulled.
    """
    outcomes: list[Outcome] = []
    rollouts: list[PlannedRollout] = []
    candidates = []
    for checked in results:
        if checked.candidate is None:
            outcomes.append(checked.outcome)
        else:
            candidates.append(checked)
    units = tools.systemd.states([unit_name(checked.name) for checked in candidates])
    for checked in candidates:
        unit = units[unit_name(checked.name)]
        made = _planned_or_outcome(tools, renderer, checked, unit, insist=insist)
        if isinstance(made, PlannedRollout):
            rollouts.append(made)
        else:
            outcomes.append(made)

    def render(planned: PlannedRollout) -> PlannedRollout:
        return _rendered(tools, renderer, planned)

    # A service that is down or failing already says little of an image: a healthy one goes first.
    rollouts.sort(key=lambda planned: (units[unit_name(planned.name)].active != "active", planned.name))
    outcomes += deploy_carefully(tools, rollouts, render, images)
    return tuple(sorted(outcomes, key=lambda outcome: outcome.service))


def _planned_or_outcome(
    tools: Tools, renderer: Renderer, checked: Checked, unit: UnitState, *, insist: bool
) -> PlannedRollout | Outcome:
    """Return what is to be done for a candidate, still without its files, or why nothing is."""
    candidate = checked.candidate
    state = tools.store.load(checked.name)
    live = state.live_release
    if candidate is None or live is None:
        return checked.outcome
    stands = standing(live, state, unit)
    if stands is not None:
        return replace(stands, detail=f"{stands.detail}; {checked.outcome.detail}")
    # What its owner stopped, or what has ended, has the new release from its next start on.
    rests = unit.is_stopped or _is_stopped(tools, live, unit)
    if rests and is_daemon_stopped(tools):  # to pull an image could start it
        return Outcome(
            checked.name, OutcomeKind.STOPPED, "docker's daemon is stopped", "systemctl start docker"
        )
    now = tools.clock.now()
    gate = None if insist else entry_gate(candidate.service, checked.first_seen or now, now)
    try:
        waits = keep_waiting(tools, state, candidate)
        stays = waits or gate
        if stays is not None:
            return stays
        # Before anything is pulled, which no release would ever take away again.
        mine = (*renderer.file_names(candidate), *environment_files(checked.name, live.number))
        require_own(tools, checked.name, mine)
        refuse_shared_volumes(tools, state, candidate)
        candidate = renderer.allot(candidate)
    except BeaconError as error:
        return unbegun(checked.name, error)
    candidate = replace(candidate, number=state.next_number, created=tools.timestamp())
    was, runs, seen = checked.outcome.release, not rests, None if insist else checked.first_seen or now
    return PlannedRollout(
        candidate, {}, was, runs, runs=runs, basis=state.basis, layers=checked.layers, first_seen=seen
    )


def foresee(tools: Tools, checks: Iterable[Checked]) -> tuple[Outcome, ...]:
    """Return the outcomes of *checks*; of what is new they say what a run of the timer would wait for.

    Nothing is changed.
    """
    checks = list(checks)
    names = [unit_name(one.name) for one in checks if one.candidate is not None]
    try:
        units = tools.systemd.states(names) if names else {}
        return tuple(_foreseen(tools, one, units.get(unit_name(one.name))) for one in checks)
    except BeaconError:  # that there is something new is worth more
        return tuple(one.outcome for one in checks)


def _foreseen(tools: Tools, checked: Checked, unit: UnitState | None) -> Outcome:
    candidate, state = checked.candidate, tools.store.load(checked.name)
    live = state.live_release
    if candidate is None or live is None or unit is None:
        return checked.outcome
    stays, now = standing(live, state, unit), tools.clock.now()
    if stays is not None and state.hold is not None:
        stays = replace(stays, detail=HELD)
    elif stays is None and (waiting := cause_to_wait(tools, state, candidate)) is not None:
        stays = outcome_of(state, waiting)
    elif stays is None:
        gate = entry_gate(candidate.service, checked.first_seen or now, now)
        stays = (
            replace(gate, hint=f"beacon update {checked.name} does not wait") if gate is not None else None
        )
    if stays is None:
        return checked.outcome
    detail = f"{stays.detail}; {checked.outcome.detail}"
    return replace(checked.outcome, said="available, waits", detail=detail, hint=stays.hint)


def _is_stopped(tools: Tools, live: Release, unit: UnitState) -> bool:
    """Say whether a unit has failed in a stop by its owner."""
    return unit.active == "failed" and down_because(tools.systemd, live, unit) is Down.OWNER


def _rendered(tools: Tools, renderer: Renderer, planned: PlannedRollout) -> PlannedRollout:
    files = {file.name: file.text for file in renderer.files(planned.candidate)}
    for name in files:
        tools.files.guard(name)
    changed: dict[str, str | None] = {
        name: text for name, text in files.items() if tools.files.read(name) != text
    }
    return replace(planned, files=changed, beside=renderer.beside(planned.candidate))
