"""The catalog's files, and what owners say of installed apps: read without the rest of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

import beacon.catalog
from beacon.catalog.summary import read_summary
from beacon.definition.encode import as_toml
from beacon.errors import BeaconError, ConfigError
from beacon.formats.tomltext import read_toml
from beacon.operations.machine import Machine
from beacon.state.apps import Catalog, Changes, Entry, Installed


class Record(Struct, frozen=True):
    """What the owner says of an installed app: a file of theirs."""

    app: str
    revision: int
    answers: Mapping[str, Any]
    services: Mapping[str, dict[str, Any]]
    """What is added to each service."""

    @property
    def text(self) -> str:
        """The file."""
        head = (
            "# An app of Beacon's catalog. [set] holds answers to its options; [service.main] and the\n"
            "# like add what beacon.toml(5) has for definitions. beacon app set makes that count.\n\n"
        )
        answers = {name: list(one) if isinstance(one, tuple) else one for name, one in self.answers.items()}
        tables = {"set": answers, **({"service": dict(self.services)} if self.services else {})}
        return head + as_toml({"app": self.app, "revision": self.revision, **tables})


def catalog(machine: Machine) -> Catalog:
    """Return the catalog."""
    return Catalog(machine.paths.config / "catalog", Path(beacon.catalog.__file__).parent / "apps")


def installed(machine: Machine) -> Installed:
    """Return what is installed."""
    return Installed(machine.paths.config / "apps", machine.paths.state / "apps")


def changes(machine: Machine) -> Changes:
    """Return what is being changed."""
    return Changes(machine.paths.state / "app-changes", machine.paths.runtime)


def has_news(machine: Machine) -> bool:
    """Say whether the catalog has a newer manifest of an installed app, or a change of one was cut off."""
    if changes(machine).names():
        return True
    return any(newer_entry(machine, name) is not None for name in installed(machine).names())


def newer_entry(machine: Machine, name: str) -> Entry | None:
    """Return the newer manifest of an installed app; of what cannot be read beacon app status tells."""
    try:
        record = read_record(machine, name)
        entry = catalog(machine).find(record.app) if record is not None else None
        if record is None or entry is None or read_summary(entry.text).revision <= record.revision:
            return None
    except (BeaconError, ValueError):
        return None
    return entry


def read_record(machine: Machine, name: str) -> Record | None:
    """Return what the owner says of an app. Raises ConfigError if it cannot be understood."""
    text = installed(machine).read(name)
    return None if text is None else record_of(text, str(installed(machine).path(name)))


def record_of(text: str, path: str) -> Record:
    """Return what the owner's file at *path* says. Raises ConfigError if it cannot be understood."""
    try:
        return _read(read_toml(text))
    except (ValueError, TypeError, LookupError) as error:
        hint = "it has app, revision, [set] and [service.NAME]"
        raise ConfigError(f"{path}: {error}", hint=hint) from error


def _read(document: dict[str, Any]) -> Record:
    app, revision = str(document.pop("app")), int(document.pop("revision"))
    record = Record(app, revision, document.pop("set", {}), document.pop("service", {}))
    if document:
        raise ValueError(f"{min(document)}: unknown key")
    return record


def instances_of(machine: Machine) -> dict[str, list[str]]:
    """Return what is installed of each app."""
    found: dict[str, list[str]] = {}
    for name in installed(machine).names():
        record = read_record(machine, name)
        if record is not None:
            found.setdefault(record.app, []).append(name)
    return found
