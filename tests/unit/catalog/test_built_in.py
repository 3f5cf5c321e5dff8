"""The catalog that Beacon brings: each app is in order, with nothing and with a domain answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

import beacon.catalog
from beacon.catalog.answers import answer
from beacon.catalog.expansion import Expansion, Place, expand, surroundings
from beacon.catalog.manifest import options_of, read_manifest
from beacon.definition.decode import decode_all
from beacon.definition.tables.app import ManifestTable

FILES = sorted((Path(beacon.catalog.__file__).parent / "apps").glob("*.toml"))
SENSITIVE = re.compile(r"PASS|SECRET|TOKEN|_KEY")
HARMLESS = re.compile(r"|/run/secrets/.*|true|false|[0-9]+")


def manifest(file: Path) -> ManifestTable:
    return read_manifest(file.read_text(), file=file.name)


def expanded(app: ManifestTable, answers: Mapping[str, object]) -> Expansion:
    place = Place(
        app.app.id,
        "box",
        "Europe/Berlin",
        1000,
        1000,
        "x",
        f"/var/lib/beacon/apps/{app.app.id}/files",
        "/srv",
    )
    needed = {one.name: "example" for one in options_of(app) if one.required}
    return expand(app, answer(app, {**needed, **answers}, surroundings(place)), place, {})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_app_is_in_order(file: Path) -> None:
    app = manifest(file)
    assert app.app.id == file.stem
    for answers in ({}, {"domain": "app.example.org"} if app.web is not None else {}):
        found = expanded(app, answers)
        services = decode_all({f"{name}.toml": text for name, text in found.definitions.items()})
        for service in services:
            assert "." in service.image.registry, "images are named with their registries"
            assert service.image.tag not in {None, "latest"} or app.app.id in ROLLING, "a version is named"
            health, is_job = service.health, service.name.endswith("-cron")
            assert health.command or health.http or health.tcp or is_job, service.name
            literal = {name for name, value in service.env.items() if not HARMLESS.fullmatch(value)}
            assert not [name for name in literal if SENSITIVE.search(name)], service.name
        used = {one.name for service in services for one in service.secrets}
        assert set(found.secrets.values()) <= used, "a secret that nobody uses"


ROLLING = {"excalidraw"}
"""Their makers name no versions."""


def test_apps_do_not_want_one_port() -> None:
    wanted: Counter[tuple[int, str]] = Counter()
    for file in FILES:
        app = manifest(file)
        found = expanded(app, {})
        for service in decode_all({f"{name}.toml": text for name, text in found.definitions.items()}):
            wanted.update({(port.host_port, str(port.protocol)) for port in service.ports if port.host_port})
    dns = 53  # of which a machine has one server
    assert [port for port, count in wanted.items() if count > 1 and port[0] != dns] == []


def test_most_apps_ask_nothing() -> None:
    asking = [file.stem for file in FILES if any(one.required for one in options_of(manifest(file)))]
    assert len(asking) <= len(FILES) / 5, asking
