"""beacon status, logs and history: what runs, at which release, since when, and why."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from beacon import streams
from beacon.cli.arguments import Json, Name
from beacon.cli.arguments import complete_service as _complete
from beacon.cli.session import session

if TYPE_CHECKING:
    from beacon.cli.host import Host
    from beacon.model.release import Release, ServiceState, Waiting
    from beacon.model.runtime import Container, UnitState
    from beacon.state.store import LastCheck


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(status)
    app.command()(logs)
    app.command()(history)


def status(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="The service; all of them by default.", autocompletion=_complete)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what runs, at which release, since when.

    With a name, exits with 3 where the service is not active, and 4 where there is none of that name.
    """
    from beacon.errors import ExitStatus

    host = session(context).host()
    chosen = host.select([name] if name else None)
    reports = _reports(host, chosen, detailed=name is not None)
    if as_json:
        host.output.json(
            {
                "scope": host.scope.value,
                "engine": host.engine_kind.value,
                "services": [report.as_dict() for report in reports],
            }
        )
    elif name:
        _print_one(host, reports[0])
    else:
        _print_all(host, reports)
    if name and reports[0].unit.active not in {"active", "reloading"}:
        raise typer.Exit(ExitStatus.NOT_ACTIVE)


def logs(
    context: typer.Context,
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines as they come.")] = False,
    lines: Annotated[int | None, typer.Option("--lines", "-n", help="Show the last so many lines.")] = None,
) -> None:
    """Show what a service and Beacon said: journalctl -u beacon-NAME."""
    from beacon.model.host import Scope
    from beacon.model.unit import unit_name

    host = session(context).host()
    (chosen,) = host.select([name])
    argv = ["journalctl", *(["--user"] if host.scope is Scope.USER else []), f"--unit={unit_name(chosen)}"]
    argv += ["--follow"] if follow else []
    argv += [f"--lines={lines}"] if lines is not None else []
    streams.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # the pager and signals are journalctl's from here on


def history(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show the releases of a service, the newest first."""
    host = session(context).host()
    (chosen,) = host.select([name])
    state = host.store.load(chosen)
    releases = tuple(reversed(state.releases))
    if as_json:
        host.output.json({"service": chosen, "releases": [_release_dict(one) for one in releases]})
        return
    rows = [
        (
            str(one.number),
            _state_cell(one.state.value),
            one.created or one.finished or "-",
            one.trigger.value,
            str(one.reference),
            one.digest.partition(":")[2][:12],
            one.reason,
        )
        for one in releases
    ]
    host.output.table(("RELEASE", "STATE", "CREATED", "BY", "IMAGE", "DIGEST", "REASON"), rows)


class _Report:
    """All that is told of one service."""

    def __init__(
        self,
        state: ServiceState,
        unit: UnitState,
        *,
        changed: bool,
        defined: bool,
        check: LastCheck | None,
        container: Container | None,
    ) -> None:
        self.state = state
        self.unit = unit
        self.changed = changed
        self.defined = defined
        self.check = check
        self.container = container

    @property
    def live(self) -> Release | None:
        return self.state.live_release

    @property
    def word(self) -> str:
        """The state in one word, with its colour."""
        if self.unit.load == "not-found":
            return "yellow|not installed"
        if self.unit.active == "active":
            health = self.container.health if self.container else ""
            return f"red|{health}" if health == "unhealthy" else f"green|{health or 'active'}"
        colour = "red" if self.unit.active == "failed" else "yellow"
        return f"{colour}|{self.unit.active}"

    @property
    def notes(self) -> list[str]:
        """What the owner should know."""
        state, notes = self.state, []
        if not self.defined:
            notes.append("its definition is gone")
        elif self.live is None:
            notes.append("not applied yet")
        elif self.changed:
            notes.append("definition changed, not applied")
        if self.live is not None and self.live.state == "failed":
            notes.append(f"release {self.live.number} failed")
        if state.rollout is not None:
            notes.append(f"rollout of release {state.rollout.release}: {state.rollout.phase}")
        if self.unit.sub.startswith("auto-restart"):
            notes.append("fails, and is started again")
        if state.hold is not None:
            notes.append("held")
        notes += [_waiting_note(state.name, one) for one in state.waiting]
        notes += [f"quarantined: {entry.digest.partition(':')[2][:12]}" for entry in state.quarantine[-1:]]
        if self.live is not None and self.live.service.update.follow == "pinned":
            notes.append("pinned")
        if self.check is not None and self.check.outcome in {"unchecked", "deferred"}:
            notes.append(self.check.outcome.replace("unchecked", "could not check"))
        return notes

    @property
    def since(self) -> str:
        """How long it has been up."""
        from beacon.cli.output import ago

        if self.unit.active != "active" or not self.unit.started:
            return "-"
        return ago(time.time() - self.unit.started / 1e6)

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON has it."""
        live = self.live
        return {
            "name": self.state.name,
            "unit": self.unit.name,
            "load": self.unit.load,
            "active": self.unit.active,
            "sub": self.unit.sub,
            "started": self.unit.started or None,
            "health": (self.container.health or None) if self.container else None,
            "release": _release_dict(live) if live else None,
            "previous": self.state.previous,
            "held": self.state.hold is not None,
            "quarantine": [
                {"digest": entry.digest, "since": entry.since, "reason": entry.reason}
                for entry in self.state.quarantine
            ],
            "waiting": [_waiting_dict(self.state.name, one) for one in self.state.waiting],
            "rollout": self.state.rollout.phase.value if self.state.rollout else None,
            "definition_changed": self.changed,
            "notes": self.notes,
        }


def _reports(host: Host, names: tuple[str, ...], *, detailed: bool) -> list[_Report]:
    from beacon.model.release import text_digest
    from beacon.model.unit import unit_name

    units = host.systemd.listed("beacon-*.service")
    definitions = host.definition_files()
    containers = host.engine.containers() if detailed else {}
    checks = host.store.load_checks().services
    reports = []
    for name in names:
        unit = units.get(unit_name(name))
        if unit is None:
            unit = host.systemd.states([unit_name(name)])[unit_name(name)]
        state = host.store.load(name)
        live = state.live_release
        text = definitions.get(name)
        changed = text is not None and live is not None and text_digest(text) != live.definition
        reports.append(
            _Report(
                state,
                unit,
                changed=changed,
                defined=text is not None,
                check=checks.get(name),
                container=containers.get(name),
            )
        )
    return reports


def _print_all(host: Host, reports: list[_Report]) -> None:
    if not reports:
        host.output.say("no services yet; beacon add NAME IMAGE makes the first one")
        return
    rows = [
        (
            report.state.name,
            report.word,
            str(report.live.number) if report.live else "-",
            report.since,
            str(report.live.reference) if report.live else "-",
            ", ".join(report.notes),
        )
        for report in reports
    ]
    host.output.table(("SERVICE", "STATE", "RELEASE", "UP", "IMAGE", "NOTES"), rows)


def _print_one(host: Host, report: _Report) -> None:
    live, state, output = report.live, report.state, host.output
    colour, _, word = report.word.partition("|")
    lines = [
        ("Service", state.name),
        (
            "State",
            f"{output.paint(word, colour, sys.stdout.isatty())} ({report.unit.sub}), up {report.since}",
        ),
        ("Unit", f"{report.unit.name} ({report.unit.load})"),
        ("Engine", f"{host.engine_kind} {host.engine.version()}"),
    ]
    if live is not None:
        lines += [
            ("Release", f"{live.number} ({live.state}) by {live.trigger}, {live.finished or live.created}"),
            *([("Reason", live.reason)] if live.reason else []),
            ("Image", str(live.reference)),
            ("Runs", str(live.pinned)),
        ]
    if state.previous is not None:
        lines.append(("Previous", f"release {state.previous} (beacon rollback {state.name} goes back to it)"))
    if report.check is not None:
        lines.append(("Checked", f"{report.check.at}: {report.check.detail or report.check.outcome}"))
    lines += [
        ("Quarantine", f"{entry.digest} since {entry.since}: {entry.reason}") for entry in state.quarantine
    ]
    for one in state.waiting:
        lines += _waiting_lines(state.name, one)
    told = {_waiting_note(state.name, one) for one in state.waiting}
    notes = (note for note in report.notes if not note.startswith("quarantined"))
    lines += [("Note", note) for note in notes if note not in told]
    width = max(len(label) for label, _ in lines)
    for label, text in lines:
        output.answer(f"{label.rjust(width)}: {text}")


def _waiting_note(name: str, waiting: Waiting) -> str:
    from beacon.rollout.waiting import approval

    return "approved, not rolled out yet" if waiting.approved else f"waits: {approval(name, waiting)}"


def _waiting_lines(name: str, waiting: Waiting) -> list[tuple[str, str]]:
    from beacon.rollout.waiting import what_to_do

    what = f"{waiting.reference} since {waiting.since}: {waiting.reason}"
    label = "Approved" if waiting.approved else "Waits"
    return [(label, what), ("To do", what_to_do(name, waiting))]


def _waiting_dict(name: str, waiting: Waiting) -> dict[str, object]:
    from beacon.rollout.waiting import approval

    return {
        "image": str(waiting.reference),
        "digest": waiting.digest,
        "since": waiting.since,
        "reason": waiting.reason,
        "volumes": [
            {"volume": one.volume, "path": one.path, "inside": one.inside or None, "instead": one.instead}
            for one in waiting.displaced
        ],
        "approved": waiting.approved or None,
        "command": approval(name, waiting),
    }


def _release_dict(release: Release) -> dict[str, object]:
    return {
        "number": release.number,
        "state": release.state.value,
        "trigger": release.trigger.value,
        "image": str(release.reference),
        "digest": release.digest,
        "tag_digest": release.tag_digest,
        "image_id": release.image.image_id,
        "created": release.created or None,
        "finished": release.finished,
        "reason": release.reason,
    }


def _state_cell(state: str) -> str:
    colour = {"live": "green|", "failed": "red|"}.get(state, "")
    return f"{colour}{state}"
