"""Releases that wait for their owner's word, and what he says: found before anything is stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.errors import BeaconError, BusyError, DefinitionError, UsageError
from beacon.model.event import Event, EventKind
from beacon.model.image import Wish
from beacon.model.outcome import Outcome, OutcomeKind
from beacon.model.reference import Digest, ImageReference, short
from beacon.model.release import AwaitingApproval, Displaced, Quarantine, Release, ServiceState, Trigger
from beacon.model.service import Service
from beacon.reconcile.approval import approval, rejection, what_to_do
from beacon.reconcile.displaced import displaced, explain, mounts_of
from beacon.rollout.checking.candidates import make_release
from beacon.rollout.decisions.asking import why_asked
from beacon.rollout.driving.quarantine import quarantined
from beacon.rollout.handling import move
from beacon.rollout.tools import Tools


def keep_waiting(tools: Tools, state: ServiceState, candidate: Release) -> Outcome | None:
    """Have *candidate* wait for its owner's word if it must, and say so; None where it may start."""
    waiting = cause_to_wait(tools, state, candidate)
    if waiting is None:
        return None
    with tools.store.lock(state.name):
        note_waiting(tools, state.name, waiting)
    return outcome_of(state, waiting)


def cause_to_wait(tools: Tools, state: ServiceState, candidate: Release) -> AwaitingApproval | None:
    """Return why *candidate* does not take the place of the live release by itself, or None.

    That is so if its owner is to be asked first, or if the live one has data in a volume that the candidate
    would not see; unless the owner has approved just that.
    """
    found, unseen = _with_data(tools, state.live_release, candidate)
    asked = why_asked(candidate, machine_asks=tools.asks()) if state.live_release is not None else ""
    known = state.waiting_for(candidate.digest)
    if known is not None and known.approved and set(found) <= set(known.displaced):
        return None
    if not found and not asked:
        return None
    return AwaitingApproval(
        reference=candidate.reference,
        digest=candidate.digest,
        tag_digest=candidate.tag_digest,
        trigger=candidate.trigger,
        reason=explain(found, candidate.digest, unseen) if found else asked,
        since=known.since if known is not None else tools.timestamp(),
        displaced=found,
    )


def _with_data(
    tools: Tools, live: Release | None, candidate: Release
) -> tuple[tuple[Displaced, ...], tuple[Displaced, ...]]:
    """Return what the candidate would not see, and which of that could not be looked at."""
    if live is None:
        return (), ()
    former = tools.on(move.installed_engine(tools, live.service.name) or "")
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
    tools: Tools, states: Mapping[str, ServiceState], candidates: Mapping[str, Release]
) -> dict[str, AwaitingApproval]:
    """Return why some of *candidates* do not start by themselves, by service."""
    causes = {name: cause_to_wait(tools, states[name], one) for name, one in candidates.items()}
    return {name: cause for name, cause in causes.items() if cause is not None}


def mended_release(state: ServiceState, live: Release, service: Service, trigger: Trigger) -> Release | None:
    """Return the release that waits for its owner's word, if the changed definition is that word.

    It says where the data goes, and may fit that release alone: paths of the live image are other ones.
    """
    pending, platform = state.pending, service.platform or live.platform or live.image.platform
    waiting = state.waiting_for(pending.image.digest) if pending is not None else None
    if pending is None or waiting is None or not waiting.displaced:
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


def outcome_of(state: ServiceState, waiting: AwaitingApproval) -> Outcome:
    """Return the outcome of a service whose next release waits."""
    return Outcome(
        state.name,
        OutcomeKind.WAITING,
        f"it waits for your word: {waiting.reason}",
        what_to_do(state.name, waiting),
        state.live,
        waiting.digest,
    )


def note_waiting(tools: Tools, name: str, waiting: AwaitingApproval) -> None:
    """Remember what waits, and log it if that is new; the caller holds the service's lock."""
    state = tools.store.load(name)
    old, live = state.waiting_for(waiting.digest), state.live_release
    if old is not None and (old.reason, old.trigger) == (waiting.reason, waiting.trigger):
        return
    message = f"{waiting.reference} of {name} waits for its owner's word: {waiting.reason}"
    previous = live.digest if live is not None else None
    event = Event(EventKind.WAITING, name, message, digest=waiting.digest, previous_digest=previous)
    tools.reporter.event(event, state.with_waiting(waiting))


def note_applied(tools: Tools, waiting: Mapping[str, AwaitingApproval], asked: Mapping[str, Digest]) -> None:
    """Remember what waits of that which definitions ask for, and forget what they ask for no more.

    *asked* are the digests that other definitions ask for. A service that another process is at work on is
    left to it.
    """
    for name, one in waiting.items():
        with contextlib.suppress(BusyError), tools.store.lock(name):
            note_waiting(tools, name, one)
    for name, digest in asked.items():
        if _settled(tools.store.load(name), digest) is not None:
            with contextlib.suppress(BusyError), tools.store.lock(name):
                settled = _settled(tools.store.load(name), digest)
                if settled is not None:
                    tools.store.save(settled)


def _settled(state: ServiceState, digest: Digest) -> ServiceState | None:
    """Return the state in which nothing but *digest* waits by a definition; None if that is so already."""
    kept = tuple(one for one in state.waiting if one.is_update or one.digest == digest)
    return None if kept == state.waiting else replace(state, waiting=kept)


def approve(tools: Tools, name: str, digest: str) -> AwaitingApproval:
    """Let the release that *digest* begins with, or the only one, start; return what waited.

    The caller holds the lock of the service. Raises UsageError if none or more than one is meant.
    """
    state = tools.store.load(name)
    chosen = _meant(state, digest, approval)
    if not chosen.approved:
        chosen = replace(chosen, approved=tools.timestamp())
        tried = tuple(one for one in state.quarantine if one.digest != chosen.digest)
        tools.store.save(replace(state.with_waiting(chosen), quarantine=tried))
    return chosen


def reject(tools: Tools, name: str, digest: str) -> ImageReference:
    """Have the update that *digest* begins with, or the only one that waits, passed over; return its image.

    One that is passed over already, since it failed, is noted as known to the owner. The caller holds the
    lock of the service. Raises UsageError if none or more than one is meant, or if the definition asks for
    it.
    """
    state = tools.store.load(name)
    live, failed = state.live_release, [one for one in state.quarantine if digest and one.is_called(digest)]
    if live is not None and failed and not any(one.is_called(digest) for one in state.waiting):
        return _acknowledge(tools, state, live, failed)
    chosen = _meant(state, digest, rejection)
    if not chosen.is_update or live is None:
        raise UsageError(
            f"the definition of {name} asks for {chosen.reference}", hint=f"beacon edit {name} names another"
        )
    passed = replace(
        live,
        reference=chosen.reference,
        digest=chosen.digest,
        tag_digest=chosen.tag_digest,
        trigger=Trigger.UPDATE,
    )
    tools.store.save(quarantined(tools, state, passed, "its owner rejected it"))
    return chosen.reference.with_digest(chosen.digest)


def _acknowledge(
    tools: Tools, state: ServiceState, live: Release, failed: Sequence[Quarantine]
) -> ImageReference:
    """Note that the owner knows of images that *failed*: they are not tried again by themselves."""
    if len({one.digest for one in failed}) > 1:
        hint = " or ".join(f"beacon reject {state.name}@{short(one.digest)}" for one in failed)
        raise UsageError(f"more than one image of {state.name} that failed is called so", hint=hint)
    known = tuple(
        replace(one, acknowledged=tools.timestamp(), until="") if one in failed else one
        for one in state.quarantine
    )
    tools.store.save(replace(state, quarantine=known))
    digest = failed[0].digest
    made = (one.reference for one in state.releases if one.digest == digest)
    return next(made, live.reference).with_digest(digest)


def _meant(
    state: ServiceState, digest: str, command: Callable[[str, AwaitingApproval], str]
) -> AwaitingApproval:
    """Return what waits and is called *digest*; *command* is what names another in the hint."""
    name = state.name
    if not state.waiting:
        raise UsageError(f"no release of {name} waits for your word", hint=f"beacon status {name}")
    meant = [one for one in state.waiting if one.is_called(digest)]
    if len(meant) != 1:
        many = "more than one release" if meant else "no release"
        which = f" whose digest begins with {digest}" if digest else ""
        hint = " or ".join(command(name, one) for one in state.waiting)
        raise UsageError(f"{many} of {name}{which} waits for your word", hint=hint)
    return meant[0]
