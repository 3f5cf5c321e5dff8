"""What is done once, when an app is up for the first time: commands in its containers, and requests to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import cast

from beacon.catalog.expansion import names_for, service_name
from beacon.definition.tables.app import RequestTable, StepTable
from beacon.engine.command import run
from beacon.engine.probe import send
from beacon.errors import BeaconError, MachineError
from beacon.formats.expressions import filled, holds
from beacon.model.notice import Notice
from beacon.model.rollout.apps import FirstSteps
from beacon.model.sensitive import SecretVersion, newest, redacted
from beacon.operations.apps.acting import values_of
from beacon.operations.apps.reading import App, is_up, place_of
from beacon.operations.apps.records import installed
from beacon.operations.listener import Listener, Note, report
from beacon.operations.machine import Machine
from beacon.operations.services.entering import EnterRequest, enter

_BETWEEN = 2.0
"""Seconds until a step that failed is tried again."""
_LONGEST = 300.0
"""Seconds that a command may take each time."""
_PATIENCE = 30.0


def take_first_steps(machine: Machine, app: App, listener: Listener, *, new: bool) -> tuple[Notice, ...]:
    """Do what is left of an app's first steps; return which cannot be done.

    Those of a *new* installation are begun once it is up. What a former one did is not repeated: its data
    is still there. Later, only what failed at first is tried again.
    """
    there = installed(machine)
    known = there.first_steps(app.name)
    if not app.manifest.after_install or not is_up(machine, app.services):
        return ()
    if not new and (known is None or known.is_over):
        return ()
    steps, failed = FirstSteps(known.done if known is not None else ()), []
    there.note_steps(app.name, steps)
    names = names_for(app.manifest, app.answered, place_of(machine, app.name))
    for step in app.manifest.after_install:
        if step.id in steps.done or not holds(step.when, names):
            continue
        report(listener, Note(app.name, step.label))
        why = _done(machine, app, step, names, listener)
        if why:
            failed.append(_notice(app, step, redacted(why, values_of(machine, app))))
            break  # what comes after it may need it
        steps = FirstSteps((*steps.done, step.id))
        there.note_steps(app.name, steps)
    if not failed:
        there.note_steps(app.name, FirstSteps(steps.done, is_over=True))
    return tuple(failed)


def _notice(app: App, step: StepTable, why: str) -> Notice:
    service = service_name(app.name, step.service)
    return Notice(
        f"{app.name} runs, but one step of its installation failed ({step.label}): {why}",
        f"beacon logs {service} may say more; beacon app set {app.name} tries it again",
    )


def _done(
    machine: Machine, app: App, step: StepTable, names: Mapping[str, object], listener: Listener
) -> str:
    """Try a step until it is done; return why it is not, when its time is over."""
    attempt = _attempt(machine, app, step, names, listener)
    clock = machine.tools.clock
    deadline = clock.monotonic() + step.timeout
    while True:
        try:
            attempt()
        except BeaconError as error:
            if clock.monotonic() + _BETWEEN > deadline:
                return error.message
            clock.sleep(_BETWEEN)
        else:
            return ""


def _attempt(
    machine: Machine, app: App, step: StepTable, names: Mapping[str, object], listener: Listener
) -> Callable[[], object]:
    if step.http is not None:
        return lambda: _ask(machine, app, cast("RequestTable", step.http), names)
    words = tuple(map(str, cast("list[object]", filled(step.command, names))))
    request = EnterRequest(service_name(app.name, step.service), words, user=step.user or "")
    return lambda: run(enter(machine, request, listener), machine.environment, timeout=_LONGEST)


def _ask(machine: Machine, app: App, request: RequestTable, names: Mapping[str, object]) -> None:
    """Make a request. Raises MachineError unless the answer is right."""
    names = {**names, "secret": _values(machine, app)}
    body, kind = str(filled(request.body, names)), "application/octet-stream"
    if request.json_:
        body, kind = json.dumps(filled(request.json_, names)), "application/json"
    status = send(_port(machine, app), (request.method, request.path), body.encode(), kind, _PATIENCE)
    if status not in request.status:
        raise MachineError(f"{request.method} {request.path} is answered by {status}")


def _values(machine: Machine, app: App) -> dict[str, str]:
    """Return the values of the app's secrets by their options: they go to the app alone."""
    numbers = newest(machine.secrets.versions())
    return {
        option: machine.secrets.value(SecretVersion(secret, numbers[secret])).decode(errors="replace")
        for option, secret in app.expansion.secrets.items()
        if secret in numbers
    }


def _port(machine: Machine, app: App) -> int:
    """Return the port of this machine at which the page answers. Raises MachineError if there is none."""
    port, web = app.answered.values.get("port"), app.manifest.web
    if isinstance(port, int) and not app.answered.values.get("domain"):
        return port
    live = machine.store.load(service_name(app.name, web.service)).live_release if web is not None else None
    found = live.ports.get(f"{web.port}/tcp") if live is not None and web is not None else None
    if found is None:
        raise MachineError("its page has no port on this machine")
    return found
