"""From references to candidates: which image a service is to run, and the release that would run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from beacon.errors import BeaconError, DefinitionError, RegistryError
from beacon.model.host import HostFacts
from beacon.model.image import ResolvedImage, Wish
from beacon.model.reference import ImageReference
from beacon.model.release import Release, ReleaseState, ServiceState, Trigger
from beacon.model.service import Handover, Service
from beacon.model.unit import (
    FileSort,
    UnitFile,
    UnitFileName,
    container_name,
    environment_files,
    helper_name,
)
from beacon.model.version import VersionRange
from beacon.rollout.ports import Registry

if TYPE_CHECKING:
    from beacon.units.render import Templates

T = TypeVar("T")
R = TypeVar("R")


def _as_it_is(release: Release) -> Release:
    return release


_SHARED = {FileSort.NETWORK, FileSort.VOLUME}
"""Files that a helper needs and that are there already."""


class Definition(Struct, frozen=True):
    """A service as its owner defines it now, and the SHA-256 of the text that says so."""

    service: Service
    digest: str


class Renderer(Struct, frozen=True):
    """Turns releases into unit files for one machine."""

    facts: Callable[[], HostFacts]
    """Of this machine; the engine takes a moment to tell its version."""
    templates: Templates
    allot: Callable[[Release], Release] = _as_it_is
    """Gives a release the ports that it needs, and what else it is given here; asked before its files."""

    def files(self, release: Release) -> tuple[UnitFile, ...]:
        """Return the unit files of *release*."""
        # Most runs find nothing new and render nothing.
        from beacon.definition.effective import effective  # noqa: PLC0415
        from beacon.definition.loopback import with_loopback  # noqa: PLC0415
        from beacon.units.render import ReleaseInput, render  # noqa: PLC0415

        filled = effective(release.service, release.image)
        return render(
            ReleaseInput(
                service=with_loopback(filled.service, release.ports),
                declared=release.service,
                own_check=filled.own_check,
                digest=release.digest,
                followed=release.reference,
                number=release.number,
                private=release.private,
            ),
            self.facts(),
            self.templates,
        )

    def file_names(self, release: Release) -> list[str]:
        """Return what the files of *release* may be called on any machine, without making them."""
        from beacon.definition.effective import effective  # noqa: PLC0415 -- as above
        from beacon.units.container import network_name, own_networks  # noqa: PLC0415
        from beacon.units.mounts import volume_name  # noqa: PLC0415

        service = effective(release.service, release.image).service
        volumes = [volume_name(service.name, volume.name) for volume in service.volumes if volume.name]
        objects = [
            UnitFileName(container_name(service.name), FileSort.CONTAINER),
            *(UnitFileName(volume, FileSort.VOLUME) for volume in volumes),
            *(UnitFileName(network_name(network), FileSort.NETWORK) for network in own_networks(service)),
        ]
        names = [name for one in objects for name in one.files]
        return [*names, *environment_files(service.name, release.number)]

    def beside(self, release: Release) -> dict[str, str]:
        """Return the files of the helper that runs *release* beside the live one; none where it cannot.

        They are plain units on every host: systemd forgets them with a boot, and the helper is gone.
        """
        from beacon.definition.effective import effective  # noqa: PLC0415 -- as above
        from beacon.definition.handover import handover_of  # noqa: PLC0415
        from beacon.definition.loopback import with_second_ports  # noqa: PLC0415
        from beacon.units.plain_files import render_plain  # noqa: PLC0415
        from beacon.units.release import ReleaseInput  # noqa: PLC0415

        filled = effective(release.service, release.image)
        service = with_second_ports(filled.service, release.ports)
        if handover_of(filled.service) is not Handover.SWAP or not service.ports:
            return {}
        name = helper_name(service.name)
        helper = ReleaseInput(
            service=replace(service, name=name),
            declared=replace(release.service, name=name),
            own_check=filled.own_check,
            digest=release.digest,
            followed=release.reference,
            number=release.number,
            private=release.private,
            beside=True,
        )
        try:
            files = render_plain(helper, self.facts(), self.templates)
        except DefinitionError:
            return {}  # something that only Quadlet can do
        return {
            file.name: file.text
            for file in files
            if (parsed := UnitFileName.parse(file.name)) is None or parsed.sort not in _SHARED
        }


def in_effect(release: Release) -> Service:
    """Return the service of *release* with what its image says filled in."""
    from beacon.definition.effective import effective  # noqa: PLC0415  # most runs start nothing

    return effective(release.service, release.image).service


def followed(registry: Registry, services: Mapping[str, Service]) -> dict[str, ImageReference | BeaconError]:
    """Return the reference whose image each service is to run: its own, or the best tag of its range.

    A RegistryError says that no tag is within the range.
    """
    ranged = {name: service.image for name, service in services.items() if follows_range(service)}
    tags = registry.tags(ranged.values()) if ranged else {}
    return {
        name: _best(service, tags[service.image]) if name in ranged else service.image
        for name, service in services.items()
    }


def follows_range(service: Service) -> bool:
    """Say whether a service follows the best tag of a range of versions."""
    return service.image.digest is None and service.update.follow not in {"tag", "pinned"}


def _best(service: Service, tags: tuple[str, ...] | BeaconError) -> ImageReference | BeaconError:
    if isinstance(tags, BeaconError):
        return tags
    best = VersionRange.parse(service.update.follow).best(tags, service.image.tag or "latest")
    if best is None:
        return RegistryError(
            f"{service.image.name} has no tag within {service.update.follow!r}",
            hint="a variant such as 1.4-alpha is followed among tags of the same variant only",
        )
    return service.image.with_tag(best)


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
