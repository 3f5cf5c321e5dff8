"""Roll out what a check has found."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from beacon.errors import BeaconError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.runtime import UnitState
from beacon.model.unit import unit_name
from beacon.rollout.candidates import Renderer
from beacon.rollout.check import Finding
from beacon.rollout.decide import entry_gate, standing
from beacon.rollout.deploy import deploy
from beacon.rollout.machine import Work
from beacon.rollout.world import World
from beacon.units.mark import is_edited


def update(
    world: World, renderer: Renderer, findings: Iterable[Finding], *, insist: bool = False
) -> tuple[Outcome, ...]:
    """Roll out the candidates of *findings*. With *insist*, windows and minimum ages do not count."""
    outcomes: list[Outcome] = []
    works: list[Work] = []
    candidates = []
    for finding in findings:
        if finding.candidate is None:
            outcomes.append(finding.outcome)
        else:
            candidates.append(finding)
    units = world.systemd.states([unit_name(finding.name) for finding in candidates])
    for finding in candidates:
        unit = units[unit_name(finding.name)]
        made = _work_or_outcome(world, renderer, finding, unit, insist=insist)
        if isinstance(made, Work):
            works.append(made)
        else:
            outcomes.append(made)
    outcomes += deploy(world, works, canary=True)
    return tuple(sorted(outcomes, key=lambda outcome: outcome.service))


def _work_or_outcome(
    world: World, renderer: Renderer, finding: Finding, unit: UnitState, *, insist: bool
) -> Work | Outcome:
    """Return what is to be done for a candidate, or why nothing is."""
    candidate = finding.candidate
    state = world.store.load(finding.name)
    live = state.live_release
    if candidate is None or live is None:
        return finding.outcome
    stands = standing(live, state, unit)
    if stands is not None:
        return replace(stands, detail=f"{stands.detail}; {finding.outcome.detail}")
    if not insist:
        gate = entry_gate(candidate.service, finding.first_seen or world.clock.now(), world.clock.now())
        if gate is not None:
            return gate
    try:
        candidate = renderer.allot(candidate)
        files = {file.name: file.text for file in renderer.files(candidate)}
        edited = [name for name in files if is_edited(world.files.read(name))]
    except BeaconError as error:
        return Outcome(finding.name, OutcomeKind.FAILED, error.message, error.hint)
    if edited:
        hint = f"beacon apply --overwrite {finding.name}, or keep your change as a drop-in"
        return Outcome(finding.name, OutcomeKind.HELD, f"{edited[0]} was edited by hand", hint)
    changed: dict[str, str | None] = {
        name: text for name, text in files.items() if world.files.read(name) != text
    }
    candidate = replace(candidate, number=state.next_number, created=world.timestamp())
    return Work(candidate, changed, finding.outcome.release, beside=renderer.beside(candidate))
