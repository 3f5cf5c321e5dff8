"""From references to candidates: which image a service is to run, and the release that would run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import BeaconError, RegistryError
from beacon.model.image import ResolvedImage, Wish
from beacon.model.reference import ImageReference
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger
from beacon.model.service import Service
from beacon.model.version import VersionRange
from beacon.rollout.ports import Registry

T = TypeVar("T")
R = TypeVar("R")


class DefinedService(Struct, frozen=True):
    """A service as its owner defines it now, and the SHA-256 of the text that says so."""

    service: Service
    digest: str


def followed(registry: Registry, services: Mapping[str, Service]) -> dict[str, ImageReference | BeaconError]:
    """Return the reference whose image each service is to run: its own, or the best tag of its range.

    A RegistryError says that no tag is within the range.
    """
    found = ranked(registry, services)
    return {name: one if isinstance(one, BeaconError) else one[0] for name, one in found.items()}


def ranked(
    registry: Registry, services: Mapping[str, Service]
) -> dict[str, tuple[ImageReference, ...] | BeaconError]:
    """Return the references that each service may run, best first: its own, or all tags of its range.

    There is one at least; a RegistryError says that no tag is within the range.
    """
    ranged = {name: service.image for name, service in services.items() if service.follows_range}
    tags = registry.tags(ranged.values()) if ranged else {}
    return {
        name: _within(service, tags[service.image]) if name in ranged else (service.image,)
        for name, service in services.items()
    }


def _within(
    service: Service, tags: tuple[str, ...] | BeaconError
) -> tuple[ImageReference, ...] | BeaconError:
    if isinstance(tags, BeaconError):
        return tags
    wanted, current = VersionRange.parse(service.update.follow), service.image.tag or "latest"
    found = wanted.ranked(tags, current)
    if not found:
        other = wanted.unlike(tags)
        return RegistryError(
            f"{service.image.name} has no tag within {service.update.follow!r}",
            hint=f"{other} is; but after {current} only tags written like it count: no other variant, no date"
            if other
            else None,
        )
    return tuple(service.image.with_tag(tag) for tag in found)


def concurrently(threads: int, action: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return the results of *action* in the order of *items*, worked on by *threads* threads."""
    if len(items) <= 1:
        return [action(item) for item in items]
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        return list(pool.map(action, items))


def make_release(
    state: ServiceState, service: Service, wish: Wish, image: ResolvedImage, trigger: Trigger
) -> Release:
    """Return the next release of a service, as a candidate; its time is set when its rollout begins."""
    return Release(
        number=state.next_number,
        service=service,
        reference=wish.reference,
        tag_digest=image.tag_digest,
        digest=image.digest,
        image=image.config,
        state=ReleaseState.CANDIDATE,
        trigger=trigger,
        created="",
        platform=wish.platform,
    )


def renumbered(live: Release, state: ServiceState, trigger: Trigger, service: Service) -> Release:
    """Return a candidate that runs what *live* runs, for a *service* or a rendering that has changed."""
    return replace(
        live,
        number=state.next_number,
        service=service,
        state=ReleaseState.CANDIDATE,
        trigger=trigger,
        created="",
        finished=None,
        reason="",
    )
