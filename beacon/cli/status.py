"""beacon status: what runs, at which release, since when, and why."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from beacon.cli.arguments import Json, complete_service
from beacon.cli.output import Output, ago
from beacon.cli.session import session
from beacon.errors import ExitStatus
from beacon.model.host import Scope
from beacon.operations.machine import Machine
from beacon.operations.scopes import command_elsewhere, services_elsewhere
from beacon.operations.status import StatusRequest
from beacon.operations.status import status as ask
from beacon.wire.status import ServiceStatus, Status

_HEADINGS = ("SERVICE", "STATE", "RELEASE", "UP", "IMAGE", "NOTES")


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(status)


def status(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="The service; all of them by default.", autocompletion=complete_service),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what runs, at which release, since when.

    With a name, exits with 3 where the service is not active, and 4 where there is none of that name.
    """
    here = session(context)
    machine = here.machine()
    answer = ask(machine, StatusRequest(name or ""), here.listener)
    here.output.notices(answer.warnings)
    if as_json:
        here.output.data(answer)
    elif name:
        _print_one(here.output, answer)
    elif answer.services:
        here.output.table(_HEADINGS, [tuple(_row(one)) for one in answer.services])
    else:
        here.output.say(_none(machine))
    if any(one.damaged for one in answer.services):
        raise typer.Exit(ExitStatus.OSERR)
    if name and answer.services[0].active not in {"active", "reloading"}:
        raise typer.Exit(ExitStatus.NOT_ACTIVE)


def _none(machine: Machine) -> str:
    """Say that there are no services, and where others may be that are meant."""
    if not services_elsewhere(machine.scope, machine.caller):
        return "no services yet; beacon add NAME IMAGE makes the first one"
    whose = "of your own; the machine's" if machine.scope is Scope.USER else "of the machine; your own"
    return f"no services {whose}: {command_elsewhere(machine.scope, machine.caller)}"


def _row(one: ServiceStatus) -> Iterator[str]:
    yield one.name
    yield "|".join(_state(one))
    yield str(one.release.number) if one.release else "-"
    yield _up(one)
    yield one.release.image if one.release else "-"
    yield ", ".join(one.notes)


def _print_one(output: Output, answer: Status) -> None:
    lines = list(_lines(output, answer))
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        output.answer(f"{label.rjust(width)}: {text}")


def _lines(output: Output, answer: Status) -> Iterator[tuple[str, str]]:
    (one,) = answer.services
    colour, word = _state(one)
    yield "Service", one.name
    yield "State", f"{output.paint(word, colour, sys.stdout.isatty())} ({one.sub}), up {_up(one)}"
    yield "Unit", f"{one.unit} ({one.load})"
    yield "Engine", f"{answer.engine} {answer.engine_version}"
    if (live := one.release) is not None:
        yield "Release", f"{live.number} ({live.state}) by {live.trigger}, {live.finished or live.created}"
        if live.reason:
            yield "Reason", live.reason
        yield "Image", live.image
        yield "Runs", live.runs
    if one.previous is not None:
        yield "Previous", f"release {one.previous} (beacon rollback {one.name} goes back to it)"
    if one.checked is not None:
        yield "Checked", f"{one.checked.at}: {one.checked.detail or one.checked.outcome}"
    for entry in one.quarantine:
        yield "Quarantine", f"{entry.digest} since {entry.since}: {entry.reason}"
    for waiting in one.waiting:
        what = f"{waiting.image} since {waiting.since}: {waiting.reason}"
        yield "Approved" if waiting.approved else "Waits", what
        yield "To do", waiting.to_do
    for note in one.notes:
        if not note.startswith(("quarantined", "waits", "approved")):
            yield "Note", note


def _state(one: ServiceStatus) -> tuple[str, str]:
    """Return the state's colour, and the state in one word."""
    if one.load == "not-found":
        return "yellow", "not installed"
    if one.active == "active":
        return "red" if one.health == "unhealthy" else "green", one.health or "active"
    return "red" if one.active == "failed" else "yellow", one.active


def _up(one: ServiceStatus) -> str:
    """Return how long it has been up."""
    return ago(time.time() - one.started / 1e6) if one.active == "active" and one.started else "-"
