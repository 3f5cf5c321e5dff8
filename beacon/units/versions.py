"""Which Podman knows which key of a Quadlet file, and which version behaves how.

Parsed from the lists in pkg/systemd/quadlet/quadlet.go at every release from 4.4.0 to 6.1. A generator that
meets a key it does not know drops the whole unit, so nothing is written that the installed one is not known
to read. No key was ever removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from beacon.model.machine import EngineVersion

NEWEST_KNOWN: Final = EngineVersion(6, 1)
"""The tables below end here."""
CREATES_BY_NAME: Final = EngineVersion(4, 7)
"""VolumeName= and NetworkName=; before, objects are called ``systemd-`` and the file's name."""
SDNOTIFY_HEALTHY: Final = EngineVersion(4, 7)
"""``podman run --sdnotify=healthy``."""
NOTIFY_HEALTHY: Final = EngineVersion(5, 0)
"""Notify=healthy; 4.9 takes the line and silently waits for conmon only."""
USER_BY_NAME: Final = EngineVersion(4, 8)
"""User= and Group= as podman run's --user takes them; before, they were numbers in a scheme of their own."""
FILE_DROP_INS: Final = EngineVersion(5, 0)
"""``beacon-web.container.d/*.conf``."""

_BY_VERSION: Mapping[str, Mapping[str, str]] = {
    "Container": {
        "4.4": "AddCapability AddDevice Annotation ContainerName DropCapability Environment EnvironmentFile "
        "EnvironmentHost Exec ExposeHostPort Group Image Label Network NoNewPrivileges Notify PodmanArgs "
        "PublishPort ReadOnly RemapGid RemapUid RemapUidSize RemapUsers RunInit SeccompProfile Timezone "
        "User VolatileTmp Volume",
        "4.5": "HealthCmd HealthInterval HealthOnFailure HealthRetries HealthStartPeriod HealthStartupCmd "
        "HealthStartupInterval HealthStartupRetries HealthStartupSuccess HealthStartupTimeout "
        "HealthTimeout IP IP6 LogDriver Mount Rootfs Secret SecurityLabelDisable SecurityLabelFileType "
        "SecurityLabelLevel SecurityLabelType Tmpfs UserNS",
        "4.6": "AutoUpdate HostName Mask Pull SecurityLabelNested Sysctl Unmask WorkingDir",
        "4.7": "DNS DNSOption DNSSearch PidsLimit ShmSize Ulimit",
        "4.8": "ContainersConfModule GIDMap GlobalArgs ReadOnlyTmpfs SubGIDMap SubUIDMap UIDMap",
        "5.0": "Entrypoint Pod StopTimeout",
        "5.1": "GroupAdd",
        "5.2": "LogOpt NetworkAlias StopSignal",
        "5.3": "AddHost CgroupsMode HealthLogDestination HealthMaxLogCount HealthMaxLogSize ServiceName "
        "StartWithPod",
        "5.5": "Memory ReloadCmd ReloadSignal Retry RetryDelay",
        "5.7": "HttpProxy",
        "5.8": "AppArmor",
        "6.1": "ImageVolume",
    },
    "Volume": {
        "4.4": "Copy Device Group Label Options Type User",
        "4.6": "PodmanArgs",
        "4.7": "VolumeName",
        "4.8": "ContainersConfModule Driver GlobalArgs Image",
        "5.3": "ServiceName",
        "6.0": "GID UID",
    },
    "Network": {
        "4.4": "DisableDNS Driver Gateway IPAMDriver IPRange IPv6 Internal Label Options Subnet",
        "4.6": "PodmanArgs",
        "4.7": "DNS NetworkName",
        "4.8": "ContainersConfModule GlobalArgs",
        "5.3": "ServiceName",
        "5.5": "NetworkDeleteOnStop",
        "5.6": "InterfaceName",
    },
    "Quadlet": {"5.3": "DefaultDependencies"},
}

KEYS: Final[Mapping[str, Mapping[str, EngineVersion]]] = {
    section: {key: EngineVersion.parse(first) for first, keys in versions.items() for key in keys.split()}
    for section, versions in _BY_VERSION.items()
}
"""Section → key → the first Podman that knows it."""


def first_version(section: str, key: str) -> EngineVersion | None:
    """Return the first Podman that knows *key* in *section*, or None where none up to 6.1 does."""
    return KEYS.get(section, {}).get(key)


@cache
def is_known(section: str, key: str, version: EngineVersion) -> bool:
    """Say whether Podman *version* reads *key* in *section*; unknown keys pass on versions newer than us."""
    first = first_version(section, key)
    return version > NEWEST_KNOWN if first is None else first <= version
