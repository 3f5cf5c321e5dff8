"""beacon doctor: what is wrong with this machine, why it matters, and the command that mends it."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec.structs import replace

from beacon.cli.arguments import Json, option
from beacon.cli.findings import counted, exit_status, is_shown, lines
from beacon.cli.output import Output
from beacon.cli.session import session
from beacon.model.notice import plural
from beacon.operations.doctor import doctor as ask
from beacon.wire.finding import SEVERITIES, CheckFinding, Diagnosis


def doctor(
    context: typer.Context,
    every: Annotated[bool, option("Show what is in order too.", "--all")] = False,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with this machine, and say what mends it; nothing is changed.

    Exits with 30 where there is a warning, and with 31 where there is an error.
    """
    here = session(context)
    answer = ask(here.machine(required=False), here.listener)
    if as_json:
        here.output.data(answer)
    else:
        _print(here.output, answer, every=every)
    raise typer.Exit(exit_status(answer.severity))


def _print(output: Output, answer: Diagnosis, *, every: bool) -> None:
    """Print the findings, the worst first, each with its reason and its remedy below it."""
    shown = [pair for pair in _merged(answer) if is_shown(output, pair[1].severity, every=every)]
    rows: list[tuple[str, str, str]] = []
    for check, finding in sorted(shown, key=lambda pair: -SEVERITIES.index(pair[1].severity)):
        first, *more = lines(finding)
        rows += [(check, *first), *(("", *line) for line in more)]
    if rows:
        output.table(("CHECK", "STATE", "FINDING"), rows)
    if not output.quiet:
        output.answer(summary(answer))


def _merged(answer: Diagnosis) -> list[tuple[str, CheckFinding]]:
    """Return (check, finding) pairs, those that say the same in one; checks in their order."""
    same: dict[CheckFinding, list[str]] = {}
    for finding in answer.findings:
        same.setdefault(replace(finding, check=""), []).append(finding.check)
    return [
        (names[0], finding)
        if len(names) == 1
        else ("-", replace(finding, what=f"{finding.what}: {', '.join(names)}"))
        for finding, names in same.items()
    ]


def summary(answer: Diagnosis) -> str:
    """Return one line that counts the checks: ``22 checks: 20 ok, 1 warning, 1 error``."""
    return f"{plural(len(answer.checks), 'check')}: {counted(one.severity for one in answer.checks)}"
