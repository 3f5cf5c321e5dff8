"""Cases of what Caddy is told: routes on one side, the Caddyfile that comes out on the other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from beacon.endpoints.routing.caddyfile import Caddyfile, caddyfile
from beacon.endpoints.routing.routes import Route, State, Upstream
from beacon.model.service import Endpoint, Scheme

HERE = Path(__file__).parent
LOGIN = "anna:$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG"


def route(endpoint: Endpoint, service: str = "web", port: int = 20123, address: str = "127.0.0.1") -> Route:
    """Return a route to a port of the loopback."""
    place = None if endpoint.redirect is not None else Upstream(address, port)
    return Route(service, endpoint, State.UP, place)


CASES: Mapping[str, tuple[Route, ...]] = {
    "nothing": (),
    "public": (route(Endpoint("example.org", 8080)),),
    "internal_names": tuple(
        route(Endpoint(domain, 8080))
        for domain in ("web.internal", "web.home.arpa", "web.local", "localhost", "nas", "*.internal")
    ),
    "without_tls": (
        route(Endpoint("example.org", 80, tls=False)),
        route(Endpoint("*.example.org", 80, tls=False)),
    ),
    "paths": (
        route(Endpoint("example.org", 8080)),
        route(Endpoint("example.org", 8080, "/shop"), "shop", 20124),
        route(Endpoint("example.org", 8080, "/shop/admin"), "admin", 20125),
        route(Endpoint("api.example.org", 8080, "/v1"), "api", 20126),
    ),
    "schemes": (
        route(Endpoint("a.example.org", 8443, scheme=Scheme.HTTPS)),
        route(Endpoint("b.example.org", 50051, scheme=Scheme.H2C)),
        route(Endpoint("c.example.org", 8080)),
        route(Endpoint("c.example.org", 8443, scheme=Scheme.HTTPS), port=20124),
        route(Endpoint("d.example.org", 5432, scheme=Scheme.TCP)),
        route(Endpoint("e.example.org", 53, scheme=Scheme.UDP)),
    ),
    "redirects": (
        route(Endpoint("old.example.org", redirect="example.org")),
        route(Endpoint("older.example.org", path="/x", redirect="https://example.org/y?z=1")),
    ),
    "who_may_ask": (
        route(Endpoint("a.example.org", 80, allow=("10.0.0.0/8", "2001:db8::1"))),
        route(Endpoint("b.example.org", 80, internal=True, hsts=True, compress=False)),
        route(Endpoint("c.example.org", 80, basic_auth=(LOGIN, LOGIN.replace("anna", "bert")))),
        route(Endpoint("d.example.org", 80, forward_auth="http://127.0.0.1:9091/verify?rd=1")),
        route(Endpoint("e.example.org", 80, forward_auth="https://auth.example.org", forward_headers=())),
    ),
    "addresses": (
        route(Endpoint("a.example.org", 80), address=""),
        route(Endpoint("b.example.org", 80), address="::1"),
        route(Endpoint("c.example.org", 80), address="192.168.1.4"),
    ),
    "beside": (
        replace(route(Endpoint("example.org", 80)), ahead=Upstream("127.0.0.1", 20124), waits=True),
        replace(
            route(Endpoint("example.org", 81, "/api", scheme=Scheme.H2C), port=20125),
            ahead=Upstream("127.0.0.1", 20126),
            waits=True,
        ),
    ),
    "held": (replace(route(Endpoint("example.org", 80)), waits=True),),
    "left_out": (
        route(Endpoint("*.example.org", 80)),
        route(Endpoint("a.example.org", 80, '/{$HOME}"')),
        Route(
            "web", Endpoint("b.example.org", 80), State.UP, problem="port 80 is not published", mend="do so"
        ),
        route(Endpoint("c.example.org", 80)),
    ),
}


def made(name: str) -> Caddyfile:
    """Return what a case comes to."""
    return caddyfile(CASES[name])


def expected(name: str) -> Path:
    """Return the file that has what a case should come to."""
    return HERE / "expected" / f"{name}.caddy"
