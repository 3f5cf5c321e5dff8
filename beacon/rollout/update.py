"""Follow the registry: check every service, and roll out what is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from beacon.errors import BeaconError, BusyError
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference
from beacon.model.release import Pending, Release, ServiceState, Trigger
from beacon.model.runtime import UnitState
from beacon.model.unit import unit_name
from beacon.registry.results import BudgetError, CheckResult, Deferred, DeferredError, Failed, Found
from beacon.rollout.candidates import Renderer, Resolution, Wish, followed, make_release, resolve_all
from beacon.rollout.decide import entry_gate, find_quarantine, is_due, standing
from beacon.rollout.deploy import deploy
from beacon.rollout.machine import Work, short
from beacon.rollout.ports import Registry
from beacon.rollout.world import World, moment
from beacon.units.mark import read_mark

_SAME_KEPT = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of one service: how it ended, and the candidate where there is one."""

    outcome: Outcome
    candidate: Release | None = None
    first_seen: datetime | None = None

    @property
    def name(self) -> str:
        """The service."""
        return self.outcome.service


class Check:
    """One look at the registries for many services. Remembers new digests; changes nothing else."""

    def __init__(
        self, world: World, registry: Registry, states: Mapping[str, ServiceState], *, retry: bool = False
    ) -> None:
        self._world = world
        self._retry = retry
        self._registry = registry
        self._states = states
        self._live = {
            name: live for name, state in states.items() if (live := state.live_release) is not None
        }

    def run(self, last: Mapping[str, datetime]) -> tuple[Finding, ...]:
        """Return a finding for every service that is due; *last* says when each was checked before."""
        now = self._world.clock.now()
        findings: list[Finding] = []
        references: dict[str, ImageReference] = {}
        for name, live in self._live.items():
            if not is_due(last.get(name), now, live.service.update.every):
                continue
            if is_pinned(live):
                findings.append(Finding(pinned(live)))
                continue
            try:
                references[name] = followed(self._registry, live.service)
            except BeaconError as error:
                findings.append(Finding(unchecked(name, error)))
        results = self._registry.check(references.values()) if references else {}
        findings += self._judge(references, results)
        return tuple(sorted(findings, key=lambda finding: finding.name))

    def _judge(
        self,
        references: Mapping[str, ImageReference],
        results: Mapping[ImageReference, CheckResult],
    ) -> Iterator[Finding]:
        wishes: dict[str, Wish] = {}
        for name, reference in references.items():
            match results[reference]:
                case Found() as found:
                    outcome = self._known(name, reference, found.digest)
                    if outcome is not None:
                        yield Finding(outcome)
                    else:
                        platform = self._live[name].image.platform
                        wishes[name] = Wish(reference, platform, found.digest)
                case Deferred() as deferred:
                    yield Finding(Outcome(name, OutcomeKind.DEFERRED, deferred.reason))
                case Failed() as failed:
                    yield Finding(Outcome(name, OutcomeKind.UNCHECKED, failed.problem, failed.hint))
        pending = {name: self._states[name].pending for name in wishes}
        unknown = {
            name: wish
            for name, wish in wishes.items()
            if (one := pending[name]) is None or one.image.tag_digest != wish.digest
        }
        resolutions = resolve_all(self._registry, unknown.values())
        for name, wish in wishes.items():
            known = pending[name]
            resolution = resolutions[wish] if name in unknown or known is None else known.image
            yield self._look_into(name, wish, resolution)

    def _known(self, name: str, reference: ImageReference, digest: Digest) -> Outcome | None:
        """Return the outcome where the digest alone tells it."""
        live, state = self._live[name], self._states[name]
        if reference == live.reference and digest in {live.tag_digest, live.digest, *state.same}:
            return Outcome(
                name, OutcomeKind.UP_TO_DATE, f"{reference} is at {short(digest)}", release=live.number
            )
        return self._quarantined(name, digest)

    def _quarantined(self, name: str, digest: Digest) -> Outcome | None:
        live = self._live[name]
        entry = find_quarantine(self._states[name], digest, self._world.fingerprint(live.service))
        if entry is None or self._retry:
            return None
        detail = f"{short(digest)} is not tried again: {entry.reason}"
        hint = f"push a mended image, or beacon update --retry {name}"
        return Outcome(name, OutcomeKind.QUARANTINED, detail, hint, live.number, entry.digest)

    def _look_into(self, name: str, wish: Wish, resolution: Resolution) -> Finding:
        if isinstance(resolution, BeaconError):
            return Finding(unchecked(name, resolution))
        live, state = self._live[name], self._states[name]
        same_reference = wish.reference == live.reference
        if same_reference and live.image.image_id == resolution.config.image_id:
            same = (*state.same, resolution.tag_digest)[-_SAME_KEPT:]
            self._remember(name, replace(state, same=same, pending=None))
            detail = f"{wish.reference} has a new index around the same image"
            return Finding(Outcome(name, OutcomeKind.UP_TO_DATE, detail, release=live.number))
        pending = state.pending
        if (
            pending is None
            or pending.image.digest != resolution.digest
            or pending.reference != wish.reference
        ):
            pending = Pending(wish.reference, resolution, self._world.timestamp())
            self._remember(name, replace(state, pending=pending))
        quarantined = self._quarantined(name, resolution.digest)
        if quarantined is not None:
            return Finding(quarantined)
        candidate = make_release(state, live.service, wish.reference, resolution, Trigger.UPDATE)
        candidate = replace(candidate, definition=live.definition)
        detail = f"{wish.reference} is at {short(resolution.digest)}, {short(live.digest)} is live"
        outcome = Outcome(name, OutcomeKind.AVAILABLE, detail, f"beacon update {name}", live.number)
        return Finding(outcome, candidate, moment(pending.first_seen))

    def _remember(self, name: str, state: ServiceState) -> None:
        """Save what was found; where that cannot be done now, it is found again next time."""
        try:
            with self._world.store.lock(name):
                current = self._world.store.load(name)
                if current.rollout is None and current.live == state.live:
                    self._world.store.save(replace(current, same=state.same, pending=state.pending))
        except BusyError:
            return
        except BeaconError as error:
            self._world.reporter.note(name, f"cannot remember what was found: {error.message}")


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


def is_edited(text: str | None) -> bool:
    """Say whether a file is there and is not as Beacon wrote it."""
    if text is None:
        return False
    mark = read_mark(text)
    return mark is None or not mark.intact


def is_pinned(live: Release) -> bool:
    """Say whether a release follows nothing."""
    return live.service.update.follow == "pinned" or live.service.image.digest is not None


def pinned(live: Release) -> Outcome:
    """Return the outcome of a service that follows nothing."""
    return Outcome(live.service.name, OutcomeKind.PINNED, f"stays at {live.pinned}", release=live.number)


def unchecked(name: str, error: BeaconError) -> Outcome:
    """Return the outcome of a check that failed; a spent rate budget only defers."""
    kind = OutcomeKind.DEFERRED if isinstance(error, BudgetError | DeferredError) else OutcomeKind.UNCHECKED
    return Outcome(name, kind, error.message, error.hint)
