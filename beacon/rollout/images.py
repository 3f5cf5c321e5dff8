"""Which images stay on disk: those of the live and the previous release of every service, no others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from beacon.errors import BeaconError
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
        kept = world.engine.kept()
        surplus: list[Release] = []
        for name in names:
            state = world.store.load(name)
            numbers = kept.get(name, {}).keys() - needed(state)
            for number in sorted(numbers):
                world.engine.let_go(name, number)
            surplus += [release for release in state.releases if release.number in numbers]
        if surplus:
            _delete(world, surplus)


def forget(world: World, state: ServiceState) -> None:
    """Let go of all images of a service that is removed, and delete those that nobody else needs."""
    with contextlib.suppress(BeaconError):
        for number in sorted(world.engine.kept().get(state.name, {})):
            world.engine.let_go(state.name, number)
        _delete(world, state.releases)


def distrust(world: World, release: Release) -> None:
    """Delete an image whose pull was cut off, so that it is pulled anew unless another service runs it.

    After a power cut files of it may be empty, and no engine would see that.
    """
    with contextlib.suppress(BeaconError):
        _delete(world, [release])


def _delete(world: World, releases: Iterable[Release]) -> None:
    """Take the names of *releases* off their images, but for those that any kept release runs by.

    An image goes with its last name; one that services follow in two repositories has two.
    """
    kept = world.engine.kept()
    for release in releases:
        sharers = [
            world.store.load(service).release(number)
            for service, marks in kept.items()
            for number, image_id in marks.items()
            if image_id in release.image_ids
        ]
        if release.pinned not in {sharer.pinned for sharer in sharers if sharer is not None}:
            world.engine.remove_image(release.pinned)
