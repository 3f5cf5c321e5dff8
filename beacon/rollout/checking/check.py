"""What is new: ask the registries about many services at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError, LimitError
from beacon.model.image import Layer, Platform, Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference, short
from beacon.model.release import Pending, Release, ReleaseState, ServiceState, Trigger
from beacon.model.service import Service
from beacon.model.version import is_older
from beacon.registry.results import (
    CheckResult,
    Deferred,
    Failed,
    Found,
    Resolution,
)
from beacon.rollout.checking.candidates import make_release, ranked
from beacon.rollout.decisions.decide import find_quarantine, is_due, longest_unanswered, passed_over
from beacon.rollout.ports import Registry
from beacon.rollout.tools import Tools, moment

_SAME_KEPT = 20
_LOWER = 3
"""So many versions below the best of a range are tried: each that fails has the service down for a moment."""


class Checked(Struct, frozen=True):
    """What a check says of one service: how it ended, and the candidate if there is one."""

    outcome: Outcome
    candidate: Release | None = None
    first_seen: datetime | None = None
    layers: tuple[Layer, ...] = ()
    """Of the candidate's image, as far as they are known."""

    @property
    def name(self) -> str:
        """The service."""
        return self.outcome.service


class Check:
    """One look at the registries for many services. Remembers new digests; changes nothing else.

    *on_news* is called once tags have moved, before it is known to what.
    """

    def __init__(
        self,
        tools: Tools,
        registry: Registry,
        states: Mapping[str, ServiceState],
        *,
        retry: bool = False,
        on_news: Callable[[], object] = lambda: None,
    ) -> None:
        self._tools = tools
        self._retry = retry
        self._on_news = on_news
        self._registry = registry
        self.answered: set[str] = set()
        """The services whose images the registries have answered for."""
        self._states = states
        self._live = {
            name: live for name, state in states.items() if (live := state.live_release) is not None
        }

    def run(self, last: Mapping[str, datetime]) -> tuple[Checked, ...]:
        """Return what became of each service that is due; *last* says when a registry last answered for each.

        The one that was answered for longest ago is asked for first.
        """
        now = self._tools.clock.now()
        checks: list[Checked] = []
        services: dict[str, Service] = {}
        for name in longest_unanswered(self._live, last):
            live = self._live[name]
            if not is_due(last.get(name), now, live.service.update.every):
                checks += self._waiting(name)
                continue
            if is_unclear(live):
                checks.append(Checked(unclear(live)))
            elif live.service.is_pinned:
                self._supersede(name, None)
                checks.append(Checked(pinned(live)))
            else:
                services[name] = live.service
        with self._tools.asking(service.image for service in services.values()):
            checks += self._ask(services)
        return tuple(sorted(checks, key=lambda checked: checked.name))

    def _ask(self, services: Mapping[str, Service]) -> list[Checked]:
        checks: list[Checked] = []
        lines: dict[str, tuple[ImageReference, ...]] = {}
        for name, line in ranked(self._registry, services).items():
            if isinstance(line, BeaconError):
                checks.append(Checked(unchecked(name, line)))
            elif is_older(line[0].tag, self._live[name].reference.tag):
                self.answered.add(name)
                checks.append(Checked(ahead_of(self._live[name], line[0])))
            else:
                lines[name] = line
        return [*checks, *self._judge(*self._select(lines))]

    def _select(
        self, lines: Mapping[str, Sequence[ImageReference]]
    ) -> tuple[dict[str, ImageReference], Mapping[ImageReference, CheckResult]]:
        """Return the reference to follow of each line (best first), and what all that were asked for name.

        That is the first. Where what it names is in quarantine, it is the next that could be rolled out.
        """
        chosen = {name: line[0] for name, line in lines.items()}
        results = dict(self._registry.check(chosen.values())) if chosen else {}
        left = {
            name: self._above_live(name, line[1:])
            for name, line in lines.items()
            if isinstance(found := results[line[0]], Found) and self._quarantined(name, found.digest)
        }
        for place in range(_LOWER):
            asked = {name: line[place] for name, line in left.items() if len(line) > place}
            results.update(self._registry.check(asked.values()) if asked else {})
            for name, reference in asked.items():
                if self._is_untried(name, reference, results[reference]):
                    chosen[name] = reference
                    del left[name]
        return chosen, results

    def _above_live(self, name: str, line: Sequence[ImageReference]) -> tuple[ImageReference, ...]:
        """Return what of *line* is newer than what is live, or the same tag, which may have moved."""
        live = self._live[name].reference
        return tuple(one for one in line if one == live or is_older(live.tag, one.tag))

    def _is_untried(self, name: str, reference: ImageReference, result: CheckResult) -> bool:
        """Say whether *reference* names what is new to the service; it has gone back past what is not."""
        if not isinstance(result, Found) or self._known(name, reference, result.digest) is not None:
            return False
        left = (one for one in self._states[name].releases if one.state is ReleaseState.SUPERSEDED)
        return not any(result.digest in {one.digest, one.tag_digest} for one in left)

    def _waiting(self, name: str) -> Iterator[Checked]:
        """Yield what is known to be new and has not been rolled out: its window may have opened meanwhile.

        The registry is not asked for that: ``update.every`` limits questions, and not what is done.
        """
        live, pending = self._live[name], self._states[name].pending
        if pending is None or live.service.is_pinned or is_unclear(live):
            return
        is_followed = live.service.follows_range or pending.reference == live.service.image
        if is_followed and self._quarantined(name, pending.image.digest) is None:
            wish = Wish(pending.reference, _platform(live), pending.image.tag_digest)
            yield self._check_one(name, wish, pending.image)

    def _judge(
        self,
        references: Mapping[str, ImageReference],
        results: Mapping[ImageReference, CheckResult],
    ) -> Iterator[Checked]:
        wishes: dict[str, Wish] = {}
        for name, reference in references.items():
            match results[reference]:
                case Found() as found:
                    self.answered.add(name)
                    outcome = self._known(name, reference, found.digest)
                    if outcome is not None:
                        self._supersede(name, outcome.digest)
                        detail = "; ".join((outcome.detail, *found.warnings))
                        yield Checked(replace(outcome, detail=detail))
                    else:
                        wishes[name] = Wish(reference, _platform(self._live[name]), found.digest)
                case Deferred() as deferred:
                    hint = f"try again {deferred.when}"
                    yield Checked(Outcome(name, OutcomeKind.DEFERRED, deferred.reason, hint))
                case Failed() as failed:
                    yield Checked(Outcome(name, OutcomeKind.UNCHECKED, failed.problem, failed.hint))
        if wishes:
            self._on_news()
        pending = {name: self._states[name].pending for name in wishes}
        unknown = {
            name: wish
            for name, wish in wishes.items()
            if (one := pending[name]) is None or one.image.tag_digest != wish.digest
        }
        resolutions = self._registry.resolve(unknown.values()) if unknown else {}
        for name, wish in wishes.items():
            known = pending[name]
            resolution = resolutions[wish] if name in unknown or known is None else known.image
            yield self._check_one(name, wish, resolution)

    def _known(self, name: str, reference: ImageReference, digest: Digest) -> Outcome | None:
        """Return the outcome if the digest alone decides it."""
        live, state = self._live[name], self._states[name]
        if reference == live.reference and digest in {live.tag_digest, live.digest, *state.same}:
            return Outcome(
                name, OutcomeKind.UP_TO_DATE, f"{reference} is at {short(digest)}", release=live.number
            )
        return self._quarantined(name, digest)

    def _quarantined(self, name: str, digest: Digest) -> Outcome | None:
        live = self._live[name]
        now = self._tools.clock.now()
        entry = find_quarantine(self._states[name], digest, self._tools.fingerprint(live.service), now)
        if entry is None or self._retry:
            return None
        detail = f"{short(digest)} is {passed_over(entry)}"
        hint = f"push a mended image, or beacon update --retry {name}"
        return Outcome(name, OutcomeKind.QUARANTINED, detail, hint, live.number, entry.digest)

    def _check_one(self, name: str, wish: Wish, resolution: Resolution) -> Checked:
        if isinstance(resolution, BeaconError):
            return Checked(unchecked(name, resolution))
        live, state = self._live[name], self._states[name]
        same_reference = wish.reference == live.reference
        if same_reference and (
            resolution.digest == live.digest or live.image.image_id == resolution.config.image_id
        ):
            same = (*state.same, resolution.tag_digest)[-_SAME_KEPT:]
            self._remember(name, None, same=same)
            detail = f"{wish.reference} has a new index around the same image"
            return Checked(Outcome(name, OutcomeKind.UP_TO_DATE, detail, release=live.number))
        pending = state.pending
        if (
            pending is None
            or pending.image.digest != resolution.digest
            or pending.reference != wish.reference
        ):
            pending = Pending(wish.reference, resolution, self._tools.timestamp())
            self._remember(name, pending, digest=resolution.digest)
        elif pending.image.tag_digest != resolution.tag_digest:  # the index around it is another one
            pending = replace(pending, image=resolution)
            self._remember(name, pending, digest=resolution.digest)
        quarantined = self._quarantined(name, resolution.digest)
        if quarantined is not None:
            return Checked(quarantined)
        candidate = make_release(state, live.service, wish, resolution, Trigger.UPDATE)
        candidate = replace(candidate, definition=live.definition, reader=live.reader)
        detail = f"{wish.reference} is at {short(resolution.digest)}, {short(live.digest)} is live"
        outcome = Outcome(name, OutcomeKind.AVAILABLE, detail, f"beacon update {name}", live.number)
        return Checked(outcome, candidate, moment(pending.first_seen), pending.image.parts)

    def _supersede(self, name: str, digest: Digest | None) -> None:
        """Have no update wait for its owner's word but that to *digest*."""
        state = self._states[name]
        if state.with_update(digest) != state:
            self._remember(name, None, digest=digest)

    def _remember(
        self,
        name: str,
        pending: Pending | None,
        *,
        digest: Digest | None = None,
        same: tuple[Digest, ...] | None = None,
    ) -> None:
        """Save what was found; if that cannot be done now, it is found again next time.

        No update waits for its owner's word any more but that to *digest*.
        """
        state = self._states[name]
        try:
            with self._tools.store.lock(name):
                current = self._tools.store.load(name)
                if current.rollout is None and current.live == state.live:
                    same = state.same if same is None else same
                    current = replace(current.with_update(digest), same=same, pending=pending)
                    self._tools.store.save(current.with_alias(pending.image) if pending else current)
        except BusyError:
            return
        except BeaconError as error:
            self._tools.reporter.note(name, f"cannot remember what was found: {error.message}")


def _platform(live: Release) -> Platform:
    """Return what the image of *live* was asked for: it runs here, whatever its configuration says of it."""
    return live.service.platform or live.platform or live.image.platform


def is_unclear(live: Release) -> bool:
    """Say whether *live* was taken over, and its definition does not make the unit that is there."""
    return live.trigger is Trigger.TAKEOVER and not live.definition


def ahead_of(live: Release, reference: ImageReference) -> Outcome:
    """Return the outcome of a service whose registry has no version as high as *live*: a mirror may lag.

    What a range names may only rise by itself.
    """
    detail = f"{live.reference.tag} is live, and {reference} is the best that the registry has in its range"
    hint = f"to go back: beacon rollback {live.service.name}, or another range in its definition"
    return Outcome(live.service.name, OutcomeKind.UP_TO_DATE, detail, hint, live.number)


def unclear(live: Release) -> Outcome:
    """Return the outcome of such a service: a new image would bring what nobody has applied."""
    name = live.service.name
    detail = "what it runs is not what its definition says, and what that was is lost with its state"
    return Outcome(name, OutcomeKind.DEFERRED, detail, f"beacon plan {name}, then beacon apply {name}")


def pinned(live: Release) -> Outcome:
    """Return the outcome of a service that follows nothing."""
    return Outcome(live.service.name, OutcomeKind.PINNED, f"stays at {live.pinned}", release=live.number)


def unchecked(name: str, error: BeaconError) -> Outcome:
    """Return the outcome of a check that failed; a spent rate budget only defers."""
    kind = OutcomeKind.DEFERRED if isinstance(error, LimitError) else OutcomeKind.UNCHECKED
    return Outcome(name, kind, error.message, error.hint)
