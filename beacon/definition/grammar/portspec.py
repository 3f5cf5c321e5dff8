"""Ports, as they are published: text → value, and back."""

from __future__ import annotations

import re

from beacon.definition.grammar.strings import address, shown
from beacon.model.service import Port, Protocol

MAX_PORT = 65535

_SPAN = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_HOST = re.compile(r"(?:(\[[^\]]*\]|[^:\[\]]*):)?([0-9-]*)")


def _span(string: str, problem: str) -> tuple[int, int]:
    """Return first port and count of ``8080`` or ``8000-8010``."""
    match = _SPAN.fullmatch(string)
    if match is None:
        raise ValueError(problem)
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= MAX_PORT:
        raise ValueError(problem)
    return first, last - first + 1


def host_port(value: object) -> tuple[str, int | None, int]:
    """Return address ("" is every one), first port (None: the engine chooses) and count."""
    problem = (
        f"must be a port (1 to {MAX_PORT}) such as 8080, '127.0.0.1:8080', '[::1]:8080' or '8000-8010', "
        f"not {shown(value)}"
    )
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(problem)  # noqa: TRY004 -- one kind of fault
    match = _HOST.fullmatch(str(value))
    if match is None or not (match[1] or match[2]):
        raise ValueError(problem)
    try:
        ip = address(match[1]) if match[1] else ""
    except ValueError:
        raise ValueError(problem) from None
    if not match[2]:
        return ip, None, 1
    return (ip, *_span(match[2], problem))


def container_port(value: object) -> tuple[int, int, Protocol | None]:
    """Return first port, count and protocol (if written) of ``8080``, ``"8080/udp"`` or ``"8000-8010"``."""
    problem = f"must be a port (1 to {MAX_PORT}) such as 8080, '8080/udp' or '8000-8010', not {shown(value)}"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(problem)  # noqa: TRY004 -- one kind of fault
    ports, slash, protocol = str(value).partition("/")
    first, count = _span(ports, problem)
    if not slash:
        return first, count, None
    if protocol not in set(Protocol):
        raise ValueError(problem)
    return first, count, Protocol(protocol)


def split_publish(string: str) -> tuple[str | None, str]:
    """Split ``127.0.0.1:8080:80/udp`` as ``--port`` takes it into the keys *host* and *container*."""
    host, colon, container = string.rpartition(":")
    return (host if colon else None), container


def format_host_port(port: Port) -> str:
    """Return the key *host* of *port*; :func:`host_port` reads the same."""
    ip = f"[{port.host_ip}]:" if ":" in port.host_ip else f"{port.host_ip}:" if port.host_ip else ""
    return ip + ("" if port.host_port is None else format_span(port.host_port, port.count))


def format_span(first: int, count: int) -> str:
    """Return ``8080``, or ``8000-8010``."""
    return str(first) if count == 1 else f"{first}-{first + count - 1}"
