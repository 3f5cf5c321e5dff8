"""What an installed app can be had to do: commands of its manifest, in its containers."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from msgspec import Struct

from beacon.catalog.expansion import names_for, service_name
from beacon.definition.grammar.strings import did_you_mean
from beacon.definition.tables.app import ActionTable
from beacon.errors import MachineError, UsageError
from beacon.formats.expressions import filled, holds
from beacon.model.sensitive import SecretVersion, newest
from beacon.operations.apps.reading import App, load, place_of
from beacon.operations.apps.running import InstalledRequest
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.operations.services.entering import EnterRequest, enter
from beacon.wire.apps import ActionInfo, Actions


class ActRequest(Struct, frozen=True):
    """What an installed app is to do, and what was typed behind that."""

    name: str
    action: str
    arguments: tuple[str, ...] = ()


class Act(Struct, frozen=True):
    """A command for the face to run, and what is not to be seen of what it prints."""

    argv: tuple[str, ...]
    hidden: tuple[bytes, ...]


def list_actions(machine: Machine, request: InstalledRequest, listener: Listener) -> Actions:
    """Return what an installed app can be had to do. Raises UsageError if there is no such app."""
    del listener
    app = load(machine, request.name)
    return Actions(name=app.name, actions=tuple(map(action_info, _actions(machine, app))))


def act(machine: Machine, request: ActRequest, listener: Listener) -> Act:
    """Return the command that has an installed app do something, for the face to run.

    Raises UsageError if there is no such app or action, or if it takes nothing and something was typed;
    NotActiveError if its service does not run.
    """
    app = load(machine, request.name)
    machine.require_write("app do")
    action = _find(app, _actions(machine, app), request.action)
    if request.arguments and not action.takes:
        raise UsageError(f"{action.id} takes nothing, and not {' '.join(request.arguments)!r}")
    words = filled(action.command, names_for(app.manifest, app.answered, place_of(machine, app.name)))
    command = (*map(str, cast("list[object]", words)), *request.arguments)
    service = service_name(app.name, action.service)
    argv = enter(machine, EnterRequest(service, command, user=action.user or ""), listener)
    return Act(argv, values_of(machine, app))


def action_info(action: ActionTable) -> ActionInfo:
    """Return an action as answers have it."""
    return ActionInfo(id=action.id, label=action.label, takes=action.takes, confirm=action.confirm)


def values_of(machine: Machine, app: App) -> tuple[bytes, ...]:
    """Return the secrets of an app, as far as they can be read."""
    numbers, found = newest(machine.secrets.versions()), []
    for secret in app.expansion.secrets.values():
        if secret in numbers:
            with suppress(MachineError):
                found.append(machine.secrets.value(SecretVersion(secret, numbers[secret])))
    return tuple(found)


def _actions(machine: Machine, app: App) -> list[ActionTable]:
    names = names_for(app.manifest, app.answered, place_of(machine, app.name))
    return [one for one in app.manifest.action if holds(one.when, names)]


def _find(app: App, actions: list[ActionTable], name: str) -> ActionTable:
    found = next((one for one in actions if one.id == name), None)
    if found is None:
        near = did_you_mean(name, [one.id for one in actions])
        raise UsageError(f"{app.name} has no action {name!r}{near}", hint=f"beacon app do {app.name}")
    return found
