"""Releases become unit files."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from beacon.definition.effective import effective
from beacon.definition.endpoints.handover import handover_of
from beacon.definition.endpoints.loopback import with_loopback, with_second_ports
from beacon.errors import DefinitionError
from beacon.model.machine import MachineFacts
from beacon.model.release import Release
from beacon.model.service import Handover
from beacon.model.unit import (
    FileSort,
    UnitFile,
    UnitFileName,
    container_name,
    environment_files,
    helper_name,
    job_timer,
    job_unit,
)
from beacon.units.container import network_name, own_networks
from beacon.units.mounts import volume_name
from beacon.units.plain.files import render_plain
from beacon.units.release import ReleaseInput
from beacon.units.render import Templates, render


def _as_it_is(release: Release) -> Release:
    return release


_SHARED = {FileSort.NETWORK, FileSort.VOLUME}
"""Files that a helper needs and that are there already."""


class Renderer(Struct, frozen=True):
    """Turns releases into unit files for one machine."""

    facts: Callable[[], MachineFacts]
    """Of this machine; the engine takes a moment to say its version."""
    templates: Templates
    allot: Callable[[Release], Release] = _as_it_is
    """Gives a release the ports that it needs, and what else it is given here; asked before its files."""

    def files(self, release: Release) -> tuple[UnitFile, ...]:
        """Return the unit files of *release*."""
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
                secrets=release.secrets,
            ),
            self.facts(),
            self.templates,
        )

    def file_names(self, release: Release) -> list[str]:
        """Return what the files of *release* may be called on any machine, without making them."""
        service = effective(release.service, release.image).service
        volumes = [volume_name(service.name, volume.name) for volume in service.volumes if volume.name]
        objects = [
            UnitFileName(container_name(service.name), FileSort.CONTAINER),
            *(UnitFileName(volume, FileSort.VOLUME) for volume in volumes),
            *(UnitFileName(network_name(network), FileSort.NETWORK) for network in own_networks(service)),
        ]
        names = [name for one in objects for name in one.files]
        for job in service.jobs:
            names += [job_unit(service.name, job.name), job_timer(service.name, job.name)]
        return [*names, *environment_files(service.name, release.number)]

    def beside(self, release: Release) -> dict[str, str]:
        """Return the files of the helper that runs *release* beside the live one; none where it cannot.

        They are plain units on every host: systemd forgets them with a boot, and the helper is gone.
        """
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
            secrets=release.secrets,
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
