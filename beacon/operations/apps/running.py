"""Installed apps as they run: the order of their services, and where each app is opened."""

from __future__ import annotations

from msgspec import Struct

from beacon.errors import UsageError
from beacon.operations.apps.reading import load
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.allotting.declared import declared_services
from beacon.rollout.deploy import needed_first
from beacon.wire.apps import AppServices
from beacon.wire.endpoints import Url


class InstalledRequest(Struct, frozen=True):
    """Which installed app."""

    name: str


def order(machine: Machine, request: InstalledRequest, listener: Listener) -> AppServices:
    """Return the services of an installed app, each after those that it needs.

    Raises UsageError if there is no such app.
    """
    del listener
    app = load(machine, request.name)
    texts = {name: text for name, text in machine.definition_files().items() if name in set(app.services)}
    ordered = needed_first(list(declared_services(texts, machine.store)))
    known = set(machine.known_names())
    rest = [name for name in app.services if name in known and name not in ordered]
    return AppServices(name=app.name, services=(*ordered, *rest))


def find_app_url(machine: Machine, request: InstalledRequest, listener: Listener) -> Url:
    """Return where an installed app is opened. Raises UsageError if there is no such app, or no page."""
    del listener
    app = load(machine, request.name)
    if not app.expansion.url:
        raise UsageError(
            f"{app.name} has no page", hint=f"beacon status {app.name} shows where it is reached"
        )
    return Url(url=app.expansion.url)
