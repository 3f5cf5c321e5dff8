"""The array that beachhead-companion published for each container."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from beacon.endpoints.routing.forms import Formats
from beacon.endpoints.routing.routes import RunningService, routes
from beacon.endpoints.routing.stores import contents_of, stores
from beacon.formats.template import fill
from beacon.formats.yaml import write_document
from beacon.model.endpoints.publication import Publication, RedisAccess
from beacon.model.reference import Digest, ImageReference
from beacon.model.runtime import Container, UnitState
from beacon.model.service import Endpoint, Port, Scheme, Service, Unhealthy

EVERYWHERE = Port(8000, 8000, count=100)
IMAGE = ImageReference.parse("ghcr.io/me/web:1")


@dataclass
class Published:
    """What is published: service → value; and what is not."""

    values: dict[str, str]
    left_out: tuple[str, ...]


def published(
    *endpoints: Endpoint,
    port: Port = EVERYWHERE,
    active: str = "active",
    health: str = "",
    compat: bool = False,
) -> Published:
    service = Service(
        "web",
        IMAGE,
        ports=(port,),
        endpoints=endpoints,
        compat=compat,
        env={"BEACHHEAD_DOMAINS": ""},
    )
    container = Container("web", Digest("sha256:" + "a" * 64), health=health)
    running = {"web": RunningService(service, UnitState("beacon-web.service", active=active), container)}
    publication = Publication("publish.redis", RedisAccess(), prefix="/", address="mars.example")
    found = contents_of(
        stores([publication]), running, routes(running), "mars", Formats(fill, write_document, str)
    )
    (entries,) = found.entries.values()
    return Published(
        {key.removeprefix("/mars:"): entry.value for key, entry in entries.items()}, found.left_out
    )


def test_the_array_is_beachhead_companion_s_to_the_letter() -> None:
    found = published(
        Endpoint("example.org", 8080),
        Endpoint("admin-x.example.org", 8043, scheme=Scheme.HTTPS),
        Endpoint("example.org", 8043, scheme=Scheme.HTTPS),
        Endpoint("*.h2.example.org", 8081, scheme=Scheme.H2C),
        port=replace(EVERYWHERE, host_ip="127.0.0.1"),
    )
    assert found == Published(
        {
            "web": '[{"domain":"example.org","http":{"host":"127.0.0.1","port":8080},'
            '"https":{"host":"127.0.0.1","port":8043},"id":"example_org"},'
            '{"domain":"admin-x.example.org","https":{"host":"127.0.0.1","port":8043},'
            '"id":"admin_x_example_org"},'
            '{"domain":"*.h2.example.org","http":{"host":"127.0.0.1","port":8081},"id":"__h2_example_org"}]'
        },
        (),
    )


def test_every_address_is_published_as_the_one_that_the_owner_gave() -> None:
    assert '"host":"mars.example"' in published(Endpoint("example.org", 8080)).values["web"]


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (Endpoint("a.org", 80), "port 80 is not published"),
        (Endpoint("a.org", 8080, path="/x"), "the format has no paths"),
        (Endpoint("a.org", 8080, internal=True), "the format has no internal endpoints"),
        (Endpoint("a.org", 8080, allow=("10.0.0.0/8",)), "the format has no rules of who may ask"),
        (Endpoint("a.org", 8080, basic_auth=("anna:x",)), "the format has no rules of who may ask"),
        (Endpoint("a.org", 8080, forward_auth="http://a/"), "the format has no rules of who may ask"),
        (Endpoint("a.org", 8080, scheme=Scheme.TCP), "the format has no tcp endpoints"),
        (Endpoint("a.org", redirect="b.org"), "the format has no redirects"),
    ],
)
def test_what_has_no_place_there_is_told_and_keeps_nothing_else_out(endpoint: Endpoint, why: str) -> None:
    found = published(endpoint, Endpoint("example.org", 8080))
    assert found.values["web"].count('"domain"') == 1
    (said,) = found.left_out
    assert said.startswith("a.org")
    assert said.endswith(f"of web is not published: {why}")


@pytest.mark.parametrize(
    ("active", "health", "policy", "there"),
    [
        ("active", "healthy", Unhealthy.WITHDRAW, True),
        ("active", "unhealthy", Unhealthy.WITHDRAW, False),
        ("active", "starting", Unhealthy.WITHDRAW, False),
        ("active", "unhealthy", Unhealthy.IGNORE, True),
        ("active", "unhealthy", Unhealthy.MARK, True),
        ("activating", "", Unhealthy.IGNORE, True),
        ("failed", "", Unhealthy.IGNORE, False),
    ],
)
def test_health_decides(active: str, health: str, policy: Unhealthy, *, there: bool) -> None:
    found = published(Endpoint("a.org", 8080, health=policy), active=active, health=health)
    assert (list(found.values), len(found.left_out)) == (["web"] if there else [], 0 if there else 1)


@pytest.mark.parametrize(
    ("active", "compat", "there"), [("active", True, True), ("active", False, False), ("failed", True, False)]
)
def test_a_variable_without_a_domain_was_an_empty_array(active: str, *, compat: bool, there: bool) -> None:
    assert published(active=active, compat=compat).values == ({"web": "[]"} if there else {})


@pytest.mark.parametrize(("health", "mark"), [("unhealthy", ',"state":"unhealthy"}'), ("healthy", "}")])
def test_what_is_not_up_can_be_marked(health: str, mark: str) -> None:
    found = published(Endpoint("a.org", 8080, health=Unhealthy.MARK), health=health)
    assert (
        found.values["web"]
        == f'[{{"domain":"a.org","http":{{"host":"mars.example","port":8080}},"id":"a_org"{mark}]'
    )
