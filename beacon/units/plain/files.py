"""The plain unit files of a release, where there is no Quadlet."""

from __future__ import annotations

from collections.abc import Iterable

from beacon.errors import DefinitionError
from beacon.model.endpoints.network import Network
from beacon.model.machine import Engine, MachineFacts, Scope
from beacon.model.unit import SERVICE_LABEL, UnitFile, container_name, slice_name
from beacon.units.container import network_name, own_networks, write_container
from beacon.units.directives import Section
from beacon.units.layout import Templates, lay_out
from beacon.units.mark import stamp
from beacon.units.mounts import volume_name
from beacon.units.plain.docker import DockerSheet
from beacon.units.plain.jobs import render_jobs
from beacon.units.plain.podman import PodmanSheet
from beacon.units.release import ReleaseInput


def render_plain(release: ReleaseInput, facts: MachineFacts, templates: Templates) -> tuple[UnitFile, ...]:
    """Return the plain units of *release*, under the names that Quadlet gives its own.

    Raises DefinitionError with every value of the definition that the engine cannot be given.
    """
    sheet = _sheet(release, facts)
    write_container(release, facts, sheet)
    if sheet.faults:
        raise DefinitionError(sheet.faults)
    files = [_service_file(release, facts, templates, sheet), *sheet.files]
    volumes = {one.name for one in release.service.volumes if one.name is not None}
    files += [_volume_file(release, volume, templates, sheet) for volume in sorted(volumes)]
    networks = set(own_networks(release.service))
    said = release.service.network
    files += [
        _network_file(network, said.get(network, Network()), templates, sheet) for network in sorted(networks)
    ]
    limits = sheet.slice_limits()
    if limits is not None:
        files.append(_slice_file(release, limits, templates))
    return tuple(sorted((*files, *render_jobs(release, facts, templates))))


def _sheet(release: ReleaseInput, facts: MachineFacts) -> PodmanSheet:
    if facts.engine is Engine.DOCKER:
        return DockerSheet(facts.engine_version, release.fault_file, release.service.name)
    return PodmanSheet(facts.engine_version, release.fault_file)


def _service_file(
    release: ReleaseInput, facts: MachineFacts, templates: Templates, sheet: PodmanSheet
) -> UnitFile:
    name = release.service.name
    values = {
        "unit": [*_online(facts), *sheet.engine_unit(), *sheet.lines(Section.UNIT)],
        "service": [*sheet.engine_service(name, facts.scope), *sheet.lines(Section.SERVICE)],
        "install": sheet.lines(Section.INSTALL),
        "name": name,
        "image": str(release.service.image),
        "digest": str(release.digest),
    }
    text = _comment(release, facts) + lay_out(templates, "service.j2", values)
    return UnitFile(f"{container_name(name)}.service", stamp(text, f"service {name}"))


def _online(facts: MachineFacts) -> list[str]:
    """Wait for the network as Quadlet's units do; a user's manager knows no such target."""
    target = "network-online.target"
    return [f"Wants={target}", f"After={target}"] if facts.scope is Scope.SYSTEM else []


def _comment(release: ReleaseInput, facts: MachineFacts) -> str:
    name = release.service.name
    user = " --user" if facts.scope is Scope.USER else ""
    lines = [
        f"# Made from the definition of {name}, and made again when it changes: beacon{user} edit {name}",
        f"# What you add in a drop-in stays: systemctl{user} edit {container_name(name)}",
    ]
    podman = release.service.podman
    if facts.engine is Engine.DOCKER and (podman.args or podman.container or podman.unit or podman.service):
        lines.append("# Its table [podman] does not count with docker; [docker] does.")
    return "\n".join(lines) + "\n\n"


def _volume_file(release: ReleaseInput, volume: str, templates: Templates, sheet: PodmanSheet) -> UnitFile:
    service = release.service.name
    name = volume_name(service, volume)
    command = sheet.make_volume(
        name, [f"--label={SERVICE_LABEL}={service}", f"--label=io.beacon.volume={volume}"]
    )
    text = "# A volume that is there stays as it is; its data outlives this file.\n\n" + _oneshot(
        f"Volume {volume} of {service}", command, {"kind": "volume", "name": volume}, templates, sheet
    )
    return UnitFile(f"{name}-volume.service", stamp(text, f"service {service}"))


def _network_file(network: str, said: Network, templates: Templates, sheet: PodmanSheet) -> UnitFile:
    name = network_name(network)
    command = sheet.make_network(name, network_options(network, said))
    text = "# Shared by every service that names it. A network that is there stays as it is.\n\n" + _oneshot(
        f"Network {network} of Beacon's services",
        command,
        {"kind": "network", "name": network},
        templates,
        sheet,
    )
    return UnitFile(f"{name}-network.service", stamp(text, f"network {network}"))


def network_options(network: str, said: Network) -> list[str]:
    """Return what a definition says of a network, as both engines' ``network create`` takes it."""
    return [
        f"--label=io.beacon.network={network}",
        *(["--internal"] if said.internal else []),
        *([f"--driver={said.driver}"] if said.driver else []),
        *(["--ipv6"] if said.ipv6 else []),
        *(f"--subnet={one}" for one in said.subnet),
        *(f"--gateway={one}" for one in said.gateway),
        *(f"--opt={key}={value}" for key, value in sorted(said.options.items())),
    ]


def _oneshot(
    description: str, command: str, names: dict[str, str], templates: Templates, sheet: PodmanSheet
) -> str:
    service = ["Type=oneshot", "RemainAfterExit=yes", "SyslogIdentifier=%N", "StandardOutput=null"]
    values = {
        "unit": [*_described(description), *sheet.engine_unit()],
        "service": [*service, f"ExecStart={command}"],
        "slice": [],
    }
    return lay_out(templates, "object.j2", {**values, **names})


def _slice_file(release: ReleaseInput, limits: Iterable[str], templates: Templates) -> UnitFile:
    name = release.service.name
    values = {
        "unit": _described(f"Container of {name}"),
        "service": [],
        "slice": list(limits),
        "kind": "slice",
        "name": name,
    }
    comment = "# Docker's daemon runs the container, in this slice: the limits are here, not on the unit.\n\n"
    text = comment + lay_out(templates, "object.j2", values)
    return UnitFile(slice_name(name), stamp(text, f"service {name}"))


def _described(description: str) -> list[str]:
    return [f"Description={description}", "Documentation=man:beacon(1)"]
