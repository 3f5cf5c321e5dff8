"""The catalog that Beacon brings, as tests want it: with defaults, and with every option answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import beacon.catalog
from beacon.catalog.answers import answer
from beacon.catalog.expansion import Expansion, Place, expand, surroundings
from beacon.catalog.manifest import options_of, read_manifest
from beacon.definition.decode import decode_all
from beacon.definition.tables.answers import bound
from beacon.definition.tables.app import ManifestTable, OptionTable
from beacon.model.service import Service

FILES = sorted((Path(beacon.catalog.__file__).parent / "apps").glob("*.toml"))
NAMES = tuple(file.stem for file in FILES)

_OTHER: Mapping[str, object] = {
    "string": "other",
    "text": "two\nlines",
    "boolean": True,
    "list": ["/dev/null", "/dev/zero"],
    "email": "other@example.com",
    "url": "http://192.0.2.7:1234",
    "domain": "app.example.org",
    "path": "/mnt/other",
    "library": "/mnt/library",
    "size": "3G",
    "duration": "7m",
    "schedule": "Sun 05:00",
    "timezone": "America/Lima",
    "user": "somebody",
}
"""Answers that are nobody's default."""

_MATCHING = {r"(\d{1,3}\.){3}\d{1,3}|\[[0-9a-fA-F:]+\]": "192.0.2.5"}
"""Pattern → an answer that matches it."""


@dataclass(frozen=True)
class CatalogApp:
    """An app of the catalog."""

    name: str
    manifest: ManifestTable
    text: str

    def expanded(self, answers: Mapping[str, object], instance: str = "") -> Expansion:
        """Return what the app comes to on a machine of the system; what must be answered is."""
        place = place_of(instance or self.name)
        given = {**_needed(self.manifest), **answers}
        return expand(self.manifest, answer(self.manifest, given, surroundings(place)), place, {})

    def with_defaults(self, instance: str = "") -> Expansion:
        """Return what it comes to with as few answers as it takes."""
        return self.expanded({"domain": "app.example.org"} if self.manifest.requires.https else {}, instance)

    def with_everything(self, instance: str = "") -> Expansion:
        """Return what it comes to with each option answered, and none as by default."""
        options = [one for one in options_of(self.manifest) if one.type not in {"secret", "note"}]
        return self.expanded({one.name: other_than_default(one) for one in options}, instance)


def place_of(instance: str) -> Place:
    """Return where an app of a machine is."""
    return Place(
        instance=instance,
        host="box",
        timezone="Europe/Berlin",
        uid=1000,
        gid=1000,
        record=f"/etc/beacon/apps/{instance}.toml",
        files=f"/var/lib/beacon/apps/{instance}/files",
        libraries="/srv",
    )


def app(name: str) -> CatalogApp:
    """Return an app of the catalog."""
    text = next(file for file in FILES if file.stem == name).read_text(encoding="utf-8")
    return CatalogApp(name, read_manifest(text, file=f"{name}.toml"), text)


def services_of(expansion: Expansion) -> list[Service]:
    """Return the services that an app comes to."""
    return list(decode_all({f"{name}.toml": text for name, text in expansion.definitions.items()}))


def other_than_default(option: OptionTable) -> object:
    """Return an answer to *option* that it does not have by default."""
    if option.choices:
        return next(one for one in reversed(option.choices) if one != option.default)
    if option.pattern:
        return _MATCHING[option.pattern]
    if option.type == "boolean":
        return not option.default
    if option.type == "port":
        return 20000 + int(str(option.default or 0)) % 10000
    if option.type in {"integer", "number"}:
        wanted = int(str(option.default or option.min or 0)) + 1
        most = wanted if option.max is None else bound(option.type, option.max)
        return wanted if wanted <= most else int(most) - 1
    return _OTHER[option.type]


def _needed(manifest: ManifestTable) -> dict[str, object]:
    return {one.name: other_than_default(one) for one in options_of(manifest) if one.required}
