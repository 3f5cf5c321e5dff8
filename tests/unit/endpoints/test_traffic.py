"""Steering Caddy by files, and counting connections of this machine."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from beacon.endpoints.proxy.traffic import CaddyTraffic
from beacon.endpoints.routing.caddyfile import caddyfile
from beacon.endpoints.routing.routes import Route, State, Upstream
from beacon.model.service import Endpoint


@pytest.fixture
def traffic(tmp_path: Path) -> CaddyTraffic:
    """Return the requests of a Caddy that knows web, which is swapped, and shop, which is held."""
    found = [
        Route(
            "web",
            Endpoint("a.org", 80),
            State.UP,
            Upstream("127.0.0.1", 1),
            ahead=Upstream("127.0.0.1", 2),
            waits=True,
        ),
        Route("shop", Endpoint("b.org", 80), State.UP, Upstream("127.0.0.1", 3), waits=True),
        Route("plain", Endpoint("c.org", 80), State.UP, Upstream("127.0.0.1", 4)),
    ]
    own = tmp_path / "beacon.caddy"
    own.write_text(caddyfile(found).text(), encoding="utf-8")
    return CaddyTraffic(own, tmp_path / "routes")


def test_only_what_caddy_was_told_of_comes_by_it(traffic: CaddyTraffic) -> None:
    known = [name for name in ("web", "shop", "plain", "we") if traffic.leads_to(name, ())]
    assert known == ["web", "shop"]
    assert traffic.leads_to("web", [2])
    assert not traffic.leads_to("web", [5])
    assert not traffic.leads_to("shop", [3])
    assert not CaddyTraffic(Path("/nowhere/beacon.caddy")).leads_to("web", ())


def test_caddy_sees_the_files_whatever_the_umask(traffic: CaddyTraffic, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        traffic.go_ahead("web", ahead=True)
    finally:
        os.umask(before)
    assert (tmp_path / "routes").stat().st_mode & 0o777 == 0o755


def test_requests_are_moved_by_files(traffic: CaddyTraffic, tmp_path: Path) -> None:
    traffic.go_ahead("web", ahead=False)
    traffic.go_ahead("web", ahead=True)
    traffic.go_ahead("web", ahead=True)
    traffic.wait("shop", waiting=True)
    assert {path.name for path in (tmp_path / "routes").iterdir()} == {"web.ahead", "shop.hold"}
    traffic.go_ahead("web", ahead=False)
    traffic.wait("shop", waiting=False)
    assert list((tmp_path / "routes").iterdir()) == []


LOOPBACK = ["127.0.0.1", "::1"] if Path("/proc/net/if_inet6").exists() else ["127.0.0.1"]


@pytest.mark.parametrize("address", LOOPBACK)
def test_open_connections_are_counted_and_ended_ones_are_not(traffic: CaddyTraffic, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server, ExitStack() as ends:
        port = int(server.getsockname()[1])

        def count(at: str, expected: int) -> int:
            """Return how many there are, once strangers who try this port of the machine have gone."""
            limit = time.monotonic() + 5
            while (seen := traffic.connections([(at, port)])) != expected and time.monotonic() < limit:
                time.sleep(0.05)
            return seen

        assert count(address, 0) == 0
        clients = [ends.enter_context(socket.create_connection((address, port))) for _ in range(3)]
        assert count(address, 3) == 3
        assert count("192.0.2.1", 0) == 0
        if address == "127.0.0.1":
            assert count("", 3) == count("0.0.0.0", 3) == 3
        for client in clients[:2]:
            client.close()
        assert count(address, 1) == 1
