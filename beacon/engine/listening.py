"""Whether a port of this machine is free, and which ones are not."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_TAKEN = {errno.EADDRINUSE, errno.EACCES}
_PATIENCE = 0.25
_LISTENS = {"tcp": "0A", "udp": "07"}
"""The state of a socket that waits for whoever comes, in include/net/tcp_states.h."""


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


def listeners() -> frozenset[tuple[str, int, str]]:
    """Return address, port and protocol of all sockets of this machine at which somebody listens (proc(5)).

    Nothing is tried: that needs no rights, and is in nobody's way.
    """
    return frozenset(
        (*place, protocol)
        for protocol, state in _LISTENS.items()
        for table in (protocol, f"{protocol}6")
        for place in _places(Path("/proc/net", table), state)
    )


def _places(table: Path, wanted: str) -> Iterator[tuple[str, int]]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # without IPv6
        return
    for line in lines:
        _, local, _, state, *_ = line.split()
        if state == wanted:
            address, _, port = local.partition(":")
            yield _address(address), int(port, 16)


def _address(text: str) -> str:
    """Return an address as people write it, of words in the machine's order."""
    words = [int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
