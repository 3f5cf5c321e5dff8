"""A service while it is being put together from what others say of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from beacon.model.endpoints.network import Network
from beacon.model.image import Platform
from beacon.model.parts.raw import RawPodman
from beacon.model.reference import ImageReference
from beacon.model.service import (
    PINNED,
    TAG,
    Capabilities,
    Health,
    Port,
    Resources,
    Restart,
    Secret,
    Service,
    Stop,
    UpdatePolicy,
    Volume,
)

T = TypeVar("T")


@dataclass(slots=True)
class Draft:
    """The fields of a service, as far as they are known; *aliases* are its other names on networks."""

    name: str
    image: ImageReference | None = None
    platform: Platform | None = None
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    user: str | None = None
    groups: list[str] = field(default_factory=list)
    userns: str | None = None
    workdir: str | None = None
    hostname: str | None = None
    init: bool | None = None
    read_only: bool = False
    env: dict[str, str] = field(default_factory=dict)
    env_files: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[Port] = field(default_factory=list)
    volumes: list[Volume] = field(default_factory=list)
    tmpfs: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    network: dict[str, Network] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    hosts: dict[str, str] = field(default_factory=dict)
    dns: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    requires: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    no_new_privileges: bool = False
    sysctls: dict[str, str] = field(default_factory=dict)
    ulimits: dict[str, str] = field(default_factory=dict)
    shm_size: int | None = None
    secrets: list[Secret] = field(default_factory=list)
    resources: Resources = field(default_factory=Resources)
    health: Health = field(default_factory=Health)
    restart: Restart = field(default_factory=Restart)
    stop: Stop = field(default_factory=Stop)
    args: list[str] = field(default_factory=list)
    unit: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Directives of [Unit] for Podman's units."""
    named: dict[str, str] = field(default_factory=dict)
    """Volume of the engine that never had a name → the service's own that is to have its data."""

    def service(self) -> Service | None:
        """Return the service; None while its image is not known."""
        return None if self.image is None else self._of(self.image)

    def _of(self, image: ImageReference) -> Service:
        return Service(
            name=self.name,
            image=image,
            platform=self.platform,
            entrypoint=self.entrypoint,
            command=self.command,
            user=self.user,
            groups=_once(self.groups),
            userns=self.userns,
            workdir=self.workdir,
            hostname=self.hostname,
            init=self.init,
            read_only=self.read_only,
            env=self.env,
            env_files=_once(self.env_files),
            labels=self.labels,
            ports=_once(self.ports),
            volumes=tuple(self.volumes),
            tmpfs=tuple(self.tmpfs),
            networks=_once(self.networks),
            network={name: said for name, said in self.network.items() if said != Network()},
            hosts=self.hosts,
            dns=_once(self.dns),
            needs=tuple(one for one in _once(self.needs) if one not in self.requires),
            requires=_once(self.requires),
            devices=_once(self.devices),
            capabilities=Capabilities(_once(self.cap_add), _once(self.cap_drop)),
            no_new_privileges=self.no_new_privileges,
            sysctls=self.sysctls,
            ulimits=self.ulimits,
            shm_size=self.shm_size,
            secrets=tuple(self.secrets),
            resources=self.resources,
            health=self.health,
            restart=self.restart,
            stop=self.stop,
            update=UpdatePolicy(follow=PINNED if image.digest else TAG),
            podman=self._podman(),
        )

    def _podman(self) -> RawPodman:
        aliases = [f"--network-alias={one}" for one in _once(self.aliases)] if self.networks else []
        return RawPodman(args=(*aliases, *self.args), unit=self.unit)


def _once(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
