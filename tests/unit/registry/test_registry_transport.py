"""What belongs to one host, and what went wrong when no answer came."""

from __future__ import annotations

import pytest

from beacon.registry.transport import origin

ORIGINS = {
    "the port that goes without saying": ("https://r.example:443/v2/", "https://r.example/x", True),
    "another case": ("HTTPS://R.Example/v2/", "https://r.example", True),
    "another port": ("https://r.example:5000/", "https://r.example/", False),
    "without TLS": ("http://r.example/", "https://r.example/", False),
    "a host below": ("https://cdn.r.example/", "https://r.example/", False),
    "the name as a user of another host": ("https://r.example@evil.example/", "https://r.example/", False),
}


@pytest.mark.parametrize(("one", "another", "same"), ORIGINS.values(), ids=ORIGINS)
def test_logins_belong_to_scheme_host_and_port(one: str, another: str, *, same: bool) -> None:
    assert (origin(one) == origin(another)) is same
