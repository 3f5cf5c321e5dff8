"""What a start needs of the machine and what of that is not there, judged before anything is stopped."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from shlex import quote

from msgspec import Struct

from beacon.model.endpoints.network import has_own_ports
from beacon.model.notice import Notice
from beacon.model.service import Port, Service

LEAST_ROOM = 1 << 20
"""Bytes without which no container can be made."""
_UNSEEN = ("/tmp", "/var/tmp", "/lib/modules", "/usr/lib/modules", "/run", "/var/run")  # noqa: S108  # to compare
"""Folders of which the timer's confined unit has others (systemd.exec(5)), or that starts fill."""
_ANYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104  # addresses to compare with

Socket = tuple[str, int, str]
"""Address, port and protocol."""


class Stock(Struct, frozen=True):
    """What the machine has: *secrets* None is not known, *absent* are paths, *room* is in bytes by folder."""

    secrets: frozenset[str] | None = None
    absent: frozenset[str] = frozenset()
    taken: frozenset[Socket] = frozenset()
    """Where somebody else listens."""
    room: dict[str, int] = {}


def paths_of(service: Service) -> tuple[str, ...]:
    """Return the paths of the machine that a service, in effect, does not start without."""
    devices = (device.partition(":")[0] for device in service.devices)
    found = (*(one.host for one in service.volumes if one.host is not None), *service.env_files, *devices)
    return tuple(dict.fromkeys(path for path in found if path.startswith("/") and not _is_unseen(path)))


def _is_unseen(path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in _UNSEEN)


def mounts_above(path: str) -> frozenset[str]:
    """Return the mount units that could bring *path* (systemd.mount(5), systemd-escape(1))."""
    folders = (PurePosixPath(path), *PurePosixPath(path).parents)
    return frozenset(f"{_escaped(str(folder).strip('/'))}.mount" for folder in folders)


def _escaped(path: str) -> str:
    def escape(match: re.Match[str]) -> str:
        return "".join(f"\\x{byte:02x}" for byte in match[0].encode())

    words = re.sub(r"^\.|[^A-Za-z0-9:_./]", escape, path)
    return words.replace("/", "-") or "-"


def lacking(service: Service, stock: Stock, own: Collection[tuple[int, str]] = ()) -> tuple[Notice, ...]:
    """Return what a start of *service*, in effect, lacks, each with the command that mends it.

    The ports *own* are its own already.
    """
    return (*_secrets(service, stock), *_paths(service, stock), *_ports(service, stock, own), *_room(stock))


def _secrets(service: Service, stock: Stock) -> Iterator[Notice]:
    if stock.secrets is not None:
        for name in sorted({secret.name for secret in service.secrets} - stock.secrets):
            yield Notice(f"there is no secret {name!r}", f"beacon secret set {quote(name)}")


def _paths(service: Service, stock: Stock) -> Iterator[Notice]:
    files = set(service.env_files)
    devices = {device.partition(":")[0] for device in service.devices}
    edit = f"beacon edit {service.name} --apply"
    for path in paths_of(service):
        if path not in stock.absent:
            continue
        if path in devices:
            yield Notice(f"{path} is not there", f"plug the device in, or take it out: {edit}")
        elif path in files or PurePosixPath(path).suffix:
            yield Notice(f"{path} is not there", f"put the file there, or take it out: {edit}")
        else:
            yield Notice(f"{path} is not there", f"mkdir -p {quote(path)}")


def _ports(service: Service, stock: Stock, own: Collection[tuple[int, str]]) -> Iterator[Notice]:
    for port, number in published(service):
        if (number, str(port.protocol)) not in own and _is_taken(port, number, stock.taken):
            where = f"{port.host_ip}:{number}" if port.host_ip else str(number)
            who = f"sudo ss -lnp sport = :{number}"
            mend = f"{who} tells by whom; beacon edit {service.name} --apply takes another"
            yield Notice(f"port {where}/{port.protocol} is taken", mend)


def published(service: Service) -> Iterator[tuple[Port, int]]:
    """Yield each port of the machine that a service publishes."""
    if not all(map(has_own_ports, service.networks)):
        return
    for port in service.ports:
        if port.host_port is not None:
            yield from ((port, port.host_port + offset) for offset in range(port.count))


def _is_taken(port: Port, number: int, taken: Collection[Socket]) -> bool:
    return any(
        (number, str(port.protocol)) == (other, protocol)
        and (address == port.host_ip or _ANYWHERE & {address, port.host_ip})
        for address, other, protocol in taken
    )


def _room(stock: Stock) -> Iterator[Notice]:
    for folder, room in sorted(stock.room.items()):
        if room < LEAST_ROOM:
            yield Notice(f"the disk of {folder} is full", f"df -h {folder}; podman image prune --all")
