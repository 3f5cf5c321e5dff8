"""The container file: a service at one digest as Quadlet's [Container] and the unit around it."""

from __future__ import annotations

import math
import signal

from beacon.definition.endpoints.loopback import is_behind_proxy
from beacon.definition.grammar.portspec import format_span
from beacon.definition.grammar.strings import key_path
from beacon.model.machine import MachineFacts, Scope
from beacon.model.service import Port, Restart, RestartPolicy, Service
from beacon.model.unit import SERVICE_LABEL, container_name, unit_name, waiter_name
from beacon.units.directives import Section, Sheet
from beacon.units.environment import write_private, write_public
from beacon.units.health import STOP_SLACK, render_health, span, start_limit
from beacon.units.mounts import render_secret, render_volumes, require_mount
from beacon.units.quoting import InexpressibleError, encode_setting
from beacon.units.release import ReleaseInput

SLICE = "beacon.slice"
UNRESERVED = "/run/beacon/unreserved-ports.env"
"""Has Podman leave published ports to the firewall alone.

It would keep them for itself with a socket that nobody reads (enable_port_reservation in
containers.conf(5)). While a container starts, that socket is there before the firewall's rule, and who asks
at that moment never gets an answer, not even a refusal after which a proxy would try again. Ports that the
owner chose are still kept: a second program at one of them must be told. Those that Beacon chose are free.
"""
_DELAY = 1.0
_STEADY_DELAY = 5.0
_LONGEST_DELAY = 30.0
_DELAY_STEPS = 30
"""From 1 s to 30 s, so that a service is tried a dozen times in its first half minute.

systemd counts restarts from the last start by hand, boot or update on, however long the service ran well in
between: with fewer steps one that crashes every other day would soon be down for half a minute each time.
"""
_GROWING_DELAYS = 254
"""The first systemd with RestartSteps= (NEWS of systemd)."""
SPECIAL_NETWORKS = frozenset({"host", "none"})
_SHARED = "service:"


def own_networks(service: Service) -> tuple[str, ...]:
    """Return the networks of Beacon's own that *service* is on."""
    return tuple(
        network
        for network in service.networks
        if network not in SPECIAL_NETWORKS and not network.startswith(_SHARED)
    )


def _own_networks(service: Service) -> dict[str, str]:
    """Return the engine's names of Beacon's own networks, each with its key in the definition."""
    own = own_networks(service)
    return {
        network_name(name): f"networks[{index}]" for index, name in enumerate(service.networks) if name in own
    }


def network_name(network: str) -> str:
    """Return the engine's name of a network, which is also the stem of its file."""
    return container_name(network)


def write_container(release: ReleaseInput, facts: MachineFacts, sheet: Sheet) -> None:
    """Write every directive of the service's file into *sheet*, and every fault of the definition."""
    service = release.service
    _unit(sheet, release)
    _needs(sheet, service)
    _identity(sheet, release)
    _process(sheet, release)
    _namespace(sheet, service, facts)
    _environment(sheet, release, facts.scope)
    _networks(sheet, service)
    render_volumes(sheet, service, release.declared.volumes)
    for index, tmpfs in enumerate(service.tmpfs):
        sheet.option("Tmpfs", tmpfs, f"tmpfs[{index}]")
    for index, secret in enumerate(service.secrets):
        render_secret(sheet, secret, release.secrets.get(secret.name), f"secret[{index}]")
    _confinement(sheet, service)
    if service.restart.policy is RestartPolicy.ONESHOT:
        sheet.run_once()
    render_health(sheet, service, release.declared.health, own_check=release.own_check)
    for key, value in _restarts(service.restart, facts).items():
        sheet.add(Section.SERVICE, key, value)
    _service(sheet, service)
    if facts.has_quadlet and facts.scope is Scope.SYSTEM and is_behind_proxy(release.declared, service):
        sheet.add(Section.SERVICE, "EnvironmentFile", f"-{UNRESERVED}")
    wanted_by = "multi-user.target" if facts.scope is Scope.SYSTEM else "default.target"
    if not release.beside:
        sheet.add(Section.INSTALL, "WantedBy", wanted_by)
    sheet.finish(service)


def _unit(sheet: Sheet, release: ReleaseInput) -> None:
    service = release.service
    sheet.add(Section.UNIT, "Description", _description(sheet, release))
    sheet.add(Section.UNIT, "Documentation", "man:beacon(1)")
    gives_up = service.restart.gives_up
    if gives_up is None:
        sheet.add(Section.UNIT, "StartLimitIntervalSec", "0")
    else:
        limit, interval = gives_up
        sheet.add(Section.UNIT, "StartLimitIntervalSec", span(interval))
        sheet.add(Section.UNIT, "StartLimitBurst", str(limit))


def _needs(sheet: Sheet, service: Service) -> None:
    """Start after what is needed, and once it is healthy; only what is required keeps the service down."""
    for need in service.needs:
        for unit in (unit_name(need), waiter_name(need)):
            sheet.add(Section.UNIT, "Wants", unit)
            sheet.add(Section.UNIT, "After", unit)
    for required in service.requires:
        sheet.add(Section.UNIT, "Requires", unit_name(required))
        sheet.add(Section.UNIT, "After", unit_name(required))


def _description(sheet: Sheet, release: ReleaseInput) -> str:
    """Return the description; one that cannot be written is a fault where it is the owner's."""
    service = release.service
    usual = f"{service.name} ({service.image})"
    try:
        return encode_setting("Description", " ".join(service.description.split()) or usual)
    except InexpressibleError as error:
        if release.declared.description:
            sheet.refuse("description", error)
        return usual


def _identity(sheet: Sheet, release: ReleaseInput) -> None:
    service = release.service
    sheet.image(service.image.with_digest(release.digest))
    sheet.option("ContainerName", container_name(service.name), "name")
    # A start must not depend on a registry: Beacon has pulled the image, and podman says "image not known"
    # where somebody removed it since.
    sheet.option("Pull", "never", "image")
    labels = dict(sorted(release.declared.labels.items()))
    own = {SERVICE_LABEL: service.name, "io.beacon.image": str(release.followed or service.image)}
    if release.number is not None:
        own["io.beacon.release"] = str(release.number)
    for name, value in (*own.items(), *((name, value) for name, value in labels.items() if name not in own)):
        sheet.pair("Label", name, value, f"labels.{key_path(name)}")


def _process(sheet: Sheet, release: ReleaseInput) -> None:
    declared, service = release.declared, release.service
    entrypoint = declared.entrypoint
    if declared.command == ():
        # Engines run the image's command, unless they are given an entrypoint: its own, then.
        entrypoint = service.entrypoint
        if not entrypoint:
            sheet.fault("command", "must not be empty where there is no entrypoint: nothing would run")
    sheet.process(service.entrypoint, entrypoint, declared.command)
    if declared.user:
        sheet.user(declared.user)
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


def _namespace(sheet: Sheet, service: Service, facts: MachineFacts) -> None:
    """Write the user namespace; where an image drops to PUID, what it writes is to be its owner's."""
    mapping = service.userns
    uid = service.env.get("PUID", "")
    if mapping is None and facts.scope is Scope.USER and uid.isdecimal():
        gid = service.env.get("PGID", uid)
        mapping = f"keep-id:uid={uid},gid={gid if gid.isdecimal() else uid}"
    if mapping is not None:
        sheet.option("UserNS", mapping, "userns")


def _environment(sheet: Sheet, release: ReleaseInput, scope: Scope) -> None:
    if not release.private:
        write_public(sheet, release)
    for index, file in enumerate(release.service.env_files):
        sheet.option("EnvironmentFile", file, f"env_file[{index}]")
        if file.startswith("/"):
            require_mount(sheet, file, f"env_file[{index}]")
    if release.private:  # the last file counts
        write_private(sheet, release, scope)


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
    addresses = {network_name(name): said.address for name, said in service.network.items()}
    sheet.networks(_own_networks(service), service.name, addresses)
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
    host, container = format_span(port.host_port, port.count), format_span(port.container, port.count)
    front = f"{address}:" if address else ""
    return (f"{front}{host}:{container}{protocol}",)


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


def _restarts(restart: Restart, facts: MachineFacts) -> dict[str, str]:
    """Return when systemd starts the unit again.

    A service that waits for another by exiting must outlive the wait, and one that always exits must not keep
    the machine busy. Where systemd cannot have the delay grow, it is between the two.
    """
    said = restart.said
    delay = _DELAY if said.delay is None else said.delay
    if restart.policy is RestartPolicy.ONESHOT:
        return {"Restart": "no"}
    settings = {"Restart": restart.policy.value, "RestartSec": span(delay)}
    if restart.policy is RestartPolicy.NO or restart.gives_up is not None or delay >= _LONGEST_DELAY:
        return settings
    if facts.systemd_version >= _GROWING_DELAYS:
        return settings | {"RestartSteps": str(_DELAY_STEPS), "RestartMaxDelaySec": span(_LONGEST_DELAY)}
    return settings | ({"RestartSec": span(_STEADY_DELAY)} if said.delay is None else {})


def _service(sheet: Sheet, service: Service) -> None:
    resources = service.resources
    settings = {
        "TimeoutStartSec": span(start_limit(service, waits_for_health=sheet.waits_for_health)),
        "TimeoutStopSec": span(math.ceil(service.stop.timeout) + STOP_SLACK),
        **_exit_statuses(service),
        "Slice": SLICE,
    }
    for key, value in settings.items():
        if value:
            sheet.add(Section.SERVICE, key, value)
    limits = {
        "MemoryMax": _number(resources.memory),
        "CPUQuota": "" if resources.cpus is None else f"{_percent(resources.cpus)}%",
        "TasksMax": _number(resources.pids),
        "IOWeight": _number(resources.io_weight),
    }
    sheet.limits({key: value for key, value in limits.items() if value})


def _exit_statuses(service: Service) -> dict[str, str]:
    """Return which statuses of the container's process are no failure of the unit.

    conmon ends with the container's status, so a container that dies of the signal that stops it would leave
    its unit failed. So would one that had to be killed: a stopped service that looks failed would be started
    again. Where a death by SIGKILL must count (out of memory, unhealthy) it is forced to restart instead.
    """
    signals = {signal.SIGTERM.value, _signal_number(service.stop.signal)} - {signal.SIGKILL.value}
    if service.restart.policy is RestartPolicy.ONESHOT:
        return {}  # what ends by a signal has not ended well
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
