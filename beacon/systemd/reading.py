"""Reading the journal of services without what their engine says of itself (journalctl(1))."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence

from msgspec import Struct

from beacon.formats.jsontext import read_json
from beacon.model.machine import Scope

_NO_ID = "--grep=^(?![0-9a-f]{64}$)"
"""An engine prints the id of each container that it starts, under the service's own name."""
_LAST = 10
"""Lines that journalctl begins with where it follows."""
_LIMIT = 60.0


class LogSelection(Struct, frozen=True):
    """Which lines: the last *lines* of those since *since*, and those to come where they are followed."""

    lines: int | None = None
    since: str | None = None
    follow: bool = False


def whole(scope: Scope, units: Sequence[str], selection: LogSelection) -> list[str]:
    """Return the command that shows all that the journal has of *units*."""
    chosen = [f"--unit={unit}" for unit in units]
    lines = [f"--lines={selection.lines}"] if selection.lines is not None else []
    return [*_journalctl(scope), *_since(selection), *lines, *_follow(selection), *chosen]


def without_engine(scope: Scope, units: Sequence[str], selection: LogSelection) -> list[str]:
    """Return the command that shows what *units*, systemd and Beacon said.

    journalctl can take what matches and cannot leave out what does, but for a pattern; with one it shows the
    last lines backwards. So it is asked first where these begin.
    """
    count = selection.lines
    if count is None and selection.follow and selection.since is None:
        count = _LAST
    begin = _since(selection)
    if count is not None:
        cursor = _cursor(scope, units, selection, count)
        begin = [f"--cursor={cursor}"] if cursor else [*begin, "--lines=0"]
    tail = ["--no-tail"] if selection.follow and "--lines=0" not in begin else []
    return [*_journalctl(scope), *begin, *_follow(selection), *tail, _NO_ID, *_matches(scope, units)]


def _cursor(scope: Scope, units: Sequence[str], selection: LogSelection, count: int) -> str:
    """Return where the last *count* lines begin; empty if there are none, or journalctl refuses the words."""
    how = [
        "--reverse",
        f"--lines={count}",
        "--output=json",
        "--output-fields=MESSAGE",
        "--no-pager",
        "--quiet",
    ]
    command = [*_journalctl(scope), *_since(selection), *how, _NO_ID, *_matches(scope, units)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=True)
        return str(read_json(done.stdout.splitlines()[-1])["__CURSOR"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return ""


def _matches(scope: Scope, units: Sequence[str]) -> Iterator[str]:
    user = "_USER" if scope is Scope.USER else ""
    for number, unit in enumerate(units):
        its_own = f"_SYSTEMD{user}_UNIT={unit}"
        yield from ["+"] if number else []
        yield from (its_own, f"SYSLOG_IDENTIFIER={unit.removesuffix('.service')}", "+")
        yield from (its_own, f"CONTAINER_NAME={unit.removesuffix('.service')}", "+")
        yield from (f"{user[1:]}{'_' if user else ''}UNIT={unit}", "+", f"OBJECT_SYSTEMD{user}_UNIT={unit}")


def _journalctl(scope: Scope) -> list[str]:
    return ["journalctl", *(["--user"] if scope is Scope.USER else [])]


def _since(selection: LogSelection) -> list[str]:
    return [f"--since={selection.since}"] if selection.since is not None else []


def _follow(selection: LogSelection) -> list[str]:
    return ["--follow"] if selection.follow else []
