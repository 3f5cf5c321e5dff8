"""Containers as the engines' inspect has them."""

from __future__ import annotations

from typing import Any

import pytest

from beacon.definition.decode import decode
from beacon.errors import DefinitionError
from beacon.importing.compose.reading.files import Source
from beacon.importing.container import import_container
from beacon.importing.result import Imported
from beacon.model.service import Port, Protocol, Service, Volume

ID = "4f" * 32
NOTHING: dict[str, str] = {}
SOURCE = Source(NOTHING.get, bool, NOTHING, "/srv")
IMAGE = {
    "Config": {
        "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"],
        "Cmd": ["serve"],
        "Entrypoint": ["/entry"],
        "Labels": {"maker": "me"},
        "WorkingDir": "/app",
        "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000},
    }
}
PODMAN = {
    "Id": ID,
    "Name": "My_App",
    "ImageName": "docker.io/library/app:1",
    "Config": {
        **IMAGE["Config"],
        "Hostname": ID[:12],
        "Env": ["PATH=/usr/bin", "LANG=C.UTF-8", "container=podman", "HOME=/root", "HOSTNAME=x", "OWN=1 2"],
        "Labels": {"maker": "me", "own": "x", "io.podman.compose.project": "p"},
        "StopSignal": 2,
        "StopTimeout": 10,
        "Secrets": [{"Name": "key", "ID": "1", "UID": 0, "GID": 0, "Mode": 292}],
    },
    "HostConfig": {
        "NetworkMode": "bridge",
        "PidsLimit": 2048,
        "ShmSize": 65536000,
        "IpcMode": "shareable",
        "CgroupParent": "",
        "LogConfig": {"Type": "journald"},
        "Ulimits": [{"Name": "RLIMIT_NOFILE", "Soft": 1, "Hard": 1}],
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        "PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "53/udp": None},
        "CapAdd": ["CAP_NET_ADMIN"],
    },
    "NetworkSettings": {"Networks": {"backend": {"Aliases": [ID[:12], "api"]}}},
    "Mounts": [
        {"Type": "volume", "Name": "data", "Source": "/var/lib/x/_data", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": ID, "Source": "/var/lib/y/_data", "Destination": "/cache", "RW": True},
        {"Type": "bind", "Source": "/srv/conf", "Destination": "/conf", "RW": False},
    ],
}
DOCKER = {
    "Id": ID,
    "Name": "/app",
    "Config": {
        "Image": "me/app",
        "Hostname": "shop",
        "Env": ["PATH=/opt/bin", "LANG=C.UTF-8"],
        "Cmd": ["other", "words here"],
        "Entrypoint": ["/entry"],
        "Labels": {"maker": "me", "com.docker.compose.project": "p"},
        "Healthcheck": {"Test": ["CMD-SHELL", "curl x"], "Interval": 90_000_000_000, "Retries": 2},
    },
    "HostConfig": {
        "NetworkMode": "host",
        "Memory": 536870912,
        "NanoCpus": 1500000000,
        "PidsLimit": None,
        "ShmSize": 67108864,
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "Runtime": "runc",
        "LogConfig": {"Type": "json-file"},
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4},
        "Tmpfs": {"/run": "size=1m"},
        "Ulimits": [{"Name": "nofile", "Soft": 5, "Hard": 6}],
        "Devices": [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rwm"}],
        "Privileged": True,
        "BlkioWeight": 500,
        "PortBindings": {},
    },
    "NetworkSettings": {"Networks": {"host": {}}},
    "Mounts": [],
}


def read(container: dict[str, Any], name: str | None = None) -> tuple[Service, Imported]:
    """Return the service that a container comes to, and the rest of the result."""
    imported = import_container(container, IMAGE, SOURCE, name)
    (definition,) = imported.definitions
    return decode(definition.text, name=definition.name, file="it.toml"), imported


def test_what_podman_s_container_has_beyond_its_image() -> None:
    service, imported = read(PODMAN)
    assert service.name == "my-app"
    assert (service.command, service.entrypoint, service.workdir, service.hostname) == (None,) * 4
    assert service.stop.signal is None
    assert service.health.command is None
    assert service.env == {"OWN": "1 2"}
    assert service.labels == {"own": "x"}
    assert service.ports == (Port(80, 8080), Port(53, protocol=Protocol.UDP))
    assert service.volumes == (
        Volume("/data", external="data"),
        Volume("/cache", name="cache"),
        Volume("/conf", host="/srv/conf", read_only=True),
    )
    assert service.networks == ("backend",)
    assert service.podman.args == ("--network-alias=api",)
    assert service.capabilities.add == ("CAP_NET_ADMIN",)
    assert [secret.name for secret in service.secrets] == ["key"]
    assert (service.resources.pids, service.shm_size, service.ulimits) == (None, None, {})
    assert "Config.Labels.io.podman.compose.project" in {note.key for note in imported.notes}


def test_what_docker_s_container_has_beyond_its_image() -> None:
    service, imported = read(DOCKER, "shop")
    assert "HostConfig.BlkioWeight" in {note.key for note in imported.notes}
    assert service.name == "shop"
    assert str(service.image) == "docker.io/me/app:latest"
    assert (service.command, service.entrypoint) == (("other", "words here"), None)
    assert service.env == {"PATH": "/opt/bin"}
    assert service.hostname == "shop"
    assert service.health.command == ("CMD-SHELL", "curl x")
    assert (service.health.interval, service.health.retries) == (90, 2)
    assert (service.resources.memory, service.resources.cpus) == (512 << 20, 1.5)
    assert (service.restart.policy, service.restart.limit) == ("on-failure", 4)
    assert service.networks == ("host",)
    assert service.tmpfs == ("/run:size=1m",)
    assert service.ulimits == {"nofile": "5:6"}
    assert service.devices == ("/dev/a:/dev/b:rwm",)
    assert service.podman.args == ("--privileged",)


def test_an_image_without_a_name_is_a_fault() -> None:
    with pytest.raises(DefinitionError, match="must have been made from an image with a name"):
        read({**DOCKER, "Config": {"Image": "sha256:" + "0" * 64}})
