"""beacon doctor: what is wrong with this machine, why it matters, and the command that mends it."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from beacon.cli.arguments import Json
from beacon.cli.findings import entry, least_shown, lines
from beacon.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from beacon.cli.host import Host
    from beacon.cli.output import Output
    from beacon.doctor.facts import SettingsFacts
    from beacon.doctor.finding import Commands, Finding, Report


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Show what is in order too.")] = False,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with this machine, and say what mends it; nothing is changed.

    Exits with 30 where there is a warning, and with 31 where there is an error.
    """
    from beacon.doctor.examine import examine
    from beacon.doctor.finding import exit_status
    from beacon.doctor.look.survey import Survey

    host = _host(context)
    settings = _settings(host)
    survey = Survey(host, uid=os.geteuid(), user=_user(), home=Path.home())
    reports = examine(survey, _commands(host), settings)
    if as_json:
        host.output.json(as_dict(host.scope.value, reports))
    else:
        _print(host.output, reports, every=every)
    raise typer.Exit(exit_status(reports))


def _host(context: typer.Context) -> Host:
    """Return the machine, also for a user who has no service manager: that is one of the findings."""
    from beacon.cli.host import Host
    from beacon.cli.user import enter_manager
    from beacon.errors import AccessError
    from beacon.model.host import Scope

    current = session(context)
    if current.scope is Scope.USER:
        with suppress(AccessError):
            enter_manager()
    return Host(current.scope, current.output)


def _settings(host: Host) -> SettingsFacts:
    """Judge beacon.toml; where it cannot be used, the defaults are, so that the rest can be looked at."""
    from beacon.definition.settings import Settings
    from beacon.doctor.facts import SettingsFacts
    from beacon.errors import BeaconError

    file = host.paths.settings
    problem = ""
    try:
        settings = host.settings
    except BeaconError as error:
        settings, problem = Settings(), error.message
    host.settings = settings
    return SettingsFacts(str(file), there=bool(problem) or file.exists(), problem=problem)


def _commands(host: Host) -> Commands:
    from beacon.doctor.finding import Commands
    from beacon.errors import HostError

    try:
        return Commands(host.scope, host.engine_kind)
    except HostError:
        return Commands(host.scope)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _print(output: Output, reports: Sequence[Report], *, every: bool) -> None:
    """Print the findings, the worst first, each with its reason and its remedy below it."""
    least = least_shown(output, every=every)
    shown = [(check, finding) for check, finding in _merged(reports) if finding.severity >= least]
    rows: list[tuple[str, str, str]] = []
    for check, finding in sorted(shown, key=lambda pair: -pair[1].severity):
        first, *more = lines(finding)
        rows += [(check, *first), *(("", *line) for line in more)]
    if rows:
        output.table(("CHECK", "STATE", "FINDING"), rows)
    if not output.quiet:
        output.answer(summary(reports))


def _merged(reports: Iterable[Report]) -> list[tuple[str, Finding]]:
    """Return (check, finding) pairs, those that say the same in one; checks in their order."""
    from msgspec.structs import replace

    checks: dict[Finding, list[str]] = {}
    for report in reports:
        for finding in report.findings:
            checks.setdefault(finding, []).append(report.check)
    return [
        (names[0], finding)
        if len(names) == 1
        else ("-", replace(finding, what=f"{finding.what}: {', '.join(names)}"))
        for finding, names in checks.items()
    ]


def summary(reports: Sequence[Report]) -> str:
    """Return one line that counts the checks: ``22 checks: 20 ok, 1 warning, 1 error``."""
    from beacon.doctor.finding import counted, plural

    return f"{plural(len(reports), 'check')}: {counted(report.severity for report in reports)}"


def as_dict(scope: str, reports: Sequence[Report]) -> dict[str, object]:
    """Return the findings as JSON has them, those that are in order included."""
    from beacon.doctor.finding import worst

    return {
        "scope": scope,
        "severity": worst(reports).word,
        "findings": [
            {"check": report.check, **entry(finding)} for report in reports for finding in report.findings
        ],
    }
