"""The catalog's files, and what owners say of installed apps: read without the rest of a manifest."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import beacon.catalog
from beacon.catalog.record import Record, origins_of, record_of
from beacon.catalog.sources import BUILT_IN, OWN
from beacon.catalog.summary import read_summary
from beacon.errors import BeaconError
from beacon.operations.machine import Machine
from beacon.state.apps import Catalog, Changes, Entry, Installed, Shelf
from beacon.state.sources import Sources


def catalog(machine: Machine) -> Catalog:
    """Return the catalog: the owner's manifests, then sources in the order of their names, then Beacon's.

    A source whose file cannot be read is passed over; beacon app source list tells of it.
    """
    own, built_in = machine.paths.config / "catalog", Path(beacon.catalog.__file__).parent
    shelves = [Shelf(OWN, own, own / "icons")]
    there = sources(machine)
    for name in there.names():
        with suppress(BeaconError):
            source = there.read(name)
            folder = there.folder(name, source) if source is not None else None
            if source is not None and folder is not None:
                icons = Path(source.directory) / "icons" if source.directory else folder
                shelves.append(Shelf(name, folder, icons, follows_links=False))
    return Catalog([*shelves, Shelf(BUILT_IN, built_in / "apps", built_in / "icons")])


def sources(machine: Machine) -> Sources:
    """Return the sources of apps."""
    paths = machine.paths
    return Sources(paths.config / "sources", paths.state / "sources", paths.runtime)


def due_sources(machine: Machine) -> bool:
    """Say whether a source that is fetched was not tried for a day."""
    there, now = sources(machine), machine.tools.clock.now()
    return any(there.is_due(name, now) for name in there.names())


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
        entry = catalog(machine).find(record.app, origins_of(record.source)) if record is not None else None
        if record is None or entry is None or read_summary(entry.text).revision <= record.revision:
            return None
    except (BeaconError, ValueError):
        return None
    return entry


def read_record(machine: Machine, name: str) -> Record | None:
    """Return what the owner says of an app. Raises ConfigError if it cannot be understood."""
    text = installed(machine).read(name)
    return None if text is None else record_of(text, str(installed(machine).path(name)))


def instances_of(machine: Machine) -> dict[str, list[str]]:
    """Return what is installed of each app."""
    found: dict[str, list[str]] = {}
    for name in installed(machine).names():
        record = read_record(machine, name)
        if record is not None:
            found.setdefault(record.app, []).append(name)
    return found
