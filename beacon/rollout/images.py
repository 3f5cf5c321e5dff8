"""Which images stay on disk: those of the live and the previous release of every service, no others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from msgspec.structs import replace

from beacon.errors import BeaconError, BusyError
from beacon.model.reference import Digest
from beacon.model.release import Release, ServiceState
from beacon.rollout.tools import Tools


def needed(state: ServiceState) -> set[int]:
    """Return the releases whose images *state* needs: live, previous, and one that is, or is to be, tried."""
    under_way = {state.rollout.release} if state.rollout else set()
    outdated = _outdated(state)
    spare = {one.number for one in state.spare if one not in outdated}
    return {number for number in {state.live, state.previous, *under_way, *spare} if number is not None}


def prune(tools: Tools, names: Iterable[str]) -> None:
    """Untag images that no release of *names* needs any more, and remove those that nobody needs.

    Only images that Beacon pulled are looked at. A failure is no failure of the rollout: what could not be
    removed now is tried again after the next one.
    """
    with contextlib.suppress(BeaconError):
        kept = _kept(tools)
        for name in names:
            state = tools.store.load(name)
            for number in sorted(kept.get(name, {}).keys() - needed(state)):
                with contextlib.suppress(BusyError):
                    _remove_kept(tools, state, number, kept)
            if _outdated(state):
                with contextlib.suppress(BusyError):
                    _prune_spare(tools, name, kept)


def remove_images(tools: Tools, state: ServiceState) -> None:
    """Untag all images of a service that is removed, and remove those that nobody else needs."""
    with contextlib.suppress(BeaconError):
        kept = _kept(tools)
        for number in sorted(kept.get(state.name, {})):
            with contextlib.suppress(BusyError):
                _remove_kept(tools, state, number, kept)
        for candidate in state.spare:
            _remove_image(tools, candidate, kept)


def remove_unknown(tools: Tools, candidate: Release) -> None:
    """Remove the image of a *candidate* that its service does not know: it was removed during the pull."""
    with contextlib.suppress(BeaconError):
        state = tools.store.load(candidate.service.name)
        if state.releases or state.spare:
            return
        tools.engine.untag(candidate.service.name, candidate.number)
        _remove_image(tools, candidate, _kept(tools))


def remove_untrusted(tools: Tools, release: Release) -> None:
    """Remove an image whose pull was cut off, so that it is pulled anew unless another service runs it.

    After a power cut files of it may be empty, and no engine would see that. The caller keeps others from
    its names.
    """
    with contextlib.suppress(BeaconError):
        if not _is_shared(tools, release, _kept(tools)):
            tools.engine.untag(release.service.name, release.number)
            tools.engine.remove_image(release.pinned)


_PATIENCE = 10.0
"""Seconds to wait for another process that is pulling the same image; what stays is removed next time."""

_Kept = dict[str, dict[int, Digest]]
"""Service → release → image id."""


def _kept(tools: Tools) -> _Kept:
    return {service: dict(marks) for service, marks in tools.engine.kept().items()}


def _remove_kept(tools: Tools, state: ServiceState, number: int, kept: _Kept) -> None:
    """Take both names of a release off its image. The mark comes last: it is what tells of work left over."""
    image_id = kept[state.name].pop(number)
    release = state.release(number)
    if release is not None:
        _remove_image(tools, release, kept)
    untag(tools, state.name, number, image_id)


def untag(tools: Tools, name: str, number: int, image_id: Digest) -> None:
    """Take the name of a release, which keeps it, off an image."""
    with tools.image_names(name, image_id, wait=_PATIENCE):
        tools.engine.untag(name, number)


def _outdated(state: ServiceState) -> list[Release]:
    """Return the spare candidates that will not be tried again.

    Another one has been since, or is to be: what a tag named for a while, say.
    """
    return [one for one in state.spare if one.number < state.next_number or one != state.spare[-1]]


def _prune_spare(tools: Tools, name: str, kept: _Kept) -> None:
    with tools.store.lock(name):
        state = tools.store.load(name)
        outdated = _outdated(state)
        for candidate in outdated:
            _remove_image(tools, candidate, kept)
        spare = tuple(one for one in state.spare if one not in outdated)
        tools.store.save(replace(state, spare=spare))


def _remove_image(tools: Tools, release: Release, kept: _Kept) -> None:
    """Take the name of *release* off its image, unless a release that is *kept* runs by that name too.

    An image goes with its last name; one that services follow in two repositories has two.
    """
    if not _is_shared(tools, release, kept):
        with tools.image_names(release.service.name, release.image.image_id, wait=_PATIENCE):
            tools.engine.remove_image(release.pinned)


def _is_shared(tools: Tools, release: Release, kept: _Kept) -> bool:
    sharers = [
        tools.store.load(service).release(number)
        for service, marks in kept.items()
        for number, image_id in marks.items()
        if image_id in release.image_ids and (service, number) != (release.service.name, release.number)
    ]
    return release.pinned in {sharer.pinned for sharer in sharers if sharer is not None}
