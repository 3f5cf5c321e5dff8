"""Which endpoints are meant by a word."""

from __future__ import annotations

import pytest

from beacon.endpoints.routing.meaning import choose, meant
from beacon.endpoints.routing.routes import Route, State
from beacon.errors import NoSuchServiceError
from beacon.model.service import Endpoint

WEB = Route("web", Endpoint("example.org", 8080), State.UP)
API = Route("api", Endpoint("example.org", 8081, path="/api"), State.UP)
ANY = Route("any", Endpoint("*.example.org", 8082), State.UP)
OWN = Route("own", Endpoint("own.example.org", 8083), State.UP)
ALL = (ANY, WEB, API, OWN)


@pytest.mark.parametrize(
    ("word", "those"),
    [
        ("example.org", [(WEB, "example.org"), (API, "example.org")]),
        ("Example.ORG.", [(WEB, "example.org"), (API, "example.org")]),
        ("https://example.org/api", [(WEB, "example.org"), (API, "example.org")]),
        ("api", [(API, "example.org")]),
        ("any", [(ANY, "beacon-check.example.org")]),
        ("*.example.org", [(ANY, "beacon-check.example.org")]),
        ("own.example.org", [(OWN, "own.example.org")]),
        ("other.example.org", [(ANY, "other.example.org")]),
        ("deep.other.example.org", []),
        ("example.net", []),
        ("no domain", []),
    ],
)
def test_a_domain_a_service_or_the_wildcard_above_is_meant(word: str, those: list[tuple[Route, str]]) -> None:
    assert meant(ALL, word) == those


def test_without_words_all_are_meant() -> None:
    assert [route for route, _ in choose(ALL, (), dict)] == list(ALL)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("exmple.org", "did you mean 'example.org'?"),
        ("new", "new has it in its definition, which was not applied: beacon apply new"),
        ("new.org", "new has it in its definition, which was not applied: beacon apply new"),
        ("none", 'none has no endpoints; domain = "example.org" in its definition makes one'),
        ("xyz", "beacon endpoint list shows them"),
    ],
)
def test_of_a_word_that_means_none_it_is_said_what_mends_it(word: str, hint: str) -> None:
    texts = {
        "bad": "image =",
        "new": 'image = "a.org/b:1"\ndomain = "new.org"\n',
        "none": 'image = "a.org/b:1"\n',
    }
    with pytest.raises(NoSuchServiceError, match=f"no endpoint is called '{word}'") as caught:
        choose(ALL, [word], lambda: texts)
    assert caught.value.hint == hint
