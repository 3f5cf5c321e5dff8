"""A container that is there → a service: what ``inspect`` says of it, less what its image says anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from beacon.errors import DefinitionError
from beacon.formats.node import Node, Place
from beacon.importing.alone import import_alone
from beacon.importing.compose.reading.files import Source
from beacon.importing.inspected import InspectedSection, nanoseconds, same_signal
from beacon.importing.mounts import read_mounts
from beacon.importing.names import slug
from beacon.importing.node import ImportNote, Log
from beacon.importing.reading import Reading
from beacon.importing.result import Imported
from beacon.importing.unread import note_unread
from beacon.model.notice import NoteKind
from beacon.model.unit import is_unnamed

_ENGINE_ENV = {"PATH", "TERM", "HOSTNAME", "HOME", "container"}
"""What engines set by themselves."""
_ENGINE_LABELS = (
    "io.podman.",
    "com.docker.compose.",
    "PODMAN_SYSTEMD_UNIT",
    "io.containers.",
    "org.opencontainers.",
)
_DEFAULT_NETWORKS = {"bridge", "podman", "default", "pasta", "slirp4netns", "private", "host", "none"}
_STOP_TIMEOUT = 10
"""Every engine's, and Beacon's."""
_EVERY_ADDRESS = {"", "0.0.0.0", "::"}  # noqa: S104 -- compared, not bound
_SHOWN = 10
"""How many paths a report names."""


def import_container(
    container: Mapping[str, object],
    image: Mapping[str, object],
    source: Source,
    name: str | None = None,
    layer: Sequence[str] = (),
) -> Imported:
    """Return the definition of what *container* runs, and the report; both as the engine's inspect has them.

    *layer* are the paths in its own layer. Raises DefinitionError with every fault.
    """
    inspected = InspectedSection(container)
    called = inspected.text("Name").lstrip("/")
    reading = Reading(f"container {called}", Log())
    reference = inspected.text("ImageName") or inspected.at("Config").text("Image")
    if not reference or reference.startswith("sha256:") or is_unnamed(reference):
        reading.log.fault(Place(reading.place), "Image", "must have been made from an image with a name")
        raise DefinitionError(reading.log.faults)
    reading.put("image", reference, "Image")
    _process(inspected, InspectedSection(image).at("Config"), reading)
    _host(inspected.at("HostConfig"), reading)
    _networks(inspected, reading)
    _ports(inspected.at("HostConfig"), reading)
    unnamed = read_mounts(inspected, reading)
    _secrets(inspected.at("Config"), reading)
    note_unread(inspected, {where for _, where, _ in _HOST_KEYS}, reading)
    _note_layer(layer, reading)
    imported = import_alone(
        slug(name or called),
        Node(reading.fields, Place(reading.place)),
        f"the container {called}",
        source,
        reading.log,
        unnamed=unnamed,
    )
    return replace(imported, obstacles=tuple(reading.obstacles))


def copied_from(imported: Imported, container: str, former: str, engine: str) -> Imported:
    """Return the same with a note on volumes of the *former* engine, whose data *engine* has not got."""
    (definition,) = imported.definitions
    text = f"{former}'s own; an adoption copies them to {engine}, under the same names"
    command = f"beacon import --container {container} --adopt"
    note = ImportNote(definition.name, "Mounts", NoteKind.TODO, text, command)
    return replace(imported, notes=(*imported.notes, note))


def _note_layer(layer: Sequence[str], reading: Reading) -> None:
    if layer:
        text = f"{shortened(layer)}, in no volume: they are the container's own, and go with it"
        reading.drop("diff", text)


def shortened(paths: Sequence[str]) -> str:
    """Return paths as a sentence has them, a long list cut short."""
    rest = len(paths) - _SHOWN
    return ", ".join(paths[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _process(container: InspectedSection, image: InspectedSection, reading: Reading) -> None:
    config = container.at("Config")
    own_entrypoint, own_command = config.words("Entrypoint"), config.words("Cmd")
    entrypoint, command = image.words("Entrypoint"), image.words("Cmd")
    if own_entrypoint != entrypoint:
        reading.put("entrypoint", own_entrypoint, "Config.Entrypoint")
    if own_command != command or (own_entrypoint != entrypoint and own_command):
        reading.put("command", own_command, "Config.Cmd")
    for key, where in (("user", "User"), ("working_dir", "WorkingDir")):
        if config.text(where) != image.text(where) and not (
            where == "WorkingDir" and config.text(where) == "/"
        ):
            reading.put(key, config.text(where), f"Config.{where}")
    hostname = config.text("Hostname")
    if hostname and not container.text("Id").startswith(hostname):
        reading.put("hostname", hostname, "Config.Hostname")
    images = dict(pair.partition("=")[::2] for pair in image.words("Env"))
    env = {
        name: value
        for name, value in (pair.partition("=")[::2] for pair in config.words("Env"))
        if images.get(name) != value and (name not in _ENGINE_ENV or name in images)
    }
    reading.put("environment", env, "Config.Env")
    _labels(config, image, reading)
    signal = config.value("StopSignal")
    if signal and not same_signal(signal, image.value("StopSignal") or "SIGTERM"):
        reading.put("stop_signal", signal, "Config.StopSignal")
    timeout = config.number("StopTimeout")
    if timeout not in {0, _STOP_TIMEOUT}:
        reading.put("stop_grace_period", f"{timeout}s", "Config.StopTimeout")
    reading.put("tty", config.value("Tty"), "Config.Tty")
    reading.put("stdin_open", config.value("OpenStdin"), "Config.OpenStdin")
    _health(config, image, reading)


def _labels(config: InspectedSection, image: InspectedSection, reading: Reading) -> None:
    images = image.strings("Labels")
    own = {name: value for name, value in config.strings("Labels").items() if images.get(name) != value}
    made = sorted(name for name in own if name.startswith(_ENGINE_LABELS))
    for name in made:
        reading.note(f"Config.Labels.{name}", NoteKind.DROPPED, "made by the engine, or by compose")
    labels = {name: value for name, value in own.items() if name not in made}
    reading.put("labels", labels, "Config.Labels")


def _health(config: InspectedSection, image: InspectedSection, reading: Reading) -> None:
    own, images = config.at("Healthcheck"), image.at("Healthcheck")
    if not own.words("Test") or own.fields == images.fields:
        return
    reading.put(
        "healthcheck",
        {
            "test": own.words("Test"),
            **{
                key: nanoseconds(number)
                for key, where in (
                    ("interval", "Interval"),
                    ("timeout", "Timeout"),
                    ("start_period", "StartPeriod"),
                )
                if (number := own.number(where))
            },
            **({"retries": retries} if (retries := own.number("Retries")) else {}),
        },
        "Config.Healthcheck",
    )


_HOST_KEYS: tuple[tuple[str, str, tuple[object, ...]], ...] = (
    ("cap_add", "CapAdd", ()),
    ("cap_drop", "CapDrop", ()),
    ("dns", "Dns", ()),
    ("dns_search", "DnsSearch", ()),
    ("dns_opt", "DnsOptions", ()),
    ("extra_hosts", "ExtraHosts", ()),
    ("group_add", "GroupAdd", ()),
    ("security_opt", "SecurityOpt", ()),
    ("mem_limit", "Memory", ()),
    ("cpu_shares", "CpuShares", ()),
    ("cpu_quota", "CpuQuota", (-1,)),
    ("cpu_period", "CpuPeriod", ()),
    ("cpuset", "CpusetCpus", ()),
    ("pids_limit", "PidsLimit", (2048, -1)),
    ("shm_size", "ShmSize", (65_536_000, 67_108_864)),
    ("read_only", "ReadonlyRootfs", ()),
    ("privileged", "Privileged", ()),
    ("init", "Init", ()),
    ("oom_score_adj", "OomScoreAdj", ()),
    ("sysctls", "Sysctls", ()),
    ("storage_opt", "StorageOpt", ()),
    ("userns_mode", "UsernsMode", ("private",)),
    ("ipc", "IpcMode", ("private", "shareable")),
    ("pid", "PidMode", ("private",)),
    ("uts", "UTSMode", ("private",)),
    ("cgroup_parent", "CgroupParent", ("machine.slice", "user.slice", "/libpod_parent")),
    ("mem_reservation", "MemoryReservation", ()),
    ("volumes_from", "VolumesFrom", ()),
)
"""Keys of compose, where inspect has their values, and what those are that engines set by themselves."""


def _host(host: InspectedSection, reading: Reading) -> None:
    for key, where, usual in _HOST_KEYS:
        if host.value(where) not in usual:
            reading.put(key, host.value(where), f"HostConfig.{where}")
    nano = host.number("NanoCpus")
    if nano and "cpu_quota" not in reading.fields:
        reading.put("cpus", nano / 1e9, "HostConfig.NanoCpus")
    elif "cpu_quota" not in reading.fields:
        reading.fields.pop("cpu_period", None)
    policy = host.at("RestartPolicy")
    times = policy.number("MaximumRetryCount")
    word = policy.text("Name")
    reading.put(
        "restart", f"{word}:{times}" if times and word == "on-failure" else word, "HostConfig.RestartPolicy"
    )
    if host.text("Runtime") not in {"", "oci", "runc", "crun"}:
        reading.put("runtime", host.text("Runtime"), "HostConfig.Runtime")
    _devices(host, reading)
    limits = {
        limit.text("Name").lower(): {"soft": limit.number("Soft"), "hard": limit.number("Hard")}
        for limit in host.sections("Ulimits")
        if not limit.text("Name").startswith("RLIMIT_")  # what Podman takes from its user
    }
    reading.put("ulimits", limits, "HostConfig.Ulimits")
    driver = host.at("LogConfig").text("Type")
    if driver not in {"", "journald", "json-file", "k8s-file", "local"}:
        reading.put("logging", {"driver": driver}, "HostConfig.LogConfig")


def _devices(host: InspectedSection, reading: Reading) -> None:
    devices = []
    for device in host.sections("Devices"):
        parts = [device.text(key) for key in ("PathOnHost", "PathInContainer", "CgroupPermissions")]
        devices.append(":".join(part for part in parts if part))
    reading.put("devices", devices, "HostConfig.Devices")
    requests = [
        {
            "driver": request.text("Driver") or "nvidia",
            **(
                {"device_ids": ids}
                if (ids := request.words("DeviceIDs"))
                else {"count": request.value("Count")}
            ),
        }
        for request in host.sections("DeviceRequests")
    ]
    reading.put("gpus", requests, "HostConfig.DeviceRequests")


def _networks(container: InspectedSection, reading: Reading) -> None:
    mode = container.at("HostConfig").text("NetworkMode")
    if mode in {"host", "none"} or mode.startswith("container:"):
        reading.put("network_mode", mode, "HostConfig.NetworkMode")
        return
    joined = container.at("NetworkSettings").at("Networks")
    own = {
        network: {"aliases": aliases} if (aliases := _aliases(container, joined.at(network))) else None
        for network in joined.fields
        if network not in _DEFAULT_NETWORKS
    }
    reading.put("networks", own, "NetworkSettings.Networks")


def _aliases(container: InspectedSection, network: InspectedSection) -> list[str]:
    called, identity = container.text("Name").lstrip("/"), container.text("Id")
    return [alias for alias in network.words("Aliases") if alias != called and not identity.startswith(alias)]


def _ports(host: InspectedSection, reading: Reading) -> None:
    ports = []
    bindings = host.at("PortBindings")
    for container in bindings.fields:
        target, _, protocol = container.partition("/")
        for binding in bindings.sections(container) or [InspectedSection({})]:
            address, port = binding.text("HostIp"), binding.text("HostPort")
            published = {"published": port} if port not in {"", "0"} else {}
            at = {"host_ip": address} if address not in _EVERY_ADDRESS else {}
            ports.append({"target": target, "protocol": protocol or "tcp", **published, **at})
    once = [port for index, port in enumerate(ports) if port not in ports[:index]]
    reading.put("ports", once, "HostConfig.PortBindings")


def _secrets(config: InspectedSection, reading: Reading) -> None:
    secrets = [
        {
            "source": secret.text("Name"),
            "target": secret.text("Name"),
            **{key: str(value) for key in ("uid", "gid") if (value := secret.number(key.upper()))},
        }
        for secret in config.sections("Secrets")
    ]
    reading.put("secrets", secrets, "Config.Secrets")
