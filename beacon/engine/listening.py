"""Whether a port of this machine is free, and which ones are not."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_TAKEN = {errno.EADDRINUSE, errno.EACCES}
_PATIENCE = 0.25
_LISTENS = {"tcp": "0A", "udp": "07"}
"""The state of a socket that waits for whoever comes, in include/net/tcp_states.h."""
_ESTABLISHED = "01"
_INODE = 5
"""The place of a socket's inode among the words behind its state; without a process, that is 0."""
_NO_INODE = "0"


def is_free(port: int, protocol: str, address: str = "127.0.0.1") -> bool:
    """Say whether a service could publish *port* at *address*: nobody is there, nor at every address."""
    with socket.socket(socket.AF_INET, _KINDS[protocol]) as probe:
        if protocol == "tcp":
            # What is left of connections that have ended hinders no new listener.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
    return protocol != "tcp" or not _is_forwarded(port, address)


def _is_forwarded(port: int, address: str) -> bool:
    """Say whether a firewall brings connections to a container's: nobody listens at such a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect((address, port))
        except TimeoutError:
            return True  # somewhere, where nobody answers
        except OSError:
            return False
    return True


class End(StrEnum):
    """Where a connection to a port ends."""

    ELSEWHERE = "elsewhere"
    """Not at a socket of this machine: the firewall leads it to a container's network."""
    ACCEPTED = "accepted"
    WAITING = "waiting"
    """The kernel has taken it, and no process has accepted it yet."""


def end_of(connection: socket.socket) -> End:
    """Return where *connection* to a port of this machine ends.

    Podman's monitor of a container listens at its ports so that nobody else does, and never accepts: that is
    who answers once the firewall's rules are gone.
    """
    mine, port = connection.getsockname()[1], connection.getpeername()[1]
    for table in ("tcp", "tcp6"):
        for line in _lines(Path("/proc/net", table)):
            _, local, remote, state, *words = line.split()
            ends = tuple(int(place.rpartition(":")[2], 16) for place in (local, remote))
            if state == _ESTABLISHED and ends == (port, mine):
                return End.WAITING if words[_INODE] == _NO_INODE else End.ACCEPTED
    return End.ELSEWHERE


def listeners() -> frozenset[tuple[str, int, str]]:
    """Return address, port and protocol of all sockets of this machine at which somebody listens (proc(5)).

    Nothing is tried: that needs no rights, and is in nobody's way.
    """
    return frozenset(
        (*address, protocol)
        for protocol, state in _LISTENS.items()
        for table in (protocol, f"{protocol}6")
        for address in _addresses(Path("/proc/net", table), state)
    )


def _addresses(table: Path, wanted: str) -> Iterator[tuple[str, int]]:
    for line in _lines(table):
        _, local, _, state, *_ = line.split()
        if state == wanted:
            address, _, port = local.partition(":")
            yield _address(address), int(port, 16)


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # without IPv6
        return []


def _address(text: str) -> str:
    """Return an address as people write it, of words in the machine's order."""
    words = [int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
