"""What an endpoint's URL is."""

from __future__ import annotations

import pytest

from beacon.endpoints.routing.address import url_of
from beacon.endpoints.routing.routes import Route, State, Upstream
from beacon.errors import UsageError
from beacon.model.service import Endpoint, Scheme

WEB = Endpoint("example.org", 8080, path="/app")
PLACE = Upstream("127.0.0.1", 20001)


def route(endpoint: Endpoint = WEB, place: Upstream | None = PLACE) -> Route:
    return Route("web", endpoint, State.UP, place)


@pytest.mark.parametrize(
    ("endpoint", "place", "proxied", "url"),
    [
        (WEB, PLACE, True, "https://example.org/app"),
        (Endpoint("example.org", 8080, tls=False), PLACE, True, "http://example.org/"),
        (WEB, PLACE, False, "http://127.0.0.1:20001/app"),
        (WEB, Upstream("", 80), False, "http://127.0.0.1:80/app"),
        (Endpoint("a.org", 443, scheme=Scheme.HTTPS), PLACE, False, "https://127.0.0.1:20001/"),
        (Endpoint("db.org", 5432, scheme=Scheme.TCP), Upstream("", 5432), True, "tcp://db.org:5432"),
    ],
)
def test_the_url_is_the_one_that_works(
    endpoint: Endpoint, place: Upstream, *, proxied: bool, url: str
) -> None:
    assert url_of(route(endpoint, place), endpoint.domain, proxied=proxied) == url


def test_what_the_proxy_does_not_answer_is_reached_at_its_port() -> None:
    found = url_of(route(), "example.org", proxied=True, unanswered=("no", ""))
    assert found == "http://127.0.0.1:20001/app"


def test_of_a_wildcard_it_is_the_name_that_was_asked_for() -> None:
    wildcard = route(Endpoint("*.a.internal", 80))
    assert url_of(wildcard, "b.a.internal", proxied=True) == "https://b.a.internal/"


def test_what_is_reached_nowhere_has_none() -> None:
    with pytest.raises(UsageError, match="/app has no URL") as caught:
        url_of(route(place=None), "example.org", proxied=False)
    assert caught.value.hint == "sudo beacon endpoint setup"
