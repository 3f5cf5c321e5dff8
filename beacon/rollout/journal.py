"""What is on disk of a rollout under way: each phase is written down before it begins."""

from __future__ import annotations

import contextlib

from msgspec.structs import replace

from beacon.errors import HostError
from beacon.model.release import Phase, Quarantine, Release, RolloutJournal, ServiceState
from beacon.rollout.world import World


def journal_of(state: ServiceState) -> RolloutJournal:
    """Return the journal of the rollout that is under way; HostError where none is."""
    if state.rollout is None:
        raise HostError(f"no rollout of {state.name} is under way")
    return state.rollout


def candidate_of(state: ServiceState) -> Release:
    """Return the release that is being rolled out; HostError where none is."""
    number = journal_of(state).release
    release = state.release(number)
    if release is None:
        raise HostError(f"the state of {state.name} names release {number}, but does not hold it")
    return release


def enter(world: World, state: ServiceState, phase: Phase) -> ServiceState:
    """Write down that *phase* begins."""
    state = replace(state, rollout=replace(journal_of(state), phase=phase))
    world.store.save(state)
    return state


def begin_restoring(
    world: World, state: ServiceState, reason: str, *, untried: bool = False, stopped: bool = False
) -> ServiceState:
    """Write down that the previous release is being restored, and why.

    The candidate is *untried* where it proved nothing, as where the service was *stopped*.
    """
    journal = replace(
        journal_of(state), phase=Phase.RESTORING, reason=reason, untried=untried or stopped, stopped=stopped
    )
    state = replace(state, rollout=journal)
    # On a full disk the journal cannot be written, but bringing the service back matters more:
    # the phase on disk is an earlier one, from which the next run comes here again.
    with contextlib.suppress(HostError):
        world.store.save(state)
    return state


def quarantined(world: World, state: ServiceState, release: Release, reason: str) -> ServiceState:
    """Return the state in which the image of *release* is not tried again with its definition."""
    entry = Quarantine(
        digest=release.digest,
        tag_digest=release.tag_digest,
        fingerprint=world.fingerprint(release.service),
        since=world.timestamp(),
        reason=reason,
    )
    key = (entry.digest, entry.fingerprint)
    others = (one for one in state.quarantine if (one.digest, one.fingerprint) != key)
    return replace(state.without_waiting(release), quarantine=(*others, entry))
