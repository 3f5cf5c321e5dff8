"""Roll out what a check has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from beacon.errors import BeaconError
from beacon.model.outcome import Outcome
from beacon.model.runtime import UnitState
from beacon.model.unit import environment_files, unit_name
from beacon.rollout.candidates import Renderer
from beacon.rollout.check import Finding
from beacon.rollout.decide import entry_gate, standing
from beacon.rollout.deploy import Images, deploy_carefully, kind_of
from beacon.rollout.namesakes import refuse_shared_volumes
from beacon.rollout.prepare import Work, require_own
from beacon.rollout.waiting import keep_waiting
from beacon.rollout.world import World


def update(
    world: World,
    renderer: Renderer,
    findings: Iterable[Finding],
    images: Callable[[], Images],
    *,
    insist: bool = False,
) -> tuple[Outcome, ...]:
    """Roll out the candidates of *findings*. With *insist*, windows and minimum ages do not count.

    What takes the engine a moment, and what takes Python one, is done side by side: the *images* on disk may
    be listed meanwhile, and the files of a candidate are made while its image is pulled.
    """
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

    def render(work: Work) -> Work:
        return _rendered(world, renderer, work)

    outcomes += deploy_carefully(world, works, render, images)
    return tuple(sorted(outcomes, key=lambda outcome: outcome.service))


def _work_or_outcome(
    world: World, renderer: Renderer, finding: Finding, unit: UnitState, *, insist: bool
) -> Work | Outcome:
    """Return what is to be done for a candidate, still without its files, or why nothing is."""
    candidate = finding.candidate
    state = world.store.load(finding.name)
    live = state.live_release
    if candidate is None or live is None:
        return finding.outcome
    stands = standing(live, state, unit)
    if stands is not None:
        return replace(stands, detail=f"{stands.detail}; {finding.outcome.detail}")
    now = world.clock.now()
    gate = None if insist else entry_gate(candidate.service, finding.first_seen or now, now)
    try:
        waits = keep_waiting(world, state, candidate)
        stays = waits or gate
        if stays is not None:
            return stays
        # Before anything is pulled, which no release would ever take away again.
        mine = (*renderer.file_names(candidate), *environment_files(finding.name, live.number))
        require_own(world, finding.name, mine)
        refuse_shared_volumes(world, state, candidate)
        candidate = renderer.allot(candidate)
    except BeaconError as error:
        return Outcome(finding.name, kind_of(error), error.message, error.hint)
    candidate = replace(candidate, number=state.next_number, created=world.timestamp())
    return Work(candidate, {}, finding.outcome.release, runs=True)


def _rendered(world: World, renderer: Renderer, work: Work) -> Work:
    files = {file.name: file.text for file in renderer.files(work.candidate)}
    require_own(world, work.name, files)
    for name in files:
        world.files.guard(name)
    changed: dict[str, str | None] = {
        name: text for name, text in files.items() if world.files.read(name) != text
    }
    return replace(work, files=changed, beside=renderer.beside(work.candidate))
