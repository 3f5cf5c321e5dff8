"""The headers of registries, as they are met in the wild."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from beacon.registry.headers import Challenge, next_link, parse_budget, parse_challenges, retry_after
from beacon.registry.results import Budget

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

CHALLENGES = {
    "docker hub": (
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
            'scope="repository:library/nginx:pull"'
        ),
        [
            (
                "bearer",
                {
                    "realm": "https://auth.docker.io/token",
                    "service": "registry.docker.io",
                    "scope": "repository:library/nginx:pull",
                },
            )
        ],
    ),
    "a comma within quotes belongs to the value": (
        'Bearer realm="https://r.example/t",scope="repository:a:pull,push",error="insufficient_scope"',
        [
            (
                "bearer",
                {
                    "realm": "https://r.example/t",
                    "scope": "repository:a:pull,push",
                    "error": "insufficient_scope",
                },
            )
        ],
    ),
    "values keep their case, names and schemes lose it": (
        'BEARER Realm="https://r.example/JWT/Auth",SERVICE="Container_Registry"',
        [("bearer", {"realm": "https://r.example/JWT/Auth", "service": "Container_Registry"})],
    ),
    "two schemes in one header": (
        'Basic realm="Harbor", Bearer realm="https://h.example/service/token",service=harbor',
        [
            ("basic", {"realm": "Harbor"}),
            ("bearer", {"realm": "https://h.example/service/token", "service": "harbor"}),
        ],
    ),
    "without quotes, with spaces": (
        "Bearer realm = https://r.example/token , service = r",
        [("bearer", {"realm": "https://r.example/token", "service": "r"})],
    ),
    "a quoted quote": ('Basic realm="say \\"friend\\""', [("basic", {"realm": 'say "friend"'})]),
    "a scheme alone": ("Negotiate, Basic", [("negotiate", {}), ("basic", {})]),
    "nothing": ("", []),
    "parameters of nobody": ('realm="x"', []),
    "an open quote": ('Bearer realm="https://r.example', [("bearer", {"realm": "https://r.example"})]),
}


@pytest.mark.parametrize(("value", "expected"), CHALLENGES.values(), ids=CHALLENGES)
def test_challenges_are_read(value: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert parse_challenges(value) == tuple(Challenge(*one) for one in expected)


LINKS = {
    "relative": ('</v2/a/tags/list?n=2&last=x>; rel="next"', "/v2/a/tags/list?n=2&last=x"),
    "absolute": ('<https://r.example/v2/?x=1>; rel="next"', "https://r.example/v2/?x=1"),
    "without quotes": ("</next>; rel=next", "/next"),
    "in another case": ('</next>; REL="NEXT"', "/next"),
    "among others": ('</first>; rel="first", </next>; rel="next", </last>; rel=last', "/next"),
    "with a comma in the address": ('</next?a=1,2>; rel="next"', "/next?a=1,2"),
    "with more to say": ('</next>; title="the, next"; rel="prefetch next"', "/next"),
    "the first page only": ('</prev>; rel="prev"', None),
    "no relation": ("</next>", None),
    "no link": ("", None),
}


@pytest.mark.parametrize(("value", "expected"), LINKS.values(), ids=LINKS)
def test_the_next_page_is_found(value: str, expected: str | None) -> None:
    assert next_link(value) == expected


PAUSES = {
    "seconds": ("120", 120.0),
    "zero": ("0", 0.0),
    "a fraction, which no standard allows": ("1.5", 1.5),
    "a date": ("Sat, 21 Nov 2026 12:01:30 GMT", 90.0),
    "a date that has passed": ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
    "a date without a zone is taken as UTC": ("Sat, 21 Nov 2026 12:00:05 -0000", 5.0),
    "nothing": ("", None),
    "something else": ("soon", None),
    "a negative number": ("-3", None),
    "a zone beyond all time": ("Sat, 21 Nov 2026 12:01:30 +99999999999999999", None),
}


@pytest.mark.parametrize(("value", "expected"), PAUSES.values(), ids=PAUSES)
def test_the_time_to_wait_is_read(value: str, expected: float | None) -> None:
    assert retry_after(value, NOW) == expected


BUDGETS = {
    "docker hub": (
        {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600"},
        Budget(76, 100, 21600),
    ),
    "a number alone": ({"ratelimit-remaining": "3"}, Budget(3)),
    "below zero is none left": ({"ratelimit-remaining": "-1;w=60"}, Budget(0, None, 60)),
    "an image that does not count": ({}, None),
    "nonsense": ({"ratelimit-remaining": "plenty"}, None),
    "more than anybody counts": ({"ratelimit-remaining": "1" * 5000}, None),
    "a limit and a window that nobody counts": (
        {"ratelimit-remaining": f"3;w={'1' * 5000}", "ratelimit-limit": "1" * 5000},
        Budget(3),
    ),
}


@pytest.mark.parametrize(("headers", "expected"), BUDGETS.values(), ids=BUDGETS)
def test_the_pull_limit_is_read(headers: dict[str, str], expected: Budget | None) -> None:
    assert parse_budget(headers) == expected
