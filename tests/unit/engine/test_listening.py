"""Whether a port of this machine is free."""

from __future__ import annotations

import socket

import pytest

from beacon.engine.listening import is_free, listeners


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_at_which_somebody_is_is_not_free(protocol: str, address: str) -> None:
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as there:
        there.bind((address, 0))
        if protocol == "tcp":
            there.listen()
        port = int(there.getsockname()[1])
        assert not is_free(port, protocol)
    assert is_free(port, protocol)


def test_what_is_left_of_a_connection_does_not_take_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # first: this side is left waiting
        client.close()
    assert is_free(port, "tcp")


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_who_listens_is_known_without_trying(family: socket.AddressFamily, address: str) -> None:
    try:
        server = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip("there is no IPv6 here")
    with server, socket.socket(family, socket.SOCK_DGRAM) as bound:
        bound.bind((address, 0))
        there = {(address, server.getsockname()[1], "tcp"), (address, bound.getsockname()[1], "udp")}
        assert there <= listeners()
    assert not there & listeners()
