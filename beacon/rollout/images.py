"""Which images stay on disk: those of the live and the previous release of every service, no others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError
from beacon.model.reference import Digest
from beacon.model.release import Release, ServiceState
from beacon.rollout.world import World


def needed(state: ServiceState) -> set[int]:
    """Return the releases whose images *state* needs: live, previous, and one being rolled out."""
    under_way = {state.rollout.release, state.rollout.previous} if state.rollout else set()
    return {number for number in {state.live, state.previous, *under_way} if number is not None}


def tidy(world: World, names: Iterable[str]) -> None:
    """Let go of images that no release of *names* needs any more, and delete those that nobody needs.

    Only images that Beacon pulled are looked at. A failure is no failure of the rollout: what could not be
    deleted now is tried again after the next one.
    """
    with contextlib.suppress(BeaconError):
        kept = _kept(world)
        for name in names:
            state = world.store.load(name)
            for number in sorted(kept.get(name, {}).keys() - needed(state)):
                with contextlib.suppress(BusyError):
                    _let_go(world, state, number, kept)
            if _outdated(state):
                with contextlib.suppress(BusyError):
                    _clear_outdated(world, name, kept)


def forget(world: World, state: ServiceState) -> None:
    """Let go of all images of a service that is removed, and delete those that nobody else needs."""
    with contextlib.suppress(BeaconError):
        kept = _kept(world)
        for number in sorted(kept.get(state.name, {})):
            with contextlib.suppress(BusyError):
                _let_go(world, state, number, kept)
        for candidate in state.spare:
            _delete(world, candidate, kept)


def distrust(world: World, release: Release) -> None:
    """Delete an image whose pull was cut off, so that it is pulled anew unless another service runs it.

    After a power cut files of it may be empty, and no engine would see that.
    """
    with contextlib.suppress(BeaconError):
        _delete(world, release, _kept(world))


_PATIENCE = 10.0
"""Seconds to wait for another process that is pulling the same image; what stays is deleted next time."""

_Kept = dict[str, dict[int, Digest]]
"""Service → release → image id."""


def _kept(world: World) -> _Kept:
    return {service: dict(marks) for service, marks in world.engine.kept().items()}


def _let_go(world: World, state: ServiceState, number: int, kept: _Kept) -> None:
    """Take both names of a release off its image. The mark comes last: it is what tells of work left over."""
    image_id = kept[state.name].pop(number)
    release = state.release(number)
    if release is not None:
        _delete(world, release, kept)
    let_go(world, state.name, number, image_id)


def let_go(world: World, name: str, number: int, image_id: Digest) -> None:
    """Take the name of a release, which keeps it, off an image."""
    with world.naming(name, image_id, wait=_PATIENCE):
        world.engine.let_go(name, number)


def _outdated(state: ServiceState) -> list[Release]:
    """Return the spare candidates that will not be tried again: another one has been since, to the end."""
    return [one for one in state.spare if one.number < state.next_number]


def _clear_outdated(world: World, name: str, kept: _Kept) -> None:
    with world.store.lock(name):
        state = world.store.load(name)
        outdated = _outdated(state)
        for candidate in outdated:
            _delete(world, candidate, kept)
        spare = tuple(one for one in state.spare if one not in outdated)
        world.store.save(replace(state, spare=spare))


def _delete(world: World, release: Release, kept: _Kept) -> None:
    """Take the name of *release* off its image, unless a release that is *kept* runs by that name too.

    An image goes with its last name; one that services follow in two repositories has two.
    """
    sharers = [
        world.store.load(service).release(number)
        for service, marks in kept.items()
        for number, image_id in marks.items()
        if image_id in release.image_ids
    ]
    if release.pinned not in {sharer.pinned for sharer in sharers if sharer is not None}:
        with world.naming(release.service.name, release.image.image_id, wait=_PATIENCE):
            world.engine.remove_image(release.pinned)
