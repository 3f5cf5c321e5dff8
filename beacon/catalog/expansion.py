"""What an app with its answers comes to: ordinary definitions, files, and what its owner is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from msgspec import Struct

from beacon.catalog.answers import Answered
from beacon.catalog.manifest import options_of
from beacon.definition.encode import as_toml
from beacon.definition.tables.answers import Value
from beacon.definition.tables.app import FileTable, ManifestTable, WebTable
from beacon.formats.expressions import filled, holds

Table = dict[str, Any]


class Place(Struct, frozen=True):
    """Where an app is installed."""

    instance: str
    """Its name here; that of its main service."""
    host: str
    """How people reach the machine."""
    timezone: str
    uid: int
    gid: int
    record: str
    """The file in which its owner adds to it."""
    files: str
    """The folder of its files."""
    libraries: str
    """The folder of shared folders such as media."""


class Expansion(Struct, frozen=True):
    """An app as this machine has it."""

    definitions: Mapping[str, str]
    """Name of a service → text of its definition."""
    files: Mapping[str, tuple[str, int]]
    """Path → text and mode."""
    folders: tuple[str, ...]
    """Libraries that services mount."""
    secrets: Mapping[str, str]
    """Option → name of the secret."""
    url: str
    text: str
    login: str


def expand(manifest: ManifestTable, answered: Answered, place: Place, own: Mapping[str, Table]) -> Expansion:
    """Return what *manifest* comes to; *own* is what its owner adds to each service, by its name there."""
    names = names_for(manifest, answered, place)
    files = [one for one in manifest.file if holds(one.when, names)]
    texts = {_file_path(one, names, place): (_text(one.content, names), int(one.mode, 8)) for one in files}
    definitions = {}
    for service, table in manifest.service.items():
        made = cast("Table", _kept(filled(_pruned(table, names), names)))
        if manifest.web is not None and service == manifest.web.service:
            _publish(made, manifest.web, answered)
        for one in files:
            if one.service == service:
                mounted = {"host": _file_path(one, names, place), "path": one.path, "read_only": True}
                made.setdefault("volume", []).append(mounted)
        made = _merged(made, own.get(service, {}))
        definitions[service_name(place.instance, service)] = _written(manifest, place, made)
    return Expansion(
        definitions=definitions,
        files=texts,
        folders=tuple(libraries_of(manifest, answered, place).values()),
        secrets=secrets_of(answered, place),
        url=_url(manifest, answered, place),
        text=_text(manifest.result.text, names),
        login=_text(manifest.result.login, names),
    )


def names_for(manifest: ManifestTable, answered: Answered, place: Place) -> Mapping[str, object]:
    """Return the names that templates and expressions of the manifest may use."""
    options: dict[str, Value | None] = {
        one.name: None for one in options_of(manifest) if one.type != "secret"
    }
    options |= {**answered.values, **libraries_of(manifest, answered, place)}
    return {
        **surroundings(place),
        "option": options,
        "secret": secrets_of(answered, place),
        "service": {name: service_name(place.instance, name) for name in manifest.service},
    }


def surroundings(place: Place) -> Mapping[str, object]:
    """Return what is the same whatever is answered."""
    machine = {"host": place.host, "timezone": place.timezone, "uid": place.uid, "gid": place.gid}
    return {"instance": place.instance, "machine": machine, "secret": {}, "service": {}}


def service_name(instance: str, service: str) -> str:
    """Return what a service of an app is called here."""
    return instance if service == "main" else f"{instance}-{service}"


def secrets_of(answered: Answered, place: Place) -> dict[str, str]:
    """Return what the secrets of options are called here."""
    return {option: f"{place.instance}.{option}" for option in answered.secrets}


def libraries_of(manifest: ManifestTable, answered: Answered, place: Place) -> dict[str, str]:
    """Return the folders of options that are libraries."""
    libraries = {one.name for one in options_of(manifest) if one.type == "library"}
    named = {name: str(value) for name, value in answered.values.items() if name in libraries}
    return {name: one if one.startswith("/") else f"{place.libraries}/{one}" for name, one in named.items()}


def _publish(made: Table, web: WebTable, answered: Answered) -> None:
    """Have the page reached: by its domain, or else at a port of the machine."""
    domain, port = answered.values.get("domain"), answered.values.get("port")
    if domain:
        made.setdefault("endpoint", []).append({"domain": domain, "port": web.port, "scheme": web.scheme})
    elif port:
        made.setdefault("port", []).insert(0, {"host": port, "container": web.port})


def _url(manifest: ManifestTable, answered: Answered, place: Place) -> str:
    web = manifest.web
    if web is None:
        return ""
    domain = answered.values.get("domain")
    if domain:
        return f"https://{domain}{web.path}"
    return f"{web.scheme}://{place.host}:{answered.values.get('port')}{web.path}"


def _pruned(value: object, names: Mapping[str, object]) -> object:
    """Return *value* without the tables of which ``when`` does not hold, and without that key."""
    if isinstance(value, Mapping):
        return {key: _pruned(inner, names) for key, inner in value.items() if key != "when"}
    if isinstance(value, list):
        kept = [
            one for one in value if not isinstance(one, Mapping) or holds(str(one.get("when", "")), names)
        ]
        return [_pruned(one, names) for one in kept]
    return value


def _kept(value: object) -> object:
    """Leave out what an option without an answer would have said."""
    if isinstance(value, dict):
        return {key: _kept(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_kept(inner) for inner in value if inner is not None]
    return value


def _merged(made: Table, own: Mapping[str, Any]) -> Table:
    """Return *made* with what its owner adds: tables are joined, lists made longer, all else replaced."""
    found = dict(made)
    for key, value in own.items():
        before = found.get(key)
        if isinstance(before, dict) and isinstance(value, Mapping):
            found[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            found[key] = [*before, *value]
        else:
            found[key] = value
    return found


def _written(manifest: ManifestTable, place: Place, made: Table) -> str:
    app = manifest.app
    return (
        f"# {app.name} {app.version}, revision {app.revision} of its manifest.\n"
        f"# What you add for good goes into the tables [service.*] of {place.record}\n\n{as_toml(made)}"
    )


def _file_path(one: FileTable, names: Mapping[str, object], place: Place) -> str:
    """Return where a file is: under a name of its text, so that a rollback finds its own."""
    text = _text(one.content, names)
    digest = hashlib.sha256(f"{one.mode} {text}".encode()).hexdigest()[:12]
    return f"{place.files}/{digest}-{one.path.rpartition('/')[2]}"


def _text(template: str, names: Mapping[str, object]) -> str:
    return str(filled(template, names)) if template else ""
