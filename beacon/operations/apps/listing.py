"""The catalog as a list."""

from __future__ import annotations

from msgspec import Struct

from beacon.catalog.summary import Summary, read_summary
from beacon.model.notice import Notice
from beacon.operations.apps.records import catalog, instances_of
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.state.files import read_text
from beacon.wire.apps import AppInfo, AppList


class SearchRequest(Struct, frozen=True):
    """Apps of which name, summary or categories hold all *words*."""

    words: tuple[str, ...] = ()


def list_apps(machine: Machine, request: SearchRequest, listener: Listener) -> AppList:
    """Return the apps of the catalog. One whose manifest is faulty is in the warnings."""
    del listener
    there, found = catalog(machine), []
    instances = instances_of(machine)
    warnings = []
    for name, path in sorted(there.names().items()):
        try:
            summary = read_summary(read_text(path) or "")
        except ValueError as error:
            warnings.append(Notice(f"the manifest of {name} is faulty: {error}", f"beacon app lint {name}"))
            continue
        info = app_info(summary, instances.get(name, []), is_own=there.is_own(name))
        text = " ".join((info.id, info.name, info.summary, *info.categories)).lower()
        if all(word.lower() in text for word in request.words):
            found.append(info)
    return AppList(apps=tuple(found), warnings=tuple(warnings))


def app_info(app: Summary, instances: list[str], *, is_own: bool) -> AppInfo:
    """Return an app of the catalog as answers have it."""
    return AppInfo(
        id=app.id,
        name=app.name,
        version=app.version,
        revision=app.revision,
        summary=app.summary,
        categories=tuple(app.categories),
        is_own=is_own,
        instances=tuple(instances),
    )
