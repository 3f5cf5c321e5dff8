"""What a container has beyond all that is read of it: nothing of it is dropped in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from beacon.importing.inspected import InspectedSection
from beacon.importing.reading import EMPTY, Reading

_HOST_READ = {
    "Binds", "Mounts", "Tmpfs", "Annotations", "AutoRemove", "ConsoleSize", "ContainerIDFile", "CpuPeriod",
    "CpuQuota", "DeviceRequests", "Devices", "LogConfig", "MaskedPaths", "MemorySwap", "NanoCpus",
    "NetworkMode", "PortBindings", "ReadonlyPaths", "RestartPolicy", "Runtime", "Ulimits",
}  # fmt: skip
"""Keys that are read elsewhere, or are the engine's own affair."""
_HOST_USUAL: Mapping[str, Collection[object]] = {
    "CgroupManager": ("systemd", "cgroupfs"),
    "CgroupMode": ("private",),
    "CgroupnsMode": ("private",),
    "Cgroups": ("default",),
    "Isolation": ("default",),
    "MemorySwappiness": (-1,),
    "VolumeDriver": ("local",),
}
_CONFIG_READ = {
    "Annotations", "ArgsEscaped", "AttachStderr", "AttachStdin", "AttachStdout", "Cmd", "CreateCommand",
    "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Hostname", "Image", "Labels", "OnBuild", "OpenStdin",
    "Secrets", "StdinOnce", "StopSignal", "StopTimeout", "Tty", "User", "Volumes", "WorkingDir",
}  # fmt: skip
_CONFIG_USUAL: Mapping[str, Collection[object]] = {
    "HealthLogDestination": ("local",),
    "HealthcheckMaxLogCount": (5,),
    "HealthcheckMaxLogSize": (500,),
    "HealthcheckOnFailureAction": ("none",),
    "Passwd": (True,),
    "SystemdMode": (True,),
    "Umask": ("0022",),
    "sdNotifyMode": ("container", "ignore"),
}
_ENGINE_ANNOTATIONS = (
    "io.container",
    "io.kubernetes.cri-o.",
    "io.podman",
    "org.opencontainers.image",
    "org.systemd.",
    "run.oci.",
)
_UNSEEN = {
    "--chrootdirs", "--env-host", "--group-entry", "--hostuser", "--http-proxy", "--ip", "--ip6",
    "--mac-address", "--no-hosts", "--passwd-entry", "--preserve-fd", "--preserve-fds", "--requires",
    "--seccomp-policy", "--systemd", "--tz", "--unsetenv", "--unsetenv-all",
}  # fmt: skip
"""Flags of podman-run(1) that only the command shows with which the container was made."""
_RAW = "give it in [podman] args where it is needed"


def note_unread(container: InspectedSection, read: Collection[str], reading: Reading) -> None:
    """Note all that a container has and nobody reads; *read* are keys of HostConfig that somebody does."""
    host, config = container.at("HostConfig"), container.at("Config")
    _note(host, "HostConfig", _HOST_READ.union(read), _HOST_USUAL, reading)
    _note(config, "Config", _CONFIG_READ, _CONFIG_USUAL, reading)
    swap = host.number("MemorySwap")
    if swap not in {0, -1, 2 * host.number("Memory")}:
        reading.drop("HostConfig.MemorySwap", _RAW)
    for key, value in sorted(host.at("LogConfig").at("Config").fields.items()):
        if value not in EMPTY:
            reading.drop(f"HostConfig.LogConfig.Config.{key}", "logs go to the journal")
    for key in sorted(config.at("Annotations").fields):
        if not key.startswith(_ENGINE_ANNOTATIONS):
            reading.drop(f"Config.Annotations.{key}", _RAW)
    for word in config.words("CreateCommand"):
        flag = word.partition("=")[0]
        if flag in _UNSEEN:
            reading.drop(flag, _RAW)
    _networks(container, reading)
    if container.value("Pod") not in EMPTY:
        reading.drop("Pod", "Beacon has no pods: give the services that were one a network of their own")
        reading.obstacles.append("it is part of a pod, whose ports and addresses its service would not have")


def _note(
    section: InspectedSection,
    place: str,
    read: Collection[str],
    usual: Mapping[str, Collection[object]],
    reading: Reading,
) -> None:
    for key, value in sorted(section.fields.items()):
        if key not in read and value not in EMPTY and value not in usual.get(key, ()):
            reading.drop(f"{place}.{key}", _RAW)


def _networks(container: InspectedSection, reading: Reading) -> None:
    networks = container.at("NetworkSettings").at("Networks")
    for name in networks.fields:
        for key in ("IPAMConfig", "Links", "DriverOpts"):
            value = networks.at(name).value(key)
            if value not in EMPTY:
                reading.drop(f"NetworkSettings.Networks.{name}.{key}", _RAW)
