"""Which ports of the container need one of the loopback, and which is chosen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.definition.beacon_toml import decode_settings
from beacon.definition.endpoints.loopback import (
    beside_key,
    choose,
    fixed_ports,
    is_behind_proxy,
    needed,
    with_loopback,
    with_second_ports,
)
from beacon.errors import ConfigError
from beacon.model.machine import PortRange
from beacon.model.reference import ImageReference
from beacon.model.service import Endpoint, Handover, Port, Protocol, Scheme, Service

IMAGE = ImageReference.parse("ghcr.io/me/web:1")


def service(*endpoints: Endpoint, ports: tuple[Port, ...] = (), networks: tuple[str, ...] = ()) -> Service:
    """Return a service that needs no second ports."""
    return Service("web", IMAGE, endpoints=endpoints, ports=ports, networks=networks, handover=Handover.NONE)


def test_an_endpoint_without_a_port_of_the_host_needs_one() -> None:
    endpoints = Endpoint("a.org", 8080), Endpoint("b.org", 8080), Endpoint("c.org", 53, scheme=Scheme.UDP)
    assert needed(service(*endpoints)) == ("53/udp", "8080/tcp")


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (Port(8080, 80), ()),
        (Port(8000, 9000, "127.0.0.1", count=100), ()),
        (Port(8080, 80, protocol=Protocol.UDP), ("8080/tcp",)),
        (Port(8080, None), ("8080/tcp",)),  # chosen anew with every start
        (Port(8000, 9000, count=80), ("8080/tcp",)),
    ],
)
def test_a_port_of_the_host_is_enough(port: Port, expected: tuple[str, ...]) -> None:
    assert needed(service(Endpoint("a.org", 8080), ports=(port,))) == expected


@pytest.mark.parametrize("network", ["host", "none", "service:pod"])
def test_where_nothing_can_be_published_nothing_is_needed(network: str) -> None:
    assert needed(service(Endpoint("a.org", 8080), networks=(network,))) == ()
    assert needed(service(Endpoint("a.org", 8080), networks=("backend",))) == ("8080/tcp",)


def test_what_only_a_proxy_reaches_is_behind_it() -> None:
    web, raw = Endpoint("a.org", 8080), Endpoint("a.org", 53, scheme=Scheme.UDP)
    at_web, at_raw = Port(8080, 20000, "127.0.0.1"), Port(53, 20001, "127.0.0.1", Protocol.UDP)
    assert is_behind_proxy(service(web), service(web, ports=(at_web,)))
    assert not is_behind_proxy(service(web), service(web))
    assert not is_behind_proxy(service(raw), service(raw, ports=(at_raw,)))
    assert not is_behind_proxy(service(web, raw), service(web, raw, ports=(at_web, at_raw)))


def test_what_has_a_port_of_its_own_is_not_behind_the_proxy_alone() -> None:
    own = Port(8080, 20000, "127.0.0.1")
    declared = service(Endpoint("a.org", 8080), ports=(own,))
    assert not is_behind_proxy(declared, declared)


def test_what_is_sent_on_needs_none() -> None:
    assert needed(service(Endpoint("a.org", redirect="b.org"))) == ()


def test_only_what_is_needed_and_given_is_published() -> None:
    web = service(Endpoint("a.org", 8080), Endpoint("c.org", 53, scheme=Scheme.UDP), ports=(Port(1, 2),))
    filled = with_loopback(web, {"8080/tcp": 20001, "9999/tcp": 20002})
    assert filled.ports == (Port(1, 2), Port(8080, 20001, "127.0.0.1"))
    assert with_loopback(filled, {"8080/tcp": 20001}) is filled


def test_a_service_whose_releases_are_swapped_needs_a_second_port() -> None:
    endpoints = Endpoint("a.org", 8080), Endpoint("c.org", 53, scheme=Scheme.UDP)
    web = replace(service(*endpoints, ports=(Port(8080, 80),)), handover=None)
    assert needed(web) == ("53/udp", "8080/tcp+")
    ports = {"53/udp": 20001, beside_key("8080/tcp"): 20002}
    assert with_loopback(web, ports).ports == (
        Port(8080, 80),
        Port(53, 20001, "127.0.0.1", Protocol.UDP),
    )
    assert with_second_ports(web, ports).ports == (Port(8080, 20002, "127.0.0.1"),)


def test_published_ports_have_their_keys() -> None:
    web = service(ports=(Port(1, 10, count=2), Port(5, None), Port(9, 90)))
    assert list(fixed_ports(web)) == [("port[0].host", 10), ("port[0].host", 11), ("port[2].host", 90)]


def test_when_all_are_taken_none_is_chosen() -> None:
    span = PortRange(20000, 20002)
    assert choose(span, "web", lambda port: port != 20001) == 20001
    assert choose(span, "web", lambda _: True) is None


@pytest.mark.parametrize("wrong", ['"80-90"', '"127.0.0.1:20000"', '"20000-70000"', '"2-1"', '""', "[1]"])
def test_a_range_that_cannot_be_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="ports: must be a"):
        decode_settings(f"ports = {wrong}", file="beacon.toml")


def test_the_range_can_be_set() -> None:
    ports = decode_settings('ports = "40000-40009"', file="beacon.toml").ports
    assert (ports, len(ports), 40009 in ports, 40010 in ports) == (PortRange(40000, 40009), 10, True, False)
