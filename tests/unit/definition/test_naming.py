"""Names that nobody has to think of."""

from __future__ import annotations

from itertools import islice

import pytest

from beacon.definition.beacon_toml import decode_settings
from beacon.definition.conflicts import Precedence, conflicts
from beacon.definition.decode import decode
from beacon.definition.endpoints.claims import own_problems
from beacon.definition.endpoints.domains import domain_name
from beacon.definition.endpoints.memorable import COUNT, asks, choose_domain, may_ask, names, with_domain
from beacon.errors import ConfigError
from beacon.model.reference import ImageReference
from beacon.model.service import Endpoint, Service

IMAGE = ImageReference.parse("registry.example/web:1")


def test_there_are_more_than_ten_thousand_and_each_comes_once() -> None:
    found = list(islice(names("web"), COUNT))
    assert COUNT >= 100 * 100
    assert len(set(found)) == COUNT
    assert all(len(name.split("-")) == 2 and domain_name(f"{name}.example.org") for name in found)
    assert max(map(len, found)) < 20


def test_the_same_seed_gives_the_same_names_and_neighbours_have_nothing_in_common() -> None:
    assert list(islice(names("web"), 5)) == list(islice(names("web"), 5))
    assert next(names("web")) != next(names("shop"))
    first, second = (set(name.split("-")) for name in islice(names("web"), 2))
    assert not first & second


def test_when_all_are_taken_there_are_more() -> None:
    every = {f"{name}.a.org" for name in islice(names("x"), COUNT)}
    assert choose_domain("a.org", "x", every.__contains__) == f"{next(names('x'))}-2.a.org"


def test_a_name_goes_wherever_one_is_asked_for() -> None:
    endpoints = (Endpoint("auto", 80), Endpoint("auto", 81, path="/api"), Endpoint("example.org", 80))
    service = with_domain(Service("web", IMAGE, endpoints=endpoints), "brave-otter.a.org")
    assert [one.domain for one in service.endpoints] == ["brave-otter.a.org"] * 2 + ["example.org"]
    assert not asks(service)


@pytest.mark.parametrize(
    ("text", "asking"),
    [
        ('domain = "auto"', True),
        ('domain = "example.org Auto:http=8080"', True),
        ('endpoint = [{ domain = "auto", port = 80 }]', True),
        ('domain = "example.org"', False),
        ("", False),
    ],
)
def test_a_quick_look_misses_nobody_who_asks(text: str, asking: bool) -> None:  # noqa: FBT001 -- a column
    service = decode(f'image = "registry.example/web:1"\n{text}\n', name="web", file="web.toml")
    assert may_ask(service, {}, {}) is asking
    assert may_ask(service, {"io.beacon.endpoints": "auto"}, {})
    assert may_ask(service, {}, {"BEACHHEAD_DOMAINS": "auto"})


def test_two_services_may_ask_and_one_asks_once_for_each_path() -> None:
    one, other = (Service(name, IMAGE, domain="auto") for name in ("one", "other"))
    assert list(conflicts({"one.toml": one, "other.toml": other}, Precedence())) == []
    twice = Service("web", IMAGE, domain="auto auto")
    assert [problem for _, problem in own_problems(twice)] == ["must not name auto again"]


def test_the_base_domain_is_a_domain() -> None:
    said = decode_settings('base_domain = "Apps.Example.org"', file="beacon.toml")
    assert said.base_domain == "apps.example.org"
    for wrong in ("*.example.org", "a b", "x." * 120 + "org"):
        with pytest.raises(ConfigError, match="base_domain: must be a domain"):
            decode_settings(f'base_domain = "{wrong}"', file="beacon.toml")
