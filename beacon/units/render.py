"""Unit files of a release: a pure function of service, digest, facts of the host and unit templates."""

from __future__ import annotations

from beacon.errors import DefinitionError
from beacon.model.endpoints.network import Network
from beacon.model.machine import MachineFacts, Scope
from beacon.model.unit import SERVICE_LABEL, UnitFile, container_name
from beacon.units.container import network_name, own_networks, write_container
from beacon.units.directives import Section, Sheet
from beacon.units.layout import TEMPLATE_NAMES, Templates, lay_out
from beacon.units.mark import stamp
from beacon.units.mounts import volume_name
from beacon.units.plain.files import render_plain
from beacon.units.plain.jobs import render_jobs
from beacon.units.release import ReleaseInput
from beacon.units.versions import CREATES_BY_NAME, FILE_DROP_INS, is_known

__all__ = ["TEMPLATE_NAMES", "ReleaseInput", "Templates", "render"]


def render(release: ReleaseInput, facts: MachineFacts, templates: Templates) -> tuple[UnitFile, ...]:
    """Return the files of *release*, sorted by name.

    Raises DefinitionError with every value of the definition that cannot be written, and MachineError where
    the engine is too old.
    """
    if not facts.has_quadlet:
        return render_plain(release, facts, templates)
    sheet = Sheet(facts.engine_version, release.fault_file)
    write_container(release, facts, sheet)
    if sheet.faults:
        raise DefinitionError(sheet.faults)
    files = [_container_file(release, facts, templates, sheet), *sheet.files]
    if facts.engine_version >= CREATES_BY_NAME:
        names = {volume.name for volume in release.service.volumes if volume.name is not None}
        files += [_volume_file(release, name, facts, templates) for name in sorted(names)]
    files += [
        _network_file(network, release.service.network.get(network, Network()), facts, templates)
        for network in sorted(set(own_networks(release.service)))
    ]
    return tuple(sorted((*files, *render_jobs(release, facts, templates))))


def _container_file(
    release: ReleaseInput, facts: MachineFacts, templates: Templates, sheet: Sheet
) -> UnitFile:
    name = release.service.name
    values = {
        "unit": sheet.lines(Section.UNIT),
        "container": sheet.lines(Section.CONTAINER),
        "service": sheet.lines(Section.SERVICE),
        "install": sheet.lines(Section.INSTALL),
        "name": name,
        "image": str(release.service.image),
        "digest": str(release.digest),
    }
    text = _container_comment(name, facts) + lay_out(templates, "container.j2", values)
    text = stamp(text, f"service {name}")
    return UnitFile(f"{container_name(name)}.container", text)


def _container_comment(name: str, facts: MachineFacts) -> str:
    user = " --user" if facts.scope is Scope.USER else ""
    lines = [
        f"# Made from the definition of {name}, and made again when it changes: beacon{user} edit {name}",
        f"# What you add in a drop-in stays: systemctl{user} edit {container_name(name)}",
    ]
    if facts.engine_version >= FILE_DROP_INS:
        lines.append(
            f"# The same for [Container]: {container_name(name)}.container.d/*.conf beside this file"
        )
    return "\n".join(lines) + "\n\n"


def _volume_file(release: ReleaseInput, volume: str, facts: MachineFacts, templates: Templates) -> UnitFile:
    service = release.service.name
    name = volume_name(service, volume)
    values = {
        "unit": _object_unit(f"Volume {volume} of {service}"),
        "volume": [
            f"VolumeName={name}",
            f"Label={SERVICE_LABEL}={service}",
            f"Label=io.beacon.volume={volume}",
        ],
        "quadlet": _object_quadlet(facts),
        "name": volume,
        "service": service,
    }
    comment = "# Podman keeps a volume that is there as it is; its data outlives this file.\n\n"
    text = comment + lay_out(templates, "volume.j2", values)
    return UnitFile(f"{name}.volume", stamp(text, f"service {service}"))


def _network_file(network: str, said: Network, facts: MachineFacts, templates: Templates) -> UnitFile:
    name = network_name(network)
    named = facts.engine_version >= CREATES_BY_NAME
    values = {
        "unit": _object_unit(f"Network {network} of Beacon's services"),
        "network": [
            *([f"NetworkName={name}"] if named else []),
            f"Label=io.beacon.network={network}",
            *_network_settings(said),
        ],
        "quadlet": _object_quadlet(facts),
        "name": network,
    }
    comment = "# Shared by every service that names it. Podman keeps a network that is there as it is.\n\n"
    return UnitFile(
        f"{name}.network", stamp(comment + lay_out(templates, "network.j2", values), f"network {network}")
    )


def _network_settings(said: Network) -> list[str]:
    """Return what a definition says of a network, for [Network]."""
    return [
        *(["Internal=true"] if said.internal else []),
        *([f"Driver={said.driver}"] if said.driver else []),
        *(["IPv6=true"] if said.ipv6 else []),
        *(f"Subnet={one}" for one in said.subnet),
        *(f"Gateway={one}" for one in said.gateway),
        *(f"Options={key}={value}" for key, value in sorted(said.options.items())),
    ]


def _object_unit(description: str) -> list[str]:
    return [f"Description={description}", "Documentation=man:beacon(1)"]


def _object_quadlet(facts: MachineFacts) -> list[str]:
    """Volumes and networks would wait for the network to be online, which they do not need (podman#26698)."""
    if not is_known("Quadlet", "DefaultDependencies", facts.engine_version):
        return []
    return ["DefaultDependencies=false"]
