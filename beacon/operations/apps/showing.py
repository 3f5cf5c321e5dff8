"""The catalog and what is installed of it, shown; nothing is changed."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from beacon.catalog.linting import lint_manifest
from beacon.catalog.manifest import options_of
from beacon.catalog.summary import read_summary
from beacon.operations.apps.acting import action_info
from beacon.operations.apps.listing import app_info
from beacon.operations.apps.reading import described, find, load, place_of
from beacon.operations.apps.records import installed, instances_of
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.state.files import read_text
from beacon.wire.answer import Answer
from beacon.wire.apps import AppDetails, Installations, OptionInfo


class AppRequest(Struct, frozen=True):
    """Which app."""

    app: str


def show_app(machine: Machine, request: AppRequest, listener: Listener) -> AppDetails:
    """Return all there is to know of an app of the catalog. Raises UsageError if there is none."""
    del listener
    manifest, entry = find(machine, request.app)
    instances = instances_of(machine).get(request.app, [])
    app, links, requires = manifest.app, manifest.app.links, manifest.requires
    told = {
        "website": links.website,
        "source": links.source,
        "docs": links.docs,
        "changelog": links.changelog,
    }
    return AppDetails(
        app=app_info(read_summary(entry.text), instances, entry),
        description=app.description,
        license=app.license,
        links={name: link for name, link in told.items() if link},
        arch=tuple(requires.arch),
        memory=requires.memory,
        disk=requires.disk,
        https=requires.https,
        services={name: str(table.get("image", "")) for name, table in manifest.service.items()},
        options=tuple(
            OptionInfo(
                name=one.name,
                type=one.type,
                label=one.label,
                help=one.help,
                default=None if one.default is None else str(one.default),
                required=one.required,
                choices=tuple(one.choices),
            )
            for one in options_of(manifest)
        ),
        actions=tuple(map(action_info, manifest.action)),
        file=str(entry.file),
        icon=str(entry.icon or ""),
    )


def list_installed(machine: Machine, listener: Listener) -> Installations:
    """Return the installed apps. Raises ConfigError if a record cannot be understood."""
    del listener
    return Installations(
        installed=tuple(described(machine, load(machine, name)) for name in installed(machine).names())
    )


def lint(machine: Machine, request: AppRequest, listener: Listener) -> Answer:
    """Judge a manifest, a file or an app of the catalog; what it comes to is judged as well.

    Raises DefinitionError with every fault, or UsageError if there is no such manifest.
    """
    del listener
    text = read_text(Path(request.app)) if "/" in request.app else None
    if text is None:
        text = find(machine, request.app)[1].text
    lint_manifest(text, request.app, lambda name: place_of(machine, name))
    return Answer()
