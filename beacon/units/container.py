"""The container file: a service at one digest as Quadlet's [Container] and the unit around it."""

from __future__ import annotations

import math
import signal

from beacon.definition.grammar import key_path
from beacon.model.host import HostFacts, Scope
from beacon.model.service import Port, RestartPolicy, Service
from beacon.model.unit import container_name, unit_name
from beacon.units.directives import Section, Sheet
from beacon.units.health import STOP_SLACK, as_json, render_health, span, start_limit
from beacon.units.mounts import render_secret, render_volumes, require_mount
from beacon.units.quoting import InexpressibleError, encode_raw, encode_setting
from beacon.units.release import ReleaseInput
from beacon.units.versions import USER_BY_NAME

SLICE = "beacon.slice"
SPECIAL_NETWORKS = frozenset({"host", "none"})
_SHARED = "service:"


def own_networks(service: Service) -> tuple[str, ...]:
    """Return the networks of Beacon's own that *service* is on."""
    return tuple(
        network
        for network in service.networks
        if network not in SPECIAL_NETWORKS and not network.startswith(_SHARED)
    )


def network_name(network: str) -> str:
    """Return the engine's name of a network, which is also the stem of its file."""
    return container_name(network)


def write_container(release: ReleaseInput, facts: HostFacts) -> Sheet:
    """Return every directive of the container file, and every fault of the definition."""
    sheet = Sheet(facts.engine_version, release.fault_file)
    service = release.service
    _unit(sheet, release)
    _identity(sheet, release)
    _process(sheet, release)
    _namespace(sheet, service, facts)
    _environment(sheet, release)
    _networks(sheet, service)
    render_volumes(sheet, service)
    for index, tmpfs in enumerate(service.tmpfs):
        sheet.option("Tmpfs", tmpfs, f"tmpfs[{index}]")
    for index, secret in enumerate(service.secrets):
        render_secret(sheet, secret, f"secret[{index}]")
    _confinement(sheet, service)
    render_health(sheet, service)
    _service(sheet, service)
    wanted_by = "multi-user.target" if facts.scope is Scope.SYSTEM else "default.target"
    sheet.add(Section.INSTALL, "WantedBy", wanted_by)
    _raw(sheet, service)
    return sheet


def _unit(sheet: Sheet, release: ReleaseInput) -> None:
    service = release.service
    description = " ".join(service.description.split()) or f"{service.name} ({service.image})"
    try:
        sheet.add(Section.UNIT, "Description", encode_setting("Description", description))
    except InexpressibleError as error:
        sheet.refuse("description", error)
    sheet.add(Section.UNIT, "Documentation", "man:beacon(1)")
    sheet.add(Section.UNIT, "StartLimitIntervalSec", span(service.restart.interval))
    sheet.add(Section.UNIT, "StartLimitBurst", str(service.restart.limit))
    for need in service.needs:
        sheet.add(Section.UNIT, "Wants", unit_name(need))
        sheet.add(Section.UNIT, "After", unit_name(need))


def _identity(sheet: Sheet, release: ReleaseInput) -> None:
    service = release.service
    # Registries, repositories and digests have no character that any parser treats (beacon.model.reference).
    sheet.add(Section.CONTAINER, "Image", str(service.image.with_digest(release.digest)))
    sheet.option("ContainerName", container_name(service.name), "name")
    # A start must not depend on a registry: Beacon has pulled the image, and podman says "image not known"
    # where somebody removed it since.
    sheet.option("Pull", "never", "image")
    labels = dict(sorted(release.declared.labels.items()))
    own = {"io.beacon.service": service.name, "io.beacon.image": str(service.image)}
    if release.number is not None:
        own["io.beacon.release"] = str(release.number)
    for name, value in (*own.items(), *((name, value) for name, value in labels.items() if name not in own)):
        sheet.pair("Label", name, value, f"labels.{key_path(name)}")


def _process(sheet: Sheet, release: ReleaseInput) -> None:
    declared, service = release.declared, release.service
    _command(sheet, release)
    _user(sheet, declared)
    for index, group in enumerate(service.groups):
        sheet.option("GroupAdd", group, f"groups[{index}]")
    if declared.workdir is not None:
        sheet.option("WorkingDir", declared.workdir, "workdir")
    if service.hostname is not None:
        sheet.option("HostName", service.hostname, "hostname")
    if service.init is not None:
        sheet.option("RunInit", "true" if service.init else "false", "init")
    sheet.option("StopTimeout", str(math.ceil(service.stop.timeout)), "stop.timeout")
    if service.stop.signal is not None:
        sheet.option("StopSignal", service.stop.signal, "stop.signal")


def _command(sheet: Sheet, release: ReleaseInput) -> None:
    entrypoint, command = release.declared.entrypoint, release.declared.command
    if any(word in {"", ";"} for word in command or ()):
        # Exec= cannot hold these words; an entrypoint can, as JSON, and so it takes the whole command line.
        start = release.service.entrypoint if entrypoint is None else entrypoint
        sheet.option("Entrypoint", as_json((*(start or ()), *(command or ()))), "command")
        return
    if entrypoint:
        sheet.option("Entrypoint", as_json(entrypoint), "entrypoint")
    elif entrypoint is not None:
        sheet.argument("--entrypoint", "", "entrypoint")
    if command:
        line = sheet.words("Exec", command, "command")
        if line is not None:
            sheet.add(Section.CONTAINER, "Exec", line)


def _user(sheet: Sheet, declared: Service) -> None:
    if not declared.user:
        return
    user, _, group = declared.user.partition(":")
    if sheet.version < USER_BY_NAME or not user or (":" in declared.user and not group):
        sheet.argument("--user", declared.user, "user")
        return
    try:
        values = [("User", encode_raw("User", user))]
        if group:
            values.append(("Group", encode_raw("Group", group)))
    except InexpressibleError:
        sheet.argument("--user", declared.user, "user")
        return
    for key, value in values:
        sheet.add(Section.CONTAINER, key, value)


def _namespace(sheet: Sheet, service: Service, facts: HostFacts) -> None:
    """Write the user namespace; where an image drops to PUID, what it writes is to be its owner's."""
    mapping = service.userns
    uid = service.env.get("PUID", "")
    if mapping is None and facts.scope is Scope.USER and uid.isdecimal():
        gid = service.env.get("PGID", uid)
        mapping = f"keep-id:uid={uid},gid={gid if gid.isdecimal() else uid}"
    if mapping is not None:
        sheet.option("UserNS", mapping, "userns")


def _environment(sheet: Sheet, release: ReleaseInput) -> None:
    for name, value in sorted(release.declared.env.items()):
        sheet.pair("Environment", name, value, f"env.{key_path(name)}")
    for index, file in enumerate(release.service.env_files):
        sheet.option("EnvironmentFile", file, f"env_file[{index}]")
        if file.startswith("/"):
            require_mount(sheet, file, f"env_file[{index}]")


def _networks(sheet: Sheet, service: Service) -> None:
    for index, network in enumerate(service.networks):
        path = f"networks[{index}]"
        if network in SPECIAL_NETWORKS:
            sheet.option("Network", network, path)
        elif network.startswith(_SHARED):
            other = network.removeprefix(_SHARED)
            sheet.option("Network", f"container:{container_name(other)}", path)
            # Its network lives and dies with the other container.
            sheet.add(Section.UNIT, "BindsTo", unit_name(other))
            sheet.add(Section.UNIT, "After", unit_name(other))
        else:
            sheet.option("Network", f"{network_name(network)}.network", path)
    if own_networks(service):
        sheet.option("NetworkAlias", service.name, "networks")
    for index, port in enumerate(service.ports):
        for value in published(port):
            sheet.option("PublishPort", value, f"port[{index}]")
    for index, server in enumerate(service.dns):
        sheet.option("DNS", server, f"dns[{index}]")
    for name, address in sorted(service.hosts.items()):
        sheet.option("AddHost", f"{name}:{address}", f"hosts.{key_path(name)}")


def published(port: Port) -> tuple[str, ...]:
    """Return a port as ``--publish`` takes it (podman-run(1)).

    Host ports that the engine chooses are asked for one by one: it looks for each, not for a free range.
    """
    address = port.host_ip
    if ":" in address and not address.startswith("["):
        address = f"[{address}]"
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    if port.host_port is None:
        front = f"{address}::" if address else ""
        return tuple(f"{front}{port.container + offset}{protocol}" for offset in range(port.count))
    host, container = _span(port.host_port, port.count), _span(port.container, port.count)
    front = f"{address}:" if address else ""
    return (f"{front}{host}:{container}{protocol}",)


def _span(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def _confinement(sheet: Sheet, service: Service) -> None:
    for key, path, values in (
        ("AddDevice", "devices", service.devices),
        ("AddCapability", "capabilities.add", service.capabilities.add),
        ("DropCapability", "capabilities.drop", service.capabilities.drop),
    ):
        for index, value in enumerate(values):
            sheet.option(key, value, f"{path}[{index}]")
    if service.read_only:
        sheet.option("ReadOnly", "true", "read_only")
    if service.no_new_privileges:
        sheet.option("NoNewPrivileges", "true", "no_new_privileges")
    for name, value in sorted(service.sysctls.items()):
        sheet.option("Sysctl", f"{name}={value}", f"sysctls.{key_path(name)}")
    for name, value in sorted(service.ulimits.items()):
        sheet.option("Ulimit", f"{name}={value}", f"ulimits.{key_path(name)}")
    if service.shm_size is not None:
        sheet.option("ShmSize", str(service.shm_size), "shm_size")


def _service(sheet: Sheet, service: Service) -> None:
    restart, resources = service.restart, service.resources
    settings = {
        "Restart": restart.policy.value,
        "RestartSec": span(restart.delay),
        "TimeoutStartSec": span(start_limit(service, sheet.version)),
        "TimeoutStopSec": span(math.ceil(service.stop.timeout) + STOP_SLACK),
        **_exit_statuses(service),
        "Slice": SLICE,
        "MemoryMax": _number(resources.memory),
        "CPUQuota": "" if resources.cpus is None else f"{_percent(resources.cpus)}%",
        "TasksMax": _number(resources.pids),
        "IOWeight": _number(resources.io_weight),
    }
    for key, value in settings.items():
        if value:
            sheet.add(Section.SERVICE, key, value)


def _exit_statuses(service: Service) -> dict[str, str]:
    """Return which statuses of the container's process are no failure of the unit.

    conmon ends with the container's status, so a container that dies of the signal that stops it would leave
    its unit failed. So would one that had to be killed: a stopped service that looks failed would be started
    again. Where a death by SIGKILL must count (out of memory, unhealthy) it is forced to restart instead.
    """
    signals = {signal.SIGTERM.value, _signal_number(service.stop.signal)} - {signal.SIGKILL.value}
    if service.restart.policy is RestartPolicy.NO:
        return {"SuccessExitStatus": _statuses(signals)}
    return {
        "SuccessExitStatus": _statuses(signals | {signal.SIGKILL.value}),
        "RestartForceExitStatus": _statuses({signal.SIGKILL.value}),
    }


def _statuses(signals: set[int]) -> str:
    return " ".join(str(128 + number) for number in sorted(signals))


def _signal_number(name: str | None) -> int:
    if name is None:
        return signal.SIGTERM.value
    if name.isdigit():
        return int(name)
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    known = signal.Signals.__members__.get(full)
    return signal.SIGTERM.value if known is None else known.value


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _percent(cpus: float) -> str:
    return f"{cpus * 100:.2f}".rstrip("0").rstrip(".")


def _raw(sheet: Sheet, service: Service) -> None:
    sheet.sections[Section.CONTAINER] += sheet.arguments
    line = sheet.words("PodmanArgs", service.podman.args, "podman.args")
    if line is not None:
        sheet.add(Section.CONTAINER, "PodmanArgs", line)
    sheet.raw(Section.CONTAINER, service.podman.container, "podman.container")
    sheet.raw(Section.UNIT, service.podman.unit, "podman.unit")
    sheet.raw(Section.SERVICE, service.podman.service, "podman.service")
