"""Look at a service from outside: an HTTP request or a connection, as a proxy or a client would make it."""

from __future__ import annotations

import http.client
import socket

_FIRST_FAULT = 400


class NetworkProbe:
    """Probes over the machine's own network."""

    def http(self, address: str, port: int, path: str, timeout: float) -> str | None:
        """GET *path*; None when the status is below 400, else what is wrong in a few words."""
        connection = http.client.HTTPConnection(address, port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"User-Agent": "beacon"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"GET {path} on port {port} fails ({_words(error)})"
        finally:
            connection.close()
        return None if status < _FIRST_FAULT else f"GET {path} on port {port} answers {status}"

    def tcp(self, address: str, port: int, timeout: float) -> str | None:
        """Connect; None when that works, else what is wrong."""
        try:
            socket.create_connection((address, port), timeout=timeout).close()
        except OSError as error:
            return f"port {port} does not accept connections ({_words(error)})"
        return None


def _words(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).lower()
