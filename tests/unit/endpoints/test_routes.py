"""Where each endpoint is reached, and what is told where it is not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from beacon.endpoints.routing.routes import Reach, Route, RunningService, State, Upstream, routes
from beacon.model.reference import Digest, ImageReference
from beacon.model.runtime import Container, UnitState
from beacon.model.service import Endpoint, Handover, Port, Protocol, Scheme, Service

IMAGE = ImageReference.parse("ghcr.io/me/web:1")
WEB = Endpoint("example.org", 8080)
ACTIVE = UnitState("beacon-web.service", "loaded", "active", "running")


def running(  # noqa: PLR0913 -- each is a different fact
    *endpoints: Endpoint,
    name: str = "web",
    ports: tuple[Port, ...] = (),
    networks: tuple[str, ...] = (),
    unit: UnitState = ACTIVE,
    health: str = "",
    chosen: dict[str, tuple[str, int]] | None = None,
    own: bool = True,
    since: str = "",
) -> RunningService:
    service = Service(name, IMAGE, ports=ports, endpoints=endpoints, networks=networks)
    container = Container(name, Digest("sha256:" + "a" * 64), health=health, ports=chosen or {})
    return RunningService(
        service, unit, container, own=own, since={one.domain: since for one in endpoints if since}
    )


def found(*services: RunningService) -> tuple[Route, ...]:
    return routes({one.service.name: one for one in services})


@pytest.mark.parametrize(
    ("port", "text", "reach"),
    [
        (Port(8080, 80), "*:80", Reach.EVERYWHERE),
        (Port(8080, 80, "0.0.0.0"), "*:80", Reach.EVERYWHERE),
        (Port(8080, 80, "::"), "*:80", Reach.EVERYWHERE),
        (Port(8080, 80, "127.0.0.1"), "127.0.0.1:80", Reach.LOOPBACK),
        (Port(8080, 80, "::1"), "[::1]:80", Reach.LOOPBACK),
        (Port(8080, 80, "192.168.1.4"), "192.168.1.4:80", Reach.LAN),
        (Port(8080, 80, "fd00::4"), "[fd00::4]:80", Reach.LAN),
        (Port(8080, 80, "9.9.9.9"), "9.9.9.9:80", Reach.EVERYWHERE),
        (Port(8000, 9000, "127.0.0.1", count=100), "127.0.0.1:9080", Reach.LOOPBACK),
    ],
)
def test_a_published_port_is_reached_at_its_address(port: Port, text: str, reach: Reach) -> None:
    (route,) = found(running(WEB, ports=(port,)))
    assert route.place is not None
    assert (str(route.place), route.place.reach, route.problem) == (text, reach, "")


def test_a_port_that_the_engine_chose_is_known_while_the_service_runs() -> None:
    service = running(WEB, ports=(Port(8080, None, "127.0.0.1"),), chosen={"8080/tcp": ("127.0.0.1", 40123)})
    assert found(service)[0].place == Upstream("127.0.0.1", 40123)


def test_of_several_addresses_the_one_with_the_widest_reach_counts() -> None:
    ports = (Port(8080, 81, "10.0.0.1"), Port(8080, 80, "127.0.0.1"))
    assert found(running(WEB, ports=ports))[0].place == Upstream("10.0.0.1", 81)


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        (WEB, "port 8080 is not published"),
        (Endpoint("example.org", 53, scheme=Scheme.UDP), "port 53/udp is not published"),
    ],
)
def test_a_port_that_is_not_published_yet_is_told_with_what_mends_it(
    endpoint: Endpoint, problem: str
) -> None:
    other = Port(9999, 9999), Port(53, 5353, protocol=Protocol.TCP)
    (route,) = found(running(endpoint, ports=other))
    assert (route.place, route.problem) == (None, problem)
    assert route.mend == "beacon apply web has it published on the loopback"


@pytest.mark.parametrize(
    ("endpoint", "mend"),
    [
        (WEB, 'port = [{ host = "127.0.0.1:8080", container = 8080 }]'),
        (Endpoint("example.org", 80), 'port = [{ host = "127.0.0.1:8080", container = 80 }]'),
        (
            Endpoint("example.org", 53, scheme=Scheme.UDP),
            'port = [{ host = "127.0.0.1:8053", container = 53, protocol = "udp" }]',
        ),
    ],
)
def test_a_port_that_another_service_would_have_to_publish_is_its_owner_s_to_choose(
    endpoint: Endpoint, mend: str
) -> None:
    (route, *_) = found(running(endpoint, networks=("service:pod",)), running(name="pod"))
    assert route.mend == f"beacon edit pod --apply: {mend}"


def test_on_the_host_s_network_the_port_is_the_host_s_own() -> None:
    assert found(running(WEB, networks=("host",)))[0].place == Upstream("", 8080)


def test_without_a_network_nothing_is_reached() -> None:
    assert found(running(WEB, networks=("none",)))[0].problem == "the service has no network"


def test_on_the_network_of_another_service_that_one_publishes() -> None:
    web = running(WEB, networks=("service:pod",))
    pod = running(name="pod", ports=(Port(8080, 80, "127.0.0.1"),))
    assert found(web, pod)[0].place == Upstream("127.0.0.1", 80)
    (route,) = found(web, running(name="pod"))
    assert route.mend.startswith("beacon edit pod --apply: port")
    assert found(web)[0].problem == "port 8080 is not published"


@pytest.mark.parametrize(
    ("active", "health", "state"),
    [
        ("active", "", State.UP),
        ("active", "healthy", State.UP),
        ("reloading", "healthy", State.UP),
        ("active", "starting", State.STARTING),
        ("activating", "", State.STARTING),
        ("active", "unhealthy", State.UNHEALTHY),
        ("inactive", "", State.DOWN),
        ("deactivating", "healthy", State.DOWN),
        ("failed", "", State.DOWN),
    ],
)
def test_how_a_service_fares(active: str, health: str, state: State) -> None:
    assert found(running(WEB, unit=UnitState("u", active=active), health=health))[0].state is state


def test_an_image_does_not_take_the_domain_of_another_service() -> None:
    published = (Port(8080, 80),)
    thief = running(WEB, name="a-thief", own=False, ports=published)
    taken, kept = found(running(WEB, name="web", ports=published), thief)
    assert (taken.service, taken.place, taken.problem) == ("a-thief", None, "web has example.org already")
    assert (kept.service, kept.problem) == ("web", "")


def test_a_service_whose_releases_are_swapped_has_a_second_place() -> None:
    ports = {"8080/tcp": 20001, "8080/tcp+": 20002}
    web = replace(running(WEB, ports=(Port(8080, 20001, "127.0.0.1"),)), ports=ports)
    (route,) = found(web)
    assert (route.place, route.ahead, route.waits) == (
        Upstream("127.0.0.1", 20001),
        Upstream("127.0.0.1", 20002),
        True,
    )
    held = replace(web, service=replace(web.service, handover=Handover.WAIT))
    assert (found(held)[0].ahead, found(held)[0].waits) == (None, True)
    plain = replace(web, service=replace(web.service, handover=Handover.NONE))
    assert (found(plain)[0].ahead, found(plain)[0].waits) == (None, False)


def test_what_is_sent_on_needs_no_port() -> None:
    (route,) = found(running(Endpoint("old.org", redirect="example.org")))
    assert (route.place, route.problem) == (None, "")


def test_routes_come_by_domain_and_path() -> None:
    endpoints = (Endpoint("b.org", 1), Endpoint("a.org", 1, "/x"), Endpoint("a.org", 1))
    said = [(route.endpoint.domain, route.endpoint.path) for route in found(running(*endpoints))]
    assert said == [("a.org", "/"), ("a.org", "/x"), ("b.org", "/")]


def taken(*services: RunningService) -> dict[tuple[str, str], str]:
    """Return what is said of the endpoints, by service and domain, that another service has."""
    routes = found(*services)
    assert all(route.place is None for route in routes if route.taken)
    return {(route.service, route.endpoint.domain): route.problem for route in routes if route.taken}


@pytest.mark.parametrize(
    ("owned", "claimed"),
    [
        (Endpoint("*.example.org", 80), "evil.example.org"),
        (Endpoint("*.example.org", 80), "a.b.example.org"),
        (Endpoint("*.example.org", 80), "*.b.example.org"),
        (Endpoint("*.example.org", 80), "*.example.org"),
        (Endpoint("*.example.org", 80, redirect="example.com"), "evil.example.org"),
        (Endpoint("example.org", 80, path="/api"), "example.org"),
        (Endpoint("example.org", 80, scheme=Scheme.TCP), "example.org"),
    ],
)
def test_an_image_gets_no_domain_that_an_owner_has_nor_one_below_it(owned: Endpoint, claimed: str) -> None:
    published = (Port(80, 80), Port(8080, 8080))
    owner = running(owned, name="web", ports=published, unit=UnitState("u"))  # though it is down
    thief = running(Endpoint(claimed, 8080), name="a-thief", own=False, ports=published, since="1999")
    assert taken(owner, thief) == {("a-thief", claimed): f"web has {owned.domain} already"}


@pytest.mark.parametrize(
    ("owned", "claimed"),
    [
        ("example.org", "www.example.org"),
        ("*.example.org", "example.org"),
        ("*.example.org", "badexample.org"),
        ("www.example.org", "*.example.org"),
    ],
)
def test_what_is_not_below_a_domain_of_an_owner_is_free(owned: str, claimed: str) -> None:
    published = (Port(80, 80), Port(8080, 8080))
    owner = running(Endpoint(owned, 80), name="web", ports=published)
    other = running(Endpoint(claimed, 8080), name="a", own=False, ports=published)
    assert taken(owner, other) == {}


def test_what_two_owners_wrote_is_theirs() -> None:
    published = (Port(80, 80),)
    one = running(Endpoint("*.example.org", 80), name="one", ports=published)
    other = running(
        Endpoint("www.example.org", 80), Endpoint("example.org", 80), name="other", ports=published
    )
    third = running(Endpoint("example.org", 80, path="/api"), name="third", ports=published)
    assert taken(one, other, third) == {}


@pytest.mark.parametrize("claimed", ["example.org", "www.example.org"])
def test_of_two_images_the_one_that_had_the_domain_first_keeps_it(claimed: str) -> None:
    published = (Port(80, 80),)
    domains = (Endpoint("example.org", 80), Endpoint("*.example.org", 80))
    first = running(*domains, name="web", own=False, ports=published, since="2026-01-02T03:04:05Z")
    thief = running(Endpoint(claimed, 80), name="a", own=False, ports=published, since="2026-01-02T03:04:06Z")
    assert set(taken(first, thief)) == {("a", claimed)}
    unknown = running(Endpoint(claimed, 80), name="a", own=False, ports=published)
    assert set(taken(first, unknown)) == {("a", claimed)}
