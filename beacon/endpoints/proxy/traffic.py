"""Steering Caddy without a reload, by files that it asks for, and counting what is under way."""

from __future__ import annotations

import http.client
import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path

from beacon.endpoints.proxy.caddy import ADMIN, OWN
from beacon.endpoints.routing.caddyfile import MARKERS, ahead_marker, socket_upstream, wait_marker
from beacon.errors import MachineError
from beacon.formats.jsontext import read_json

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_EVERY = {"", "0.0.0.0", "::"}  # noqa: S104 -- addresses to compare with
_PATIENCE = 2.0
_OPEN = {"01", "02"}
"""ESTABLISHED and SYN_SENT, in include/net/tcp_states.h."""


class CaddyTraffic:
    """The requests that Caddy brings, by what Beacon has given it."""

    def __init__(self, own: Path = OWN, markers: Path = Path(MARKERS)) -> None:
        self._own = own
        self._markers = markers

    def leads_to(self, service: str, ports: Iterable[int]) -> bool:
        """Say whether Caddy knows *service*, and all of *ports*."""
        try:
            words = set(self._own.read_text(encoding="utf-8").split())
        except OSError:
            return False
        marker = ahead_marker(service) if (asked := list(ports)) else wait_marker(service)
        known = {word.rpartition(":")[2] for word in words}
        return marker in words and {str(port) for port in asked} <= known

    def go_ahead(self, service: str, *, ahead: bool) -> None:
        """Send new requests to the second ports of *service*, or back to the first."""
        self._mark(ahead_marker(service), there=ahead)

    def wait(self, service: str, *, waiting: bool) -> None:
        """Have new requests wait where *service* does not answer, or no longer so."""
        self._mark(wait_marker(service), there=waiting)

    def _mark(self, name: str, *, there: bool) -> None:
        path = self._markers / name
        try:
            if there:
                self._markers.mkdir(parents=True, exist_ok=True)
                self._markers.chmod(0o755)  # Caddy must see into it, whatever the umask
                path.touch()
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise MachineError(f"cannot write {path}: {error.strerror}") from error

    def connections(self, addresses: Iterable[tuple[str, int]]) -> int:
        """Return how many connections of this machine to *addresses* are open; "" is its loopback."""
        asked = {("127.0.0.1" if address in _EVERY else address, port) for address, port in addresses}
        return sum(remote in asked for table in _TABLES for remote in _remotes(table))

    def websockets(self, ports: Iterable[int]) -> int:
        """Return how many of those to *ports* are websockets: Caddy knows them by a name of their own.

        Where it does not say (its owner may have closed the port at which it does), none is told apart.
        """
        asked = {socket_upstream(f"127.0.0.1:{port}") for port in ports}
        connection = http.client.HTTPConnection(*ADMIN, timeout=_PATIENCE)
        try:
            connection.request("GET", "/reverse_proxy/upstreams")
            rows = read_json(connection.getresponse().read())
            return sum(int(row["num_requests"]) for row in rows if row["address"] in asked)
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return 0
        finally:
            connection.close()


def _remotes(table: Path) -> Iterator[tuple[str, int]]:
    """Yield where the open connections of a table of proc(5) lead."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _, _, remote, state, *_ = line.split()
        if state in _OPEN:
            address, _, port = remote.partition(":")
            yield _address(address), int(port, 16)


def _address(text: str) -> str:
    """Return an address as people write it, of words in the machine's order."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))
