"""Domains and their compact form: strictly, and as beachhead-companion read it."""

from __future__ import annotations

import pytest

from beacon.definition.endpoints.domains import domain_name, read_compact, redirect_target
from beacon.model.service import Endpoint, Scheme

BOTH = (80, 443)
Ports = tuple[int | None, int | None]


def companion(text: str) -> list[tuple[str, Ports]]:
    """Return domain, and its ports for http and https, in the order of the text."""
    endpoints, problems = read_compact(text, compat=True)
    assert problems == ()
    found: dict[str, list[int | None]] = {}
    for one in endpoints:
        ports = found.setdefault(one.domain, [None, None])
        ports[one.scheme is Scheme.HTTPS] = one.port
    return [(domain, (ports[0], ports[1])) for domain, ports in found.items()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="1"),
        pytest.param("example.org", [("example.org", BOTH)], id="2"),
        pytest.param("example.org.", [("example.org", BOTH)], id="3"),
        pytest.param("example.org:http", [("example.org", (80, None))], id="4"),
        pytest.param("example.org:https", [("example.org", (None, 443))], id="5"),
        pytest.param("example.org:http=8080:https=8043", [("example.org", (8080, 8043))], id="6"),
        pytest.param(
            "example.org:http:https=8043 admin.example.org:https=9043 www.example.org",
            [("example.org", (80, 8043)), ("admin.example.org", (None, 9043)), ("www.example.org", BOTH)],
            id="7",
        ),
        pytest.param(
            "admin-internal.example.org:http=8080:https=8043",
            [("admin-internal.example.org", (8080, 8043))],
            id="8",
        ),
        pytest.param(
            "example.org www.example.org", [("example.org", BOTH), ("www.example.org", BOTH)], id="9"
        ),
        pytest.param("!!*&^$#$:", [], id="10"),
        pytest.param(
            "example.org admin.example.org:https app.example.org:http=8080:https=8043",
            [("example.org", BOTH), ("admin.example.org", (None, 443)), ("app.example.org", (8080, 8043))],
            id="11",
        ),
        pytest.param("example.org:", [("example.org", BOTH)], id="12"),
        pytest.param("example.org:8080", [("example.org", BOTH)], id="13"),
        pytest.param("example.org:HTTP=8080", [("example.org", (8080, None))], id="14"),
        pytest.param("EXAMPLE.Org", [("EXAMPLE.Org", BOTH)], id="15"),
        pytest.param("example.org:https=8443:http=8080", [("example.org", (8080, 8443))], id="16"),
        pytest.param("example.org:http=8080:http=9090", [("example.org", (9090, None))], id="17"),
        pytest.param("example.org::http", [("example.org", (80, None))], id="19"),
        pytest.param("example.org:tls", [("example.org", BOTH)], id="21"),
        pytest.param("example.org:http=0", [("example.org", (0, None))], id="28"),
        pytest.param("example.org:http=+8080", [("example.org", (8080, None))], id="29"),
        pytest.param("example.org :http", [("example.org", BOTH), ("http", BOTH)], id="35"),
        pytest.param(
            "example.org,www.example.org", [("example.org", BOTH), ("www.example.org", BOTH)], id="36"
        ),
        pytest.param("  example.org  ", [("example.org", BOTH)], id="39"),
        pytest.param("*.example.org", [("example.org", BOTH)], id="40"),
        pytest.param("my_app.example.org", [("app.example.org", BOTH)], id="43"),
        pytest.param("localhost", [("localhost", BOTH)], id="44"),
        pytest.param("ab", [], id="45"),
        pytest.param("example.org..", [("example.org", BOTH)], id="48"),
        pytest.param("http://example.org", [("http", BOTH)], id="52"),
        pytest.param("example.org/path", [("example.org", BOTH), ("path", BOTH)], id="54"),
        pytest.param("münchen.de", [("nchen.de", BOTH)], id="57"),
        pytest.param("xn--mnchen-3ya.de", [("xn--mnchen-3ya.de", BOTH)], id="57, punycode"),
        pytest.param('"example.org"', [("example.org", BOTH)], id="58"),
    ],
)
def test_compat_reads_as_beachhead_companion_did(text: str, expected: list[tuple[str, Ports]]) -> None:
    assert companion(text) == expected


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param("example.org:http=", "cannot parse integer from empty string", id="23"),
        pytest.param("example.org:http=abc", "invalid digit found in string", id="24"),
        pytest.param("example.org:http=-1", "invalid digit found in string", id="25"),
        pytest.param("example.org:http=+", "invalid digit found in string", id="a sign alone"),
        pytest.param("example.org:http=65536", "number too large to fit in target type", id="27"),
        pytest.param("example.org:http=8080=9", "invalid digit found in string", id="31"),
        pytest.param("example.org:http=8080,https=8443", "invalid digit found in string", id="32"),
    ],
)
def test_compat_gives_all_up_for_one_wrong_port_as_beachhead_companion_did(text: str, cause: str) -> None:
    endpoints, (problem,) = read_compact(f"www.example.org {text}", compat=True)
    assert endpoints == ()
    assert problem.startswith(f"must be a port: {cause}\n")


def strict(text: str) -> tuple[Endpoint, ...]:
    endpoints, problems = read_compact(text, compat=False)
    assert problems == ()
    return endpoints


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("example.org", [Endpoint("example.org")]),
        ("EXAMPLE.Org.", [Endpoint("example.org")]),
        ("example.org:HTTPS", [Endpoint("example.org", scheme=Scheme.HTTPS)]),
        (
            "  example.org:http=8080:https=8043\tab ",
            [
                Endpoint("example.org", 8080),
                Endpoint("example.org", 8043, scheme=Scheme.HTTPS),
                Endpoint("ab"),
            ],
        ),
        ("*.example.org", [Endpoint("*.example.org")]),
        ("münchen.de *.MÜNCHEN.de", [Endpoint("xn--mnchen-3ya.de"), Endpoint("*.xn--mnchen-3ya.de")]),
    ],
)
def test_what_is_meant_is_read(text: str, expected: list[Endpoint]) -> None:
    assert list(strict(text)) == expected


@pytest.mark.parametrize(
    ("text", "problem", "mark"),
    [
        ("!!*&^$#$:", "must be a domain such as", "^~~~~~~~"),
        ("example.org:", "must have no ':' without http or https behind it", "           ^"),
        ("example.org:8080", "must say what the port is for: http=8080 or https=8080", "            ^~~~"),
        (
            "example.org:http=1:http=2",
            "must be said once: http is there already",
            "                   ^~~~~~",
        ),
        ("example.org::http", "must have no ':' without", "           ^"),
        ("example.org:tls", "must be http or https, not 'tls'", "            ^~~"),
        ("example.org:htp", "did you mean 'http'?", "            ^~~"),
        ("example.org:http=", "must be a port from 1 to 65535, not ''", "                 ^"),
        ("example.org:http=abc", "must be a port from 1 to 65535, not 'abc'", "                 ^~~"),
        ("example.org:http=65536", "not '65536'", "                 ^~~~~"),
        ("example.org:http=0", "not '0'", "                 ^"),
        ("example.org:http=+8080", "not '+8080'", "                 ^~~~~"),
        ("example.org:http=80,https=443", "separated from the next by a space", "                   ^"),
        ("example.org :http", "must have its domain right in front", "            ^~~~~"),
        ("example.org http", "must be right behind its domain", "            ^~~~"),
        ("example.org,www.example.org", "separated from the next by a space", "           ^"),
        ("my_app.example.org", "must be a domain such as", "^~~~~~~~~~~~~~~~~~"),
        ("example.org..", "must be a domain such as", "^~~~~~~~~~~~~"),
        ("http://example.org", "must be a domain without a scheme in front", "^~~~~~~"),
        ("example.org/path", "must be without a path", "           ^~~~~"),
        ('"example.org"', "must be without quotes", "^"),
        ("www.*.org", "must be a domain such as", "^~~~~~~~~"),
        ("192.0.2.1", "must be a domain, not an address", "^~~~~~~~~"),
        ("ab\u202e.org", "must be a domain that DNS can have", "^~~~~~~"),
    ],
)
def test_what_was_misread_in_silence_is_a_problem_that_shows_the_place(
    text: str, problem: str, mark: str
) -> None:
    _, problems = read_compact(text, compat=False)
    sentence, shown, caret = next(said for said in problems if problem in said).splitlines()
    assert problem in sentence
    assert shown.removeprefix("    ") in {text, "ab?.org"}
    assert caret == f"    {mark}"


def test_all_problems_come_at_once() -> None:
    endpoints, problems = read_compact("a.org:8080:tls b_.org c.org d.org/x", compat=False)
    assert len(problems) == 4
    assert endpoints == (Endpoint("c.org"),)


def test_in_a_long_text_the_word_alone_is_shown() -> None:
    text = " ".join(f"host{number}.example.org" for number in range(20)) + " x.org:tls\ny.org"
    _, (problem,) = read_compact(text, compat=False)
    assert problem.splitlines()[1:] == ["    x.org:tls", "          ^~~"]


@pytest.mark.parametrize(
    "name", ["", ".", "*", "*.", "a..b", "-a.org", "a" * 64, "é" * 70, "a." * 127 + "org"]
)
def test_what_dns_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        domain_name(name)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Example.org", "example.org"),
        ("https://Example.org/Shop?a=b", "https://example.org/Shop?a=b"),
        ("http://example.org:8080", "http://example.org:8080"),
    ],
)
def test_a_redirect_leads_to_a_domain_or_a_url(written: str, meant: str) -> None:
    assert redirect_target(written) == meant


@pytest.mark.parametrize(
    "written", ["ftp://example.org", "https://", "https://a.org:x", "/path", "https://a b/"]
)
def test_a_redirect_to_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        redirect_target(written)
