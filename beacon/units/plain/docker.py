"""The sheet of a plain unit that runs docker: where its command line is not Podman's."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Final

from beacon.errors import MachineError
from beacon.model.machine import Engine, EngineVersion, Scope
from beacon.model.sensitive import FOLDER, SecretVersion
from beacon.model.service import Health, Secret, Service, Volume
from beacon.model.unit import container_name, slice_name
from beacon.units.directives import OPTIONS, Section, Words
from beacon.units.environment import can_be_passed_on
from beacon.units.health import INTERVAL, QUICK_INTERVAL, STARTUP_INTERVAL, span
from beacon.units.plain.podman import ONCE, PodmanSheet, wait_healthy

OLDEST: Final = EngineVersion(20, 10)
"""The first with ``--pull``, host-gateway and control groups of version 2."""
_SEVERAL_NETWORKS: Final = EngineVersion(25, 0)
_START_INTERVAL: Final = EngineVersion(25, 0)
"""The API 1.44 (docs.docker.com, Engine API version history)."""

_DOCKER: Final = "/usr/bin/docker"
_UNIT: Final = "docker.service"
_MISSING: Final[Mapping[str, str]] = {
    "HealthOnFailure": "docker does nothing with a container that turns unhealthy; leave it out",
    "HealthStartupCmd": "docker has no check of its own for the start",
    "Secret": "docker keeps no secrets of its own; beacon secret set keeps one for it",
    "UserNS": "docker has one user namespace for all containers; leave it out",
}
_NOT_PASSED_ON: Final = "must be of letters, digits and _, and mean nothing to docker or the shell"
_PROPAGATION: Final = frozenset({"shared", "rshared", "slave", "rslave", "private", "rprivate"})
_MOUNT_OPTIONS: Final = _PROPAGATION | {"ro", "rw"}
_VOLUME_OPTIONS: Final = _MOUNT_OPTIONS | {"z", "Z", "nocopy"}
_WRITABLE: Final = ("/run", "/tmp", "/var/tmp")  # noqa: S108  # paths inside the container


class DockerSheet(PodmanSheet):
    """A plain unit that runs docker in the foreground."""

    engine = "docker"
    keeps_line_ends = True

    def __init__(self, version: EngineVersion, file: str, name: str) -> None:
        if version < OLDEST:
            raise MachineError(
                f"docker {version} is too old", hint=f"install docker {OLDEST.major}.{OLDEST.minor} or newer"
            )
        super().__init__(version, file)
        self._name = name
        self._limits: list[str] = []
        self._exported: list[str] = []
        """What a shell does before it becomes docker: variables from credentials."""

    def has(self, key: str) -> bool:
        """Say whether docker can do what *key* of [Container] asks for."""
        return key not in _MISSING

    def option(self, key: str, value: str, path: str) -> None:
        """Add the option of ``docker run`` that does what *key* does."""
        if key in _MISSING:
            self.fault(path, _MISSING[key])
        elif key != "HealthStartPeriod":  # health_command says it
            super().option(key, value, path)

    def process(self, image: Words, entrypoint: Words, command: Words) -> None:
        """Say what the container runs; an entrypoint is one word, and the rest of it goes to the command."""
        del image
        rest: tuple[str, ...] = ()
        if entrypoint is not None:
            self.argument("--entrypoint", entrypoint[0] if entrypoint else "", "entrypoint")
            rest = entrypoint[1:]
        self.command((*rest, *(command or ())), "command")

    def networks(
        self, networks: Mapping[str, str], alias: str, addresses: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Join Beacon's own networks; each has aliases of its own."""
        if len(networks) > 1 and self.version < _SEVERAL_NETWORKS:
            needed = f"{_SEVERAL_NETWORKS.major}.{_SEVERAL_NETWORKS.minor}"
            self.fault(
                "networks", f"more than one needs docker {needed}, and this machine has {self.version}"
            )
        for name, path in networks.items():
            fixed = "".join(f",{'ip6' if ':' in one else 'ip'}={one}" for one in addresses.get(name, ()))
            if fixed and self.version < _SEVERAL_NETWORKS:
                self.fault(
                    path, f"a fixed address needs docker {_SEVERAL_NETWORKS.major}.{_SEVERAL_NETWORKS.minor}"
                )
            self.option("Network", f"name={name},alias={alias}{fixed}", path)
            self.needs(f"{name}-network.service")

    def prefers_mount(self, volume: Volume, options: tuple[str, ...]) -> bool:
        """Mount folders of the host by ``--mount``: with ``--volume``, docker makes the missing ones."""
        return volume.host is not None and _MOUNT_OPTIONS.issuperset(options)

    def takes_mount_option(self, option: str, *, mount: bool) -> bool:
        """Say whether docker knows *option* of a volume, or of a *mount*."""
        return option in (_MOUNT_OPTIONS if mount else _VOLUME_OPTIONS)

    def hand_on(self, secret: Secret, place: str, version: SecretVersion, path: str) -> bool:
        """Have systemd decrypt a secret for the unit, and hand it on.

        The credential itself is root's alone to read. A copy in the memory of the unit, behind a folder that
        is root's, has the owner and the mode that the container needs.
        """
        name = version.credential
        self.add(Section.SERVICE, "LoadCredentialEncrypted", f"{name}:{FOLDER}/{version.file}")
        if secret.env is not None:
            if not can_be_passed_on(secret.env):
                self.fault(f"{path}.env", _NOT_PASSED_ON)
            value = f'"$(cat "$CREDENTIALS_DIRECTORY/{name}" && echo .)"'
            self._exported.append(f'{secret.env}={value} && export {secret.env}="${{{secret.env}%%.}}"')
            self.argument("--env", secret.env, path)
            return True
        folder = f"{container_name(self._name)}.secrets"
        self._runtime_directory(folder)
        ids = (("owner", secret.uid), ("group", secret.gid))
        owner = "".join(f" --{key}={number}" for key, number in ids if number)
        copy = f"/usr/bin/install --mode={secret.mode or '0444'}{owner} %d/{name} /run/{folder}/{name}"
        self.add(Section.SERVICE, "ExecStartPre", copy)
        self.argument("--mount", f"type=bind,source=/run/{folder}/{name},target={place},readonly", path)
        return True

    def _runtime_directory(self, folder: str) -> None:
        if not any(one.key == "RuntimeDirectory" for one in self.sections[Section.SERVICE]):
            self.add(Section.SERVICE, "RuntimeDirectory", folder)
            self.add(Section.SERVICE, "RuntimeDirectoryMode", "0700")

    def without_health(self) -> None:
        """Have docker not even run the image's check."""
        self.word("--no-healthcheck", "health.disable")

    def health_command(self, health: Health, line: str, *, own_check: bool) -> None:
        """Have docker run a check, which it takes as a line for the shell of the image.

        It finds the image's own by itself, and so runs that without a shell where it needs none. The first
        check comes after a whole interval, unless the start period has an interval of its own.
        """
        del line
        if not own_check:
            self.argument("--health-cmd", _shell_line(health.command or ()), "health.command")
        period = health.start_period
        interval = INTERVAL if health.interval is None else health.interval
        if self.version >= _START_INTERVAL and interval > QUICK_INTERVAL:
            self.argument("--health-start-interval", span(STARTUP_INTERVAL), "health.interval")
            period = (period or 0.0) + interval
        if period is not None:
            flag = OPTIONS["HealthStartPeriod"].flag
            self.argument(flag, span(period), "health.start_period")

    def limits(self, limits: Mapping[str, str]) -> None:
        """Limit the slice that holds the container, which is not in the control group of its unit.

        The container's own scope would have systemd's DefaultTasksMax=, which may be less; docker leaves that
        as it is unless it is given a number.
        """
        self._limits = [f"{key}={value}" for key, value in limits.items()]
        if "TasksMax" in limits:
            self.option("PidsLimit", limits["TasksMax"], "resources.pids")

    def slice_limits(self) -> list[str] | None:
        """Return the limits of the slice that holds the container."""
        return self._limits

    def finish(self, service: Service) -> None:
        """Keep writable what Podman keeps writable, and add what the owner says in docker's own words."""
        if service.read_only:
            taken = {volume.path for volume in service.volumes}
            taken |= {mount.partition(":")[0] for mount in service.tmpfs}
            for path in _WRITABLE:
                if path not in taken:
                    self.option("Tmpfs", f"{path}:exec", "read_only")
        docker = service.docker
        self._encode(self.options, docker.args, "docker.args")
        self.raw(Section.UNIT, docker.unit, "docker.unit")
        self.raw(Section.SERVICE, docker.service, "docker.service")

    def engine_unit(self) -> list[str]:
        """Return what any unit that calls docker says in [Unit]."""
        return [f"Requires={_UNIT}", f"After={_UNIT}"]

    def engine_service(self, name: str, scope: Scope) -> list[str]:
        """Return how the container of *name* is started and stopped, for [Service].

        No ``--rm``: docker would remove the container some time after its end, and a start could come first.
        What the commands around it print (the container's name) would read as words of the service.
        """
        container = container_name(name)
        remove = _silent(f"{_DOCKER} rm --force --volumes {container}")
        fixed = ["--log-driver=none", f"--cgroup-parent={slice_name(name)}"]
        return [
            *(ONCE if self.runs_once else ("Type=exec",)),
            "SyslogIdentifier=%N",
            "KillMode=mixed",
            f"ExecStartPre={remove}",
            self.command_line(self._run(), fixed),
            *(() if self.runs_once else (wait_healthy(Engine.DOCKER, name, scope),)),
            f"ExecStop={_silent(f'{_DOCKER} stop {container}')}",
            f"ExecStopPost={remove}",
        ]

    def _run(self) -> str:
        """Return the command that runs a container, by a shell if that has to fetch variables first."""
        exported = " && ".join(self._exported)
        shell = f"""/bin/sh -c '{exported} && exec "$@"' sh """ if exported else ""
        return f"{shell}{_DOCKER} run"

    def make_volume(self, name: str, labels: Iterable[str]) -> str:
        """Return the command that makes a volume; docker leaves one that is there as it is."""
        return f"{_DOCKER} volume create {' '.join(labels)} {name}"

    def make_network(self, name: str, labels: Iterable[str]) -> str:
        """Return the command that makes a network where there is none."""
        make = f"{_DOCKER} network create {' '.join(labels)} {name}"
        return f"/bin/sh -c '{_DOCKER} network inspect {name} >/dev/null 2>&1 || exec {make}'"


def _silent(command: str) -> str:
    return f"-/bin/sh -c 'exec {command} >/dev/null 2>&1'"


def _shell_line(command: tuple[str, ...]) -> str:
    words = command[1:] if command[0] == "CMD" else command
    return " ".join(words[1:]) if words[0] == "CMD-SHELL" else shlex.join(words)
