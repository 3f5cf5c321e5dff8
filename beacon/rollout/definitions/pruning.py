"""What nothing needs any more: images that are kept, and volumes of services that are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from beacon.errors import BeaconError, BusyError
from beacon.rollout.images import needed, prune
from beacon.rollout.ports import StateStore
from beacon.rollout.tools import Tools


class Volumes(Protocol):
    """The volumes of an engine."""

    def volumes(self) -> Mapping[str, str]:
        """Return Beacon's volumes, each with the service that it belongs to."""

    def volume_sizes(self, service: str, others: Iterable[str]) -> Mapping[str, int | None]:
        """Return how many bytes the data of volumes takes; None if that is not known."""

    def users(self, volume: str) -> Mapping[str, bool]:
        """Return the containers that mount a volume."""

    def remove_volume(self, name: str) -> None:
        """Delete a volume with its data."""


class KeptImage(Struct, frozen=True, order=True):
    """An image that Beacon keeps for a release that nobody goes back to."""

    service: str
    release: int


class Orphan(Struct, frozen=True, order=True):
    """A volume that Beacon made, of a service that is gone; *size* is in bytes, None if it is not known."""

    name: str
    service: str
    size: int | None = None


class Known(Struct, frozen=True):
    """What there is on the machine: services by name, and all texts in which volumes could be named."""

    services: frozenset[str]
    texts: tuple[str, ...]

    def names(self, volume: str) -> bool:
        """Say whether a definition mentions a volume or a secret, even one that cannot be understood."""
        return any(volume in text for text in self.texts)


def unneeded_images(tools: Tools, known: Known) -> list[KeptImage]:
    """Return the images that no release needs which is live, was so before, or is to be tried."""
    found = []
    for service, releases in tools.engine.kept().items():
        try:
            used = needed(tools.store.load(service)) if service in known.services else set()
        except BeaconError:
            continue  # what is remembered of it cannot be read
        found += [KeptImage(service, release) for release in releases if release not in used]
    return sorted(found)


def prune_images(tools: Tools, known: Known) -> list[KeptImage]:
    """Let go of the images that no release needs, and return those that are gone."""
    before = unneeded_images(tools, known)
    prune(tools, sorted({one.service for one in before} & known.services))
    for one in before:
        if one.service not in known.services:
            _let_go(tools, one)
    return sorted(set(before) - set(unneeded_images(tools, known)))


def orphans(tools: Tools, engine: Volumes, known: Known) -> list[Orphan]:
    """Return the volumes that Beacon made of services that are gone, and that nothing else has to do with."""
    found = {
        name: service
        for name, service in engine.volumes().items()
        if service not in known.services and not known.names(name)
    }
    mounted = _mounted(tools.store) if found else frozenset()
    free = {name: one for name, one in found.items() if name not in mounted and not engine.users(name)}
    sizes = engine.volume_sizes("", free) if free else {}
    return sorted(Orphan(name, service, sizes.get(name)) for name, service in free.items())


def delete_orphans(
    tools: Tools, engine: Volumes, known: Callable[[], Known], names: Iterable[str]
) -> tuple[list[Orphan], dict[str, str]]:
    """Delete those volumes of *names* that are orphans still; return them, and why others are not gone."""
    gone: list[Orphan] = []
    failed: dict[str, str] = {}
    for name in dict.fromkeys(names):
        service = engine.volumes().get(name)
        try:
            if service is None:
                continue
            with tools.store.lock(service):  # whoever adds a service of that name waits, or has it by now
                orphan = next((one for one in orphans(tools, engine, known()) if one.name == name), None)
                if orphan is None:
                    failed[name] = "something needs it by now"
                else:
                    engine.remove_volume(name)
                    gone.append(orphan)
        except BeaconError as error:
            failed[name] = error.message
    return gone, failed


def _let_go(tools: Tools, image: KeptImage) -> None:
    """Take the name of a release off the image of a service that is gone."""
    try:
        with tools.store.lock(image.service):
            tools.engine.untag(image.service, image.release)
    except (BusyError, BeaconError):
        return  # it is there still, and said to be


def _mounted(store: StateStore) -> frozenset[str]:
    """Return the volumes of others that releases mount."""
    found = set()
    for name in store.names():
        try:
            releases = store.load(name).releases
        except BeaconError:
            continue
        found |= {one.external for release in releases for one in release.service.volumes if one.external}
    return frozenset(found)
