"""Whether a Caddyfile takes Beacon's file in."""

from __future__ import annotations

import pytest

from beacon.endpoints.proxy.caddy import imports_own


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import beacon.caddy", True),
        ("example.org {\n}\n\n  import  /etc/caddy/beacon.caddy\n", True),
        ("import *.caddy", True),
        ('import "beacon.caddy"', True),
        ("# import beacon.caddy", False),
        ("import sites/*", False),
        ("import /srv/beacon.caddy", False),
        ("", False),
    ],
)
def test_beacon_s_file_is_imported(text: str, expected: bool) -> None:  # noqa: FBT001
    assert imports_own(text) is expected
