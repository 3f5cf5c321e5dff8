"""Whether a port of this machine is free."""

from __future__ import annotations

import errno
import socket

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_TAKEN = {errno.EADDRINUSE, errno.EACCES}


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
    return True
