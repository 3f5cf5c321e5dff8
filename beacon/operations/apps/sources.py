"""Sources of apps: further catalogs come, are fetched, and go."""

from __future__ import annotations

from msgspec import Struct

from beacon.catalog.sources import Source, checked, source_name
from beacon.definition.grammar.strings import did_you_mean
from beacon.errors import BeaconError, BusyError, ConfigError, UsageError
from beacon.model.machine import Scope
from beacon.model.notice import Notice
from beacon.operations.apps.records import installed, read_record, sources
from beacon.operations.listener import Listener, Note, report
from beacon.operations.machine import Machine
from beacon.sources.confined import Fetcher
from beacon.sources.keeping import Fetch, Fetching
from beacon.state.apps import Catalog, Shelf
from beacon.state.sources import Sources
from beacon.wire.apps import SourceInfo, SourceList


class AddSourceRequest(Struct, frozen=True):
    """A source and its name; *fetch* fetches it in the machine's stead."""

    name: str
    source: Source
    fetch: Fetch | None = None


class SourceRequest(Struct, frozen=True):
    """Which source; all if none is named. *fetch* fetches in the machine's stead."""

    name: str = ""
    fetch: Fetch | None = None


def add_source(machine: Machine, request: AddSourceRequest, listener: Listener) -> SourceList:
    """Add a source, and fetch it.

    Nothing is added if that fails: a SourceError, or DefinitionError with all that is wrong with its
    manifests. Raises UsageError if there is one of the name.
    """
    machine.require_write("app source add")
    try:
        name, source = source_name(request.name), checked(request.source)
    except ValueError as error:
        raise UsageError(f"a source {error}") from None
    there = sources(machine)
    with there.alone():
        if there.path(name).exists():
            raise UsageError(f"there is a source {name}", hint=f"beacon app source remove {name}")
        _fetching(machine, there, listener, request.fetch).bring(name, source)
        there.name(name, source)
    return list_sources(machine, SourceRequest(name), listener)


def list_sources(machine: Machine, request: SourceRequest, listener: Listener) -> SourceList:
    """Return the sources, each with its apps. Raises UsageError if there is none of the name."""
    del listener
    there = sources(machine)
    return SourceList(sources=tuple(_info(there, name) for name in _named(there, request.name)))


def update_sources(machine: Machine, request: SourceRequest, listener: Listener) -> SourceList:
    """Fetch sources; one that cannot be had, or is faulty, stays as it is.

    Raises what the first of them says.
    """
    machine.require_write("app source update")
    there = sources(machine)
    names = _named(there, request.name)
    with there.alone():
        failed = _fetching(machine, there, listener, request.fetch).bring_all(names)
    if failed:
        name, first = next(iter(failed.items()))
        first.message = f"source {name} stays as it was: {first.message}"
        raise first
    return SourceList(sources=tuple(_info(there, name) for name in names))


def fetch_due(machine: Machine, listener: Listener, fetch: Fetch | None = None) -> tuple[Notice, ...]:
    """Fetch the sources that were not tried for a day, and return what hinders it.

    That is no more than a warning: what runs needs no source. Who else changes sources is not waited for.
    """
    there, now = sources(machine), machine.tools.clock.now()
    try:
        with there.alone(wait=0.0):
            due = [name for name in there.names() if there.is_due(name, now)]
            failed = _fetching(machine, there, listener, fetch).bring_all(due, in_place=False)
    except BusyError:
        return ()
    except BeaconError as error:
        return (Notice(f"sources of apps were not fetched: {error.message}", "beacon app source update"),)
    return tuple(
        Notice(f"source {name} stays as it was: {why.message}", f"beacon app source update {name}")
        for name, why in failed.items()
    )


def remove_source(machine: Machine, request: SourceRequest, listener: Listener) -> SourceList:
    """Remove a source; apps that were installed from it stay as they are, and get no news."""
    del listener
    machine.require_write("app source remove")
    there = sources(machine)
    (name,) = _named(there, request.name)
    with there.alone():
        there.forget(name)
    followers = [one for one in installed(machine).names() if _source_of(machine, one) == name]
    warnings = tuple(
        Notice(f"{one} came from {name}, and gets no new revisions any more", None) for one in followers
    )
    return SourceList(sources=(), warnings=warnings)


def _fetching(machine: Machine, there: Sources, listener: Listener, fetch: Fetch | None) -> Fetching:
    fetch = fetch or Fetcher(machine.environment, confined=machine.scope is Scope.SYSTEM).fetch
    now = machine.tools.clock.now
    return Fetching(there, fetch, now, lambda *said: _tell(listener, *said))


def _tell(listener: Listener, name: str, line: str) -> None:
    report(listener, Note(name, line))


def _named(there: Sources, name: str) -> list[str]:
    known = there.names()
    if name and name not in known:
        problem = f"there is no source {name!r}{did_you_mean(name, known)}"
        raise UsageError(problem, hint="beacon app source list")
    return [name] if name else known


def _info(there: Sources, name: str) -> SourceInfo:
    state = there.state(name)
    try:
        source = there.read(name)
        if source is None:
            raise ConfigError(f"{there.path(name)} is gone")
        folder = there.folder(name, source)
        apps = Catalog([Shelf(name, folder, folder)]).names() if folder is not None else []
    except BeaconError as error:
        return SourceInfo(
            name=name, kind="", location="", revision="", fetched=None, apps=(), fault=error.message
        )
    return SourceInfo(
        name=name,
        kind=next(kind for kind in ("directory", "git", "archive") if getattr(source, kind)),
        location=source.location,
        revision=state.revision,
        fetched=state.fetched,
        apps=tuple(apps),
    )


def _source_of(machine: Machine, name: str) -> str:
    try:
        record = read_record(machine, name)
    except BeaconError:
        return ""
    return record.source if record is not None else ""
