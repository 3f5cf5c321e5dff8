"""Manifests and records as an operation needs them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from beacon.catalog.answers import Answered, answer
from beacon.catalog.expansion import Expansion, Place, expand, service_name, surroundings
from beacon.catalog.manifest import read_manifest
from beacon.catalog.record import Record, origins_of
from beacon.catalog.summary import read_summary
from beacon.definition.grammar.strings import did_you_mean
from beacon.definition.tables.app import ManifestTable
from beacon.errors import UsageError
from beacon.model.machine import Scope
from beacon.model.release import ReleaseState
from beacon.operations.apps.records import catalog, changes, installed, read_record
from beacon.operations.machine import Machine
from beacon.state.apps import Entry
from beacon.wire.apps import Installation

_OWNER = 1000
"""The first user of a Debian machine, whose the shared folders are."""


class App(Struct, frozen=True):
    """An installed app, or one that is about to be."""

    name: str
    manifest: ManifestTable
    manifest_text: str
    record: Record
    answered: Answered
    expansion: Expansion

    @property
    def services(self) -> tuple[str, ...]:
        """The names of its services."""
        return tuple(self.expansion.definitions)


def find(machine: Machine, name: str, origins: Sequence[str] | None = None) -> tuple[ManifestTable, Entry]:
    """Return a manifest of the catalog, of *origins* alone if they are given, and its file.

    Raises UsageError if there is none.
    """
    entry = catalog(machine).find(name, origins)
    if entry is None and origins is not None:
        raise UsageError(f"there is no app {name!r} any more where it came from, which is {origins[-1]}")
    if entry is None:
        known = catalog(machine).names()
        raise UsageError(
            f"there is no app {name!r}{did_you_mean(name, known)}", hint="beacon app list shows them all"
        )
    return read_manifest(entry.text, file=str(entry.file)), entry


def load(machine: Machine, name: str) -> App:
    """Return an installed app as it was installed. Raises UsageError if there is none of the name."""
    record, text = read_record(machine, name), installed(machine).manifest(name)
    if record is None or text is None:
        known = installed(machine).names()
        raise UsageError(
            f"no app {name!r} is installed{did_you_mean(name, known)}", hint=f"beacon app install {name}"
        )
    return make(machine, name, read_manifest(text, file=f"{name}/app.toml"), text, record)


def answers_of(machine: Machine, name: str, manifest: ManifestTable, record: Record) -> Answered:
    """Return what the answers of a record come to. Raises UsageError with all that is wrong with them."""
    return answer(manifest, record.answers, surroundings(place_of(machine, name)))


def make(machine: Machine, name: str, manifest: ManifestTable, text: str, record: Record) -> App:
    """Return what an app comes to. Raises UsageError with all that is wrong with its answers."""
    answered = answers_of(machine, name, manifest, record)
    unknown = record.services.keys() - manifest.service.keys()
    if unknown:
        raise UsageError(
            f"{name} has no service {min(unknown)!r}", hint=f"it has {', '.join(manifest.service)}"
        )
    if manifest.requires.https and not answered.values.get("domain"):
        raise UsageError(
            f"{manifest.app.name} works only with HTTPS, and so with a domain",
            hint=f"--set domain={name}.example.org; beacon endpoint setup has Caddy bring requests",
        )
    expansion = expand(manifest, answered, place_of(machine, name), record.services)
    return App(name, manifest, text, record, answered, expansion)


def place_of(machine: Machine, name: str) -> Place:
    """Return where an app of this machine is."""
    is_user = machine.scope is Scope.USER
    owner = 0 if is_user else _OWNER  # root of a user's containers is the user
    return Place(
        instance=name,
        host=platform.node() or "localhost",
        timezone=_timezone(),
        uid=owner,
        gid=owner,
        record=str(installed(machine).path(name)),
        files=str(installed(machine).files(name)),
        libraries=str(machine.caller.home) if is_user else "/srv",
    )


def described(machine: Machine, app: App) -> Installation:
    """Return an installed app as answers have it."""
    newest = catalog(machine).find(app.manifest.app.id, origins_of(app.record.source))
    revision = read_summary(newest.text).revision if newest is not None else None
    return Installation(
        name=app.name,
        app=app.manifest.app.id,
        version=app.manifest.app.version,
        revision=app.manifest.app.revision,
        source=app.record.source,
        newest=revision,
        services=app.services,
        url=app.expansion.url,
        answers={name: _shown(value) for name, value in app.answered.values.items()},
        changing=app.name in changes(machine).names(),
    )


def is_up(machine: Machine, services: Iterable[str]) -> bool:
    """Say whether all services have been healthy."""
    lives = [machine.store.load(service).live_release for service in services]
    return all(live is not None and live.state is not ReleaseState.FAILED for live in lives)


def names_of(manifest: ManifestTable, instance: str) -> tuple[str, ...]:
    """Return what the services of an app are called."""
    return tuple(service_name(instance, service) for service in manifest.service)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _timezone() -> str:
    """Return the machine's zone (localtime(5))."""
    _, found, zone = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")
    return zone if found else "Etc/UTC"
