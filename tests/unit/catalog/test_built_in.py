"""The catalog that Beacon brings: each app is in order, with nothing and with a domain answered."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from beacon.catalog.manifest import options_of
from tests.catalog import NAMES, app, services_of

SENSITIVE = re.compile(r"PASS|SECRET|TOKEN|_KEY")
HARMLESS = re.compile(r"|/run/secrets/.*|true|false|[0-9]+")


@pytest.mark.parametrize("name", NAMES)
def test_an_app_is_in_order(name: str) -> None:
    found = app(name)
    assert found.manifest.app.id == name
    for made in (found.with_defaults(), found.with_everything()):
        services = services_of(made)
        for service in services:
            assert "." in service.image.registry, "images are named with their registries"
            assert service.image.tag not in {None, "latest"} or name in ROLLING, "a version is named"
            health = service.health
            assert health.command or health.http or health.tcp, service.name
            literal = {name for name, value in service.env.items() if not HARMLESS.fullmatch(value)}
            assert not [name for name in literal if SENSITIVE.search(name)], service.name
        used = {one.name for service in services for one in service.secrets}
        assert set(made.secrets.values()) <= used, "a secret that nobody uses"


ROLLING = {"excalidraw"}
"""Their makers name no versions."""


def test_apps_do_not_want_one_port() -> None:
    wanted: Counter[tuple[int, str]] = Counter()
    for name in NAMES:
        for service in services_of(app(name).with_defaults()):
            wanted.update({(port.host_port, str(port.protocol)) for port in service.ports if port.host_port})
    dns = 53  # of which a machine has one server
    assert [port for port, count in wanted.items() if count > 1 and port[0] != dns] == []


def test_most_apps_ask_nothing() -> None:
    asking = [name for name in NAMES if any(one.required for one in options_of(app(name).manifest))]
    assert len(asking) <= len(NAMES) / 5, asking
