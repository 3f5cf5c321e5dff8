"""TLS for connections to stores; loaded for those who use it, since it costs time and memory."""

from __future__ import annotations

import socket
import ssl

from beacon.endpoints.stores.resp import plain
from beacon.model.endpoints.publication import RedisAccess


def encrypted(access: RedisAccess) -> socket.socket:
    """Return a stream to a Redis that has proved to be the host that is meant."""
    stream = plain(access)
    try:
        context = ssl.create_default_context(cafile=access.ca_file)
        return context.wrap_socket(stream, server_hostname=access.host)
    except BaseException:
        stream.close()
        raise
