"""Look at a service from outside: an HTTP request or a connection, as a proxy or a client would make it."""

from __future__ import annotations

import http.client
import socket
import time
from urllib.parse import quote

from beacon.engine.listening import End, end_of
from beacon.errors import MachineError

_FIRST_FAULT = 400
_AS_IT_IS = "/?#[]@!$&'()*+,;=:%"
"""What has a meaning in a URL (RFC 3986, 2.2), and what is escaped already."""
_LOOK = 0.1
_HOLD = 0.5
"""Seconds that a connection must hold: far more than a forwarder on this machine takes to give up."""


class NetworkProbe:
    """Probes over the machine's own network."""

    def http(self, address: str, port: int, path: str, timeout: float, host: str | None = None) -> str | None:
        """GET *path* of *host*; None when the status is below 400, else what is wrong in a few words."""
        headers = {"User-Agent": "beacon"} | ({"Host": host} if host else {})
        connection = http.client.HTTPConnection(address, port, timeout=timeout)
        try:
            connection.request("GET", quote(path, safe=_AS_IT_IS), headers=headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"fails ({_words(error)})"
        finally:
            connection.close()
        return None if status < _FIRST_FAULT else f"answers {status}"

    def tcp(self, address: str, port: int, timeout: float) -> str | None:
        """Connect; None when that works and holds, else what is wrong.

        What forwards a published port (docker's proxy, rootlessport, pasta) accepts for a container in which
        nobody listens, and closes the connection as soon as it finds out; who only keeps a port taken never
        accepts.
        """
        try:
            with socket.create_connection((address, port), timeout=timeout) as connection:
                fault = _fault(connection, timeout)
        except OSError as error:
            fault = _words(error)
        return f"does not accept connections ({fault})" if fault else None


def send(port: int, asked: tuple[str, str], body: bytes, kind: str, timeout: float) -> int:
    """Ask the machine's own *port*, by a verb for a path; return the status of the answer.

    *body* is of the media type *kind*. Raises MachineError if there is no answer.
    """
    method, path = asked
    headers = {"User-Agent": "beacon"} | ({"Content-Type": kind} if body else {})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, quote(path, safe=_AS_IT_IS), body=body or None, headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise MachineError(f"port {port} does not answer ({_words(error)})") from error
    finally:
        connection.close()


def _fault(connection: socket.socket, seconds: float) -> str | None:
    """Return what is wrong with a connection: it ends at once, or within *seconds* nobody accepts it."""
    began = time.monotonic()
    connection.settimeout(min(seconds, _HOLD))
    try:
        return None if connection.recv(1) else "closed at once"
    except TimeoutError:
        pass  # it holds, and who serves it waits for a word
    while end_of(connection) is End.WAITING:
        if time.monotonic() - began >= seconds:
            return "nobody answers at the port"
        time.sleep(_LOOK)
    return None


def _words(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).lower()
