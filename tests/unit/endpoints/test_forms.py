"""What is told to a store in forms other than beachhead-companion's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from beacon.endpoints.routing.forms import Formats
from beacon.endpoints.routing.routes import RunningService, routes
from beacon.endpoints.routing.stores import Contents, contents_of, stores
from beacon.errors import ConfigError
from beacon.formats.template import fill
from beacon.formats.yaml import write_document
from beacon.model.endpoints.publication import FileAccess, Publication, RedisAccess
from beacon.model.reference import ImageReference
from beacon.model.runtime import UnitState
from beacon.model.service import Endpoint, Port, Scheme, Service, Unhealthy

IMAGE = ImageReference.parse("ghcr.io/me/web:1")
PORTS = (Port(8000, 8000, count=100),)


def published(
    *publications: Publication,
    machine: str = "mars",
    active: str = "active",
    template: str = "",
    **services: Sequence[Endpoint],
) -> Contents:
    running = {
        name: RunningService(
            Service(name, IMAGE, ports=PORTS, endpoints=tuple(endpoints)),
            UnitState(f"beacon-{name}.service", active=active),
        )
        for name, endpoints in services.items()
    }
    return contents_of(
        stores(publications),
        running,
        routes(running),
        machine,
        Formats(fill, write_document, lambda _: template),
    )


def values(*publications: Publication, **how: Any) -> Mapping[str, str]:  # noqa: ANN401  # as told
    (entries,) = published(*publications, **how).entries.values()
    return {key: entry.value for key, entry in entries.items()}


def traefik(**keys: Any) -> Publication:  # noqa: ANN401  # as Publication
    return Publication("publish.traefik", RedisAccess(), "traefik", prefix="traefik", expire=60, **keys)


def redis(**keys: Any) -> Publication:  # noqa: ANN401  # as Publication
    return Publication("publish.redis", RedisAccess(), prefix="/", **keys)


def file(form: str, template: str | None = None) -> Publication:
    return Publication("publish.file", FileAccess("/e"), form, template=template)


def test_traefik_reads_routers_services_and_middlewares() -> None:
    found = values(
        traefik(entrypoints=("websecure",), certresolver="le"),
        web=[
            Endpoint("example.org", 8080),
            Endpoint("example.org", 8081, path="/api", scheme=Scheme.H2C, tls=False),
            Endpoint("*.x.org", 8043, scheme=Scheme.HTTPS),
            Endpoint("old.org", redirect="example.org"),
        ],
    )
    web, api, below = "mars_web_example_org", "mars_web_example_org_api", "mars_web___x_org__https"
    old = "mars_web_old_org"
    assert found == {
        f"traefik/http/routers/{web}/rule": "Host(`example.org`)",
        f"traefik/http/routers/{web}/priority": "10001",
        f"traefik/http/routers/{web}/service": web,
        f"traefik/http/routers/{web}/entrypoints/0": "websecure",
        f"traefik/http/routers/{web}/tls": "true",
        f"traefik/http/routers/{web}/tls/certresolver": "le",
        f"traefik/http/services/{web}/loadbalancer/servers/0/url": "http://127.0.0.1:8080",
        f"traefik/http/routers/{api}/rule": "Host(`example.org`) && (Path(`/api`) || PathPrefix(`/api/`))",
        f"traefik/http/routers/{api}/priority": "10004",
        f"traefik/http/routers/{api}/service": api,
        f"traefik/http/routers/{api}/entrypoints/0": "websecure",
        f"traefik/http/services/{api}/loadbalancer/servers/0/url": "h2c://127.0.0.1:8081",
        f"traefik/http/routers/{below}/rule": r"HostRegexp(`^[^.]+\.x\.org$`)",
        f"traefik/http/routers/{below}/priority": "1",
        f"traefik/http/routers/{below}/service": below,
        f"traefik/http/routers/{below}/entrypoints/0": "websecure",
        f"traefik/http/routers/{below}/tls": "true",
        f"traefik/http/routers/{below}/tls/certresolver": "le",
        f"traefik/http/services/{below}/loadbalancer/servers/0/url": "https://127.0.0.1:8043",
        f"traefik/http/routers/{old}/rule": "Host(`old.org`)",
        f"traefik/http/routers/{old}/priority": "10001",
        f"traefik/http/routers/{old}/service": "noop@internal",
        f"traefik/http/routers/{old}/middlewares/0": old,
        f"traefik/http/routers/{old}/entrypoints/0": "websecure",
        f"traefik/http/routers/{old}/tls": "true",
        f"traefik/http/routers/{old}/tls/certresolver": "le",
        f"traefik/http/middlewares/{old}/redirectregex/regex": "^(https?)://[^/]+/(.*)",
        f"traefik/http/middlewares/{old}/redirectregex/replacement": "${1}://example.org/${2}",
    }


def test_traefik_asks_a_domain_before_a_wildcard_and_a_longer_path_before_a_shorter_one() -> None:
    domains = [("*.example.org", "/"), ("*.example.org", "/a/long/path"), ("a.example.org", "/")]
    found = values(
        traefik(),
        web=[Endpoint(domain, 8080, path=path) for domain, path in [*domains, ("a.example.org", "/api")]],
    )
    priorities = [int(value) for key, value in found.items() if key.endswith("/priority")]
    assert len(set(priorities)) == 4
    assert priorities == sorted(priorities)


def test_traefik_tells_endpoints_apart_that_look_alike() -> None:
    paths = ["/", "/v1/x", "/v1_x", "/v1.x", "/https", "/v1/x/allow"]
    alike = [Endpoint("a.org", 8080, path=path, allow=("::1",)) for path in paths]
    alike += [
        Endpoint("a.org", 8043, scheme=Scheme.HTTPS),
        Endpoint("a.org", redirect="b.org", path="/v1/x__allow"),
    ]
    found = values(traefik(), web=alike)
    assert sum(key.endswith("/rule") for key in found) == len(alike)
    middlewares = {key.split("/")[3] for key in found if key.startswith("traefik/http/middlewares/")}
    assert len(middlewares) == len(alike) - 1


def test_traefik_is_told_who_may_ask() -> None:
    asked = "http://127.0.0.1:9091/verify"
    found = values(
        traefik(),
        web=[
            Endpoint("a.org", 8080, allow=("10.0.0.0/8", "::1"), basic_auth=("anna:$2a$x",), hsts=True),
            Endpoint("b.org", 8080, forward_auth=asked, forward_headers=("Remote-User",)),
        ],
    )
    a, b = "mars_web_a_org", "mars_web_b_org"
    middlewares = {key: value for key, value in found.items() if "middlewares" in key}
    assert middlewares == {
        f"traefik/http/routers/{a}/middlewares/0": f"{a}__allow",
        f"traefik/http/routers/{a}/middlewares/1": f"{a}__login",
        f"traefik/http/routers/{a}/middlewares/2": f"{a}__hsts",
        f"traefik/http/middlewares/{a}__allow/ipallowlist/sourcerange/0": "10.0.0.0/8",
        f"traefik/http/middlewares/{a}__allow/ipallowlist/sourcerange/1": "::1",
        f"traefik/http/middlewares/{a}__login/basicauth/users/0": "anna:$2a$x",
        f"traefik/http/middlewares/{a}__hsts/headers/stsseconds": "31536000",
        f"traefik/http/routers/{b}/middlewares/0": f"{b}__asked",
        f"traefik/http/middlewares/{b}__asked/forwardauth/address": asked,
        f"traefik/http/middlewares/{b}__asked/forwardauth/authresponseheaders/0": "Remote-User",
    }


def test_two_machines_and_two_users_never_write_one_key() -> None:
    endpoints = [Endpoint("example.org", 8080)]
    for publication in (traefik(), redis()):
        keys = [
            set(values(publication, machine=machine, web=endpoints))
            for machine in ("mars", "venus", "a@mars")
        ]
        assert not keys[0] & keys[1] | keys[0] & keys[2]
        assert not any("@" in key for key in keys[2]) or publication.form != "traefik"


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (Endpoint("a.org", 8080, internal=True), "the format has no internal endpoints"),
        (Endpoint("a.org", 8080, scheme=Scheme.UDP), "port 8080/udp is not published"),
        (Endpoint("a.org", 8080, scheme=Scheme.TCP), "needs an entry point of its own for each tcp endpoint"),
        (Endpoint("a.org", 8080, path="/x`) || Host(`b.org"), "a rule of Traefik cannot hold its path"),
        (
            Endpoint("a.org", 8080, health=Unhealthy.MARK),
            "the service is starting, and the format has no mark",
        ),
    ],
)
def test_what_traefik_has_no_place_for_is_told(endpoint: Endpoint, why: str) -> None:
    active = "activating" if endpoint.health is Unhealthy.MARK else "active"
    found = published(traefik(), active=active, web=[endpoint])
    assert dict(found.entries) == {"redis://localhost:6379/0": {}}
    assert why in found.left_out[0]


def test_templates_of_key_and_value() -> None:
    endpoints = [Endpoint("example.org", 8080), Endpoint("www.example.org", 8081, path="/x")]
    by_service = redis(
        key="{{ service }}@{{ machine }}", value="{{ endpoints | map(attribute='address') | join(' ') }}"
    )
    assert values(by_service, web=endpoints) == {"/web@mars": "127.0.0.1:8080 127.0.0.1:8081"}
    by_endpoint = redis(key="{{ machine }}/{{ id }}", each="endpoint", value="{{ host }} {{ state }}")
    assert values(by_endpoint, web=endpoints) == {
        "/mars/example_org": "127.0.0.1 up",
        "/mars/www_example_org": "127.0.0.1 up",
    }
    (value,) = values(redis(key="{{ domain }}", each="endpoint"), web=endpoints[1:]).values()
    assert json.loads(value) == {
        "address": "127.0.0.1:8081",
        "domain": "www.example.org",
        "host": "127.0.0.1",
        "id": "www_example_org",
        "internal": False,
        "machine": "mars",
        "path": "/x",
        "port": 8081,
        "redirect": None,
        "restricted": False,
        "scheme": "http",
        "service": "web",
        "state": "up",
        "tls": None,
    }
    assert value == json.dumps(json.loads(value), sort_keys=True, separators=(",", ":"))


def test_files_hold_everything() -> None:
    endpoints = [Endpoint("münchen.example", 8080, internal=True), Endpoint("old.org", redirect="new.org")]
    (as_json,) = values(file("json"), web=endpoints, db=[]).values()
    body = json.loads(as_json)
    assert [one["domain"] for one in body["endpoints"]] == ["münchen.example", "old.org"]
    assert (body["machine"], body["endpoints"][1]["redirect"]) == ("mars", "new.org")
    (as_yaml,) = values(file("yaml"), web=endpoints).values()
    assert yaml.safe_load(as_yaml) == body
    template = "{% for one in endpoints %}\n{{ one.domain }} {{ one.address }}\n{% endfor %}"
    (text,) = values(file("template", "/t"), template=template, web=endpoints).values()
    assert text == "münchen.example 127.0.0.1:8080\nold.org \n"
    assert values(file("json")) == {"/e": '{\n  "machine": "mars",\n  "endpoints": []\n}\n'}


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{{ nothing }}", "publish.redis.value: 'nothing' is undefined"),
        ("{% if %}", "publish.redis.value, line 1: "),
        ("{{ 1 // 0 }}", "publish.redis.value: integer division"),
        ("{{ [].pop() }}", "publish.redis.value: pop from empty list (IndexError)"),
        ('{{ "%(h)s" | format(x=1) }}', "publish.redis.value: 'h' (KeyError)"),
        ('{{ service.encode("utf8x") }}', "publish.redis.value: unknown encoding: utf8x (LookupError)"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "publish.redis.value: maximum recursion"),
        (r'{{ "\ud800" }}', "publish.redis.value: 'utf-8' codec can't encode"),
    ],
)
def test_a_template_that_makes_no_sense_keeps_no_other_store_from_its_own(template: str, fault: str) -> None:
    other = Publication("publish.file", FileAccess("/e"), "json")
    found = published(redis(value=template), other, web=[Endpoint("example.org", 8080)])
    assert list(found.entries) == ["/e"]
    error = found.errors["redis://localhost:6379/0"]
    assert isinstance(error, ConfigError)
    assert error.message.startswith(fault)


def test_what_several_tables_tell_one_store_is_one_thing() -> None:
    found = published(redis(), traefik(), web=[Endpoint("example.org", 8080)])
    (entries,) = found.entries.values()
    assert {key.partition("/")[0] for key in entries} == {"", "traefik"}
    assert (entries["/mars:web"].expire, found.endpoints, found.services) == (0, 1, 1)
