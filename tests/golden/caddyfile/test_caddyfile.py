"""Routes become exactly the expected Caddyfiles."""

from __future__ import annotations

import pytest

from beacon.endpoints.routing.caddyfile import LeftOut
from beacon.model.service import Endpoint
from beacon.reconcile.reached import url
from beacon.units.mark import read_mark
from tests.golden.caddyfile.cases import CASES, expected, made


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden", default=False):
        expected(name).parent.mkdir(exist_ok=True)
        expected(name).write_text(made(name).text(), encoding="utf-8")
    text = made(name).text()
    assert text == expected(name).read_text(encoding="utf-8")
    mark = read_mark(text)
    assert mark is not None
    assert mark.intact


def test_there_is_a_case_for_every_file() -> None:
    assert {path.stem for path in expected("nothing").parent.iterdir()} == set(CASES)


def test_what_is_left_out_is_told_with_the_reason() -> None:
    wildcard, path, unpublished = made("left_out").left_out
    assert (wildcard.claim, wildcard.mend.split(":")[0]) == (
        "*.example.org",
        "name the domains one by one, or set tls = false",
    )
    assert path.why == "a Caddyfile cannot hold its path"
    assert unpublished == LeftOut("web", "b.example.org", "port 80 is not published", "do so")


def test_a_site_that_is_not_wanted_leaves_the_others_as_they_were() -> None:
    case = made("paths")
    text = case.text(without={"api.example.org"})
    assert "api.example.org" not in text
    assert [site.address for site in case.sites if site.text not in text] == ["api.example.org"]


def test_what_people_type() -> None:
    assert url(Endpoint("a.org", 80, "/x")) == "https://a.org/x"
    assert url(Endpoint("a.org", 80, tls=False)) == "http://a.org/"
