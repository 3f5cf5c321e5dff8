"""The catalog as a list."""

from __future__ import annotations

from msgspec import Struct

from beacon.catalog.summary import Summary, read_summary
from beacon.errors import BeaconError
from beacon.model.notice import Notice
from beacon.operations.apps.records import catalog, instances_of
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.state.apps import Entry
from beacon.wire.apps import AppInfo, AppList


class SearchRequest(Struct, frozen=True):
    """Apps of which name, summary or categories hold all *words*."""

    words: tuple[str, ...] = ()


def list_apps(machine: Machine, request: SearchRequest, listener: Listener) -> AppList:
    """Return the apps of the catalog. One whose manifest is faulty is in the warnings."""
    del listener
    found, warnings = [], []
    instances = instances_of(machine)
    for name, entry in catalog(machine).each():
        try:
            if isinstance(entry, BeaconError):
                raise entry
            summary = read_summary(entry.text)
        except (ValueError, BeaconError) as error:
            warnings.append(Notice(f"the manifest of {name} is faulty: {error}", f"beacon app lint {name}"))
            continue
        info = app_info(summary, instances.get(name, []), entry)
        text = " ".join((info.id, info.name, info.summary, *info.categories)).lower()
        if all(word.lower() in text for word in request.words):
            found.append(info)
    return AppList(apps=tuple(found), warnings=tuple(warnings))


def app_info(app: Summary, instances: list[str], entry: Entry) -> AppInfo:
    """Return an app of the catalog as answers have it."""
    return AppInfo(
        id=app.id,
        name=app.name,
        version=app.version,
        revision=app.revision,
        summary=app.summary,
        categories=tuple(app.categories),
        is_own=entry.is_own,
        origin=entry.origin,
        before=entry.before,
        instances=tuple(instances),
    )
