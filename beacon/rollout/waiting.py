"""Releases that wait for their owner's word, and what he says: found before anything is stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.errors import BeaconError, BusyError, DefinitionError, UsageError
from beacon.model.event import Event, EventKind
from beacon.model.image import Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest
from beacon.model.release import Displaced, Release, ServiceState, Trigger, Waiting
from beacon.model.service import Service
from beacon.reconcile.approval import approval, what_to_do
from beacon.reconcile.displaced import displaced, explain, mounts_of
from beacon.rollout import move
from beacon.rollout.candidates import make_release
from beacon.rollout.world import World


def keep_waiting(world: World, state: ServiceState, candidate: Release) -> Outcome | None:
    """Have *candidate* wait for its owner's word where it must, and say so; None where it may start."""
    waiting = cause_to_wait(world, state, candidate)
    if waiting is None:
        return None
    with world.store.lock(state.name):
        note_waiting(world, state.name, waiting)
    return outcome_of(state, waiting)


def cause_to_wait(world: World, state: ServiceState, candidate: Release) -> Waiting | None:
    """Return why *candidate* does not take the place of the live release by itself, or None.

    That is so where the live one has data in a volume that the candidate would not see, unless its owner has
    approved just that.
    """
    found, unseen = _with_data(world, state.live_release, candidate)
    known = state.waiting_for(candidate.digest)
    if not found or (known is not None and known.approved and set(found) <= set(known.displaced)):
        return None
    return Waiting(
        reference=candidate.reference,
        digest=candidate.digest,
        tag_digest=candidate.tag_digest,
        trigger=candidate.trigger,
        reason=explain(found, candidate.digest, unseen),
        since=known.since if known is not None else world.timestamp(),
        displaced=found,
    )


def _with_data(
    world: World, live: Release | None, candidate: Release
) -> tuple[tuple[Displaced, ...], tuple[Displaced, ...]]:
    """Return what the candidate would not see, and which of that could not be looked at."""
    if live is None:
        return (), ()
    former = world.on(move.installed_engine(world, live.service.name) or "")
    found, unseen = [], []
    for one in would_not_see(live, candidate):
        try:
            if former.engine.holds_data(one.volume, one.inside):
                found.append(one)
        except BeaconError:
            found.append(one)
            unseen.append(one)
    return tuple(found), tuple(unseen)


def causes_to_wait(
    world: World, states: Mapping[str, ServiceState], candidates: Mapping[str, Release]
) -> dict[str, Waiting]:
    """Return why some of *candidates* do not start by themselves, by service."""
    causes = {name: cause_to_wait(world, states[name], one) for name, one in candidates.items()}
    return {name: cause for name, cause in causes.items() if cause is not None}


def mended_release(state: ServiceState, live: Release, service: Service, trigger: Trigger) -> Release | None:
    """Return the release that waits for its owner's word, where his changed definition is that word.

    It says where the data goes, and may fit that release alone: paths of the live image are other ones.
    """
    pending, platform = state.pending, service.platform or live.platform or live.image.platform
    if pending is None or state.waiting_for(pending.image.digest) is None:
        return None
    candidate = make_release(state, service, Wish(pending.reference, platform), pending.image, trigger)
    return None if would_not_see(live, candidate) else candidate


def would_not_see(live: Release, candidate: Release) -> tuple[Displaced, ...]:
    """Return where *live* may have data that *candidate* would not see."""
    try:
        before, after = (effective(one.service, one.image) for one in (live, candidate))
    except DefinitionError:
        return ()  # labels of the image: said when the release is rendered
    return displaced(mounts_of(before), mounts_of(after))


def outcome_of(state: ServiceState, waiting: Waiting) -> Outcome:
    """Return the outcome of a service whose next release waits."""
    return Outcome(
        state.name,
        OutcomeKind.WAITING,
        f"it waits for your word: {waiting.reason}",
        what_to_do(state.name, waiting),
        state.live,
        waiting.digest,
    )


def note_waiting(world: World, name: str, waiting: Waiting) -> None:
    """Remember what waits, and tell the journal where that is new; the caller holds the service's lock."""
    state = world.store.load(name)
    old, live = state.waiting_for(waiting.digest), state.live_release
    if old is not None and (old.reason, old.trigger) == (waiting.reason, waiting.trigger):
        return
    message = f"{waiting.reference} of {name} waits for its owner's word: {waiting.reason}"
    previous = live.digest if live is not None else None
    event = Event(EventKind.WAITING, name, message, digest=waiting.digest, previous_digest=previous)
    world.reporter.event(event)
    world.store.save(state.with_waiting(waiting))


def note_applied(world: World, waiting: Mapping[str, Waiting], asked: Mapping[str, Digest]) -> None:
    """Remember what waits of that which definitions ask for, and forget what they ask for no more.

    *asked* are the digests that other definitions ask for. A service that another process is at work on is
    left to it.
    """
    for name, one in waiting.items():
        with contextlib.suppress(BusyError), world.store.lock(name):
            note_waiting(world, name, one)
    for name, digest in asked.items():
        if _settled(world.store.load(name), digest) is not None:
            with contextlib.suppress(BusyError), world.store.lock(name):
                settled = _settled(world.store.load(name), digest)
                if settled is not None:
                    world.store.save(settled)


def _settled(state: ServiceState, digest: Digest) -> ServiceState | None:
    """Return the state in which nothing but *digest* waits by a definition; None where that is so."""
    kept = tuple(one for one in state.waiting if one.is_update or one.digest == digest)
    return None if kept == state.waiting else replace(state, waiting=kept)


def approve(world: World, name: str, digest: str) -> Waiting:
    """Let the release that *digest* begins with, or the only one, start; return what waited.

    The caller holds the lock of the service. Raises UsageError where none or more than one is meant.
    """
    state = world.store.load(name)
    if not state.waiting:
        raise UsageError(f"no release of {name} waits for your word", hint=f"beacon status {name}")
    meant = [one for one in state.waiting if one.is_called(digest)]
    if len(meant) != 1:
        many = "more than one release" if meant else "no release"
        which = f" whose digest begins with {digest}" if digest else ""
        hint = " or ".join(approval(name, one) for one in state.waiting)
        raise UsageError(f"{many} of {name}{which} waits for your word", hint=hint)
    (chosen,) = meant
    if not chosen.approved:
        chosen = replace(chosen, approved=world.timestamp())
        world.store.save(state.with_waiting(chosen))
    return chosen
