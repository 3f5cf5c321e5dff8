"""beacon status: what runs, at which release, since when, and why."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from beacon.cli.arguments import Json, Watch, services
from beacon.cli.output import Output, ago, in_bytes
from beacon.cli.session import session, whose_of
from beacon.cli.watching import watch
from beacon.errors import ExitStatus
from beacon.formats.moments import shown
from beacon.model.unit import TIMER
from beacon.operations.machine import Machine
from beacon.operations.status import StatusRequest
from beacon.operations.status import status as ask
from beacon.wire.status import Failing, JobStatus, PublishedPort, ServiceStatus, Status, UsageInfo

_HEADINGS = ("SERVICE", "STATE", "RELEASE", "UP", "IMAGE", "AT", "NOTES")


def status(
    context: typer.Context,
    name: Annotated[str | None, services("[NAME]", "The service; all of them by default.")] = None,
    watched: Watch = False,
    as_json: Json = False,
) -> None:
    """Show what runs, at which release, since when, and where it is reached.

    With a name, exits with 3 where the service is not active, and 4 where there is none of that name.
    """
    here = session(context)
    machine = here.machine()

    def show() -> Status:
        answer = ask(machine, StatusRequest(name or ""), here.listener)
        here.output.notices(answer.warnings)
        if as_json:
            here.output.data(answer)
        elif name:
            _print_one(here.output, answer)
        elif answer.services:
            _print_all(here.output, answer, machine.caller.systemctl(machine.scope))
        else:
            here.output.say(_none(machine))
        return answer

    if watched:
        watch(here.output, show, as_json=as_json)
    answer = show()
    if any(one.damaged for one in answer.services):
        raise typer.Exit(ExitStatus.OSERR)
    if name and answer.services[0].active not in {"active", "reloading"}:
        raise typer.Exit(ExitStatus.NOT_ACTIVE)


def _print_all(output: Output, answer: Status, systemctl: str) -> None:
    output.table(_HEADINGS, [tuple(_row(one)) for one in answer.services])
    checks = [one.checked.at for one in answer.services if one.checked is not None]
    last = f"checked {shown(max(checks))}" if checks else "not checked yet"
    if answer.next_run is not None:
        output.say(f"{last}, next check {shown(answer.next_run)}")
    else:
        output.say(f"{last}; no timer runs: {systemctl} enable --now {TIMER}")


def _none(machine: Machine) -> str:
    """Say that there are no services, and where others may be that are meant."""
    whose = whose_of(machine)
    return f"no services {whose}" if whose else "no services yet; beacon add NAME IMAGE makes the first one"


def _row(one: ServiceStatus) -> Iterator[str]:
    yield one.name
    yield "|".join(_state(one))
    yield str(one.release.number) if one.release else "-"
    yield _up(one)
    yield one.release.image if one.release else "-"
    yield " ".join((*one.urls, *map(_port, one.ports))) or "-"
    yield ", ".join(one.notes)


def _port(port: PublishedPort) -> str:
    """Return a port as ``127.0.0.1:8080→80``, a range of them as ``8000-8009→8000-8009/udp``."""

    def numbers(first: int) -> str:
        return str(first) if port.count == 1 else f"{first}-{first + port.count - 1}"

    address = f"[{port.address}]" if ":" in port.address else port.address
    outside = "any" if port.port is None else numbers(port.port)
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    return f"{address + ':' if address else ''}{outside}→{numbers(port.container_port)}{protocol}"


def _print_one(output: Output, answer: Status) -> None:
    lines = list(_lines(output, answer))
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        output.labelled(label.rjust(width), text)


def _lines(output: Output, answer: Status) -> Iterator[tuple[str, str]]:
    (one,) = answer.services
    colour, word = _state(one)
    yield "Service", one.name
    yield "State", f"{output.paint(word, colour, sys.stdout.isatty())} ({one.sub}), up {_up(one)}"
    if one.failing is not None:
        yield "Fails", _failing(one.failing)
    for url in one.urls:
        yield "URL", url
    if one.ports:
        yield "Ports", ", ".join(map(_port, one.ports))
    yield "Unit", f"{one.unit} ({one.load})"
    yield "Engine", f"{answer.engine} {answer.engine_version}"
    yield from _releases(one)
    if one.usage is not None:
        yield from _usage(one.usage)
    for job in one.jobs:
        yield "Job", _job(job)
    if one.checked is not None:
        yield "Checked", f"{shown(one.checked.at)}: {one.checked.detail or one.checked.outcome}"
    if one.next_check is not None:
        yield "Next", shown(one.next_check)
    yield from _waits(one)
    elsewhere = ("quarantined", "waits", "approved", "held", "update: ")
    fails = _failing(one.failing) if one.failing is not None else None
    for note in one.notes:
        if not note.startswith(elsewhere) and note != fails:
            yield "Note", note


def _failing(failing: Failing) -> str:
    since = f" since {shown(failing.since)}" if failing.since else ""
    again = f", started again {failing.restarts} times" if failing.restarts > 1 else ""
    return f"{failing.how}{since}{again}"


def _releases(one: ServiceStatus) -> Iterator[tuple[str, str]]:
    if (live := one.release) is not None:
        came = f"by {live.trigger}, {shown(live.finished or live.created or '-')}"
        if live.state == "failed" and one.active == "active":
            yield "Release", f"{live.number}, {came}; it runs, though at first: {live.reason}"
        else:
            yield "Release", f"{live.number} ({live.state}) {came}"
            if live.reason:
                yield "Reason", live.reason
        yield "Image", live.image
        yield "Runs", live.runs
    if one.previous is not None:
        yield "Previous", f"release {one.previous} (beacon rollback {one.name} goes back to it)"


def _job(job: JobStatus) -> str:
    ended = f" {shown(job.ended)}" if job.ended and job.state != "running" else ""
    why = f" ({job.reason}: journalctl -u {job.unit})" if job.reason else ""
    coming = f"next {shown(job.next_run)}" if job.next_run else "not to be run"
    return f"{job.name} ({job.schedule}): {job.state}{ended}{why}, {coming}"


def _usage(usage: UsageInfo) -> Iterator[tuple[str, str]]:
    yield "Memory", "-" if usage.memory is None else in_bytes(usage.memory)
    yield "CPU", "-" if usage.cpu is None else f"{usage.cpu:.1f} s"
    for volume in usage.volumes:
        kind = "" if volume.kind == "data" else f" ({volume.kind})"
        yield "Volume", f"{volume.volume}{kind}, {'-' if volume.bytes is None else in_bytes(volume.bytes)}"


def _waits(one: ServiceStatus) -> Iterator[tuple[str, str]]:
    if one.hold is not None:
        why = f": {one.hold.reason}" if one.hold.reason else ""
        yield "Held", f"since {shown(one.hold.since)}{why} (beacon unhold {one.name})"
    if one.pending is not None:
        yield "Update", f"{one.pending.image} since {shown(one.pending.since)}: {one.pending.reason}"
    for entry in one.quarantine:
        until = shown(entry.until) if entry.until else "the tag or the definition changes"
        known = f" (seen {shown(entry.acknowledged)})" if entry.acknowledged else ""
        yield "Quarantine", f"{entry.digest} since {shown(entry.since)}, until {until}: {entry.reason}{known}"
    for waiting in one.waiting:
        what = f"{waiting.image} since {shown(waiting.since)}: {waiting.reason}"
        yield "Approved" if waiting.approved else "Waits", what
        yield "To do", waiting.to_do


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
