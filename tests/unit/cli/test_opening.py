"""What an endpoint's URL is, and what would show it."""

from __future__ import annotations

import pytest

from beacon.cli.endpoint.open import browsers
from beacon.doctor.chain import Managed
from beacon.endpoints.routes import Place, Route, State
from beacon.errors import UsageError
from beacon.model.service import Endpoint, Scheme
from beacon.operations.endpoints.address import url_of

WEB = Endpoint("example.org", 8080, path="/app")
PLACE = Place("127.0.0.1", 20001)
THERE = Managed(installed=True, there=True)


def route(endpoint: Endpoint = WEB, place: Place | None = PLACE) -> Route:
    return Route("web", endpoint, State.UP, place)


@pytest.mark.parametrize(
    ("endpoint", "place", "proxy", "url"),
    [
        (WEB, PLACE, THERE, "https://example.org/app"),
        (Endpoint("example.org", 8080, tls=False), PLACE, THERE, "http://example.org/"),
        (WEB, PLACE, Managed(), "http://127.0.0.1:20001/app"),
        (WEB, Place("", 80), Managed(), "http://127.0.0.1:80/app"),
        (WEB, PLACE, Managed(there=True, left_out="no"), "http://127.0.0.1:20001/app"),
        (Endpoint("a.org", 443, scheme=Scheme.HTTPS), PLACE, Managed(), "https://127.0.0.1:20001/"),
        (Endpoint("db.org", 5432, scheme=Scheme.TCP), Place("", 5432), THERE, "tcp://db.org:5432"),
    ],
)
def test_the_url_is_the_one_that_works(endpoint: Endpoint, place: Place, proxy: Managed, url: str) -> None:
    assert url_of(route(endpoint, place), endpoint.domain, proxy) == url


def test_of_a_wildcard_it_is_the_name_that_was_asked_for() -> None:
    assert url_of(route(Endpoint("*.a.internal", 80)), "b.a.internal", THERE) == "https://b.a.internal/"


def test_what_is_reached_nowhere_has_none() -> None:
    with pytest.raises(UsageError, match="/app has no URL") as caught:
        url_of(route(place=None), "example.org", Managed())
    assert caught.value.hint == "sudo beacon endpoint setup"


@pytest.mark.parametrize(
    ("environment", "commands"),
    [
        ({}, []),
        ({"DISPLAY": ":0"}, [["xdg-open", "%s"]]),
        ({"WAYLAND_DISPLAY": "wayland-0"}, [["xdg-open", "%s"]]),
        ({"BROWSER": "w3m:lynx -url %s"}, [["w3m", "%s"], ["lynx", "-url", "%s"]]),
        ({"BROWSER": "'w3m", "DISPLAY": ":0"}, [["xdg-open", "%s"]]),
    ],
)
def test_a_browser_is_one_that_somebody_can_see(
    environment: dict[str, str], commands: list[list[str]]
) -> None:
    assert list(browsers(environment)) == commands
