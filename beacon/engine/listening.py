"""Whether a port of this machine is free."""

from __future__ import annotations

import errno
import socket

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_TAKEN = {errno.EADDRINUSE, errno.EACCES}
_PATIENCE = 0.25


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
