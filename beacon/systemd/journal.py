"""What the system journal says of units (journalctl(1))."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection

from beacon.formats.jsontext import read_json
from beacon.model.machine import Scope
from beacon.model.runtime import JobResult, LastExit, LastJob

_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_LIMIT = 10.0
_LONGEST = 200
_RESTARTS = "5eb03494b6584870a536b337290809b3"
"""SD_MESSAGE_UNIT_RESTART_SCHEDULED (sd-messages.h)."""
_EXITS = "98e322203f7a4ed290d09fe03c09fe15"
"""SD_MESSAGE_UNIT_PROCESS_EXIT: of the main process and of others that a unit runs."""
_RESULTS = {"exited": "exit-code", "killed": "signal", "dumped": "core-dump"}
_ENTRIES = 1000
_STREAK = 900_000_000
"""Microseconds between two failures of one streak; the delay before a start grows up to minutes."""


def last_words(unit: str, since: float, scope: Scope) -> str:
    """Return the last line that the processes of *unit* wrote since *since* (seconds since the epoch).

    What Podman prints by the way (ids of containers) does not count. Empty where there is none.
    """
    match = f"SYSLOG_IDENTIFIER={unit.removesuffix('.service')}"
    said = _journalctl(scope, "--output=cat", "--lines=20", f"--since=@{since:.3f}", match)
    lines = [line.strip() for line in said.splitlines()]
    words = [line for line in lines if line and not _CONTAINER_ID.fullmatch(line)]
    return words[-1][:_LONGEST] if words else ""


def last_job(unit: str, scope: Scope) -> LastJob | None:
    """Return the job of *unit* that the service manager ended last in this boot, by its own entries.

    A stop of a unit that is down, and a start of one that is up, leave none.
    """
    matches = [f"{_whose(scope)}={unit}", "_COMM=systemd", *(f"JOB_RESULT={result}" for result in JobResult)]
    said = _journalctl(scope, "--boot", "--output=json", "--lines=1", *matches)
    try:
        entry = read_json(said)
        return LastJob(entry["JOB_TYPE"], entry["JOB_RESULT"])
    except (ValueError, LookupError, TypeError):
        return None


def last_exit(unit: str, since: float, scope: Scope) -> LastExit | None:
    """Return how the main process of *unit* failed last since *since* (seconds since the epoch).

    The unit itself forgets that as soon as it starts the next one.
    """
    matches = [f"{_whose(scope)}={unit}", f"MESSAGE_ID={_EXITS}", "--reverse", f"--since=@{since:.3f}"]
    said = _journalctl(scope, "--boot", "--output=json", "--lines=20", *matches)
    for text in said.splitlines():
        try:
            entry = read_json(text)
            if "Main process" in entry["MESSAGE"]:
                return LastExit(_RESULTS[entry["EXIT_CODE"]], int(entry["EXIT_STATUS"]))
        except (ValueError, LookupError, TypeError):
            continue
    return None


def failing_since(units: Collection[str], scope: Scope) -> dict[str, int]:
    """Return since when systemd starts *units* again and again, in microseconds since 1970, by its entries.

    A unit that ran well for a while in between fails since after that.
    """
    whose = _whose(scope)
    matches = [f"MESSAGE_ID={_RESTARTS}", *(f"{whose}={unit}" for unit in sorted(units))]
    said = _journalctl(scope, "--boot", "--reverse", f"--lines={_ENTRIES}", "--output=json", *matches)
    found: dict[str, int] = {}
    for text in said.splitlines():
        try:
            entry = read_json(text)
            unit, time = str(entry[whose]), int(entry["__REALTIME_TIMESTAMP"])
        except (ValueError, LookupError, TypeError):
            continue
        if found.get(unit, time) - time <= _STREAK:
            found[unit] = time
    return found


def _whose(scope: Scope) -> str:
    """Return the field that names the unit in entries of its service manager."""
    return "USER_UNIT" if scope is Scope.USER else "UNIT"


def _journalctl(scope: Scope, *arguments: str) -> str:
    """Return what journalctl(1) says; nothing where it does not answer, for it only adds to what is known."""
    user = ["--user"] if scope is Scope.USER else []
    command = ["journalctl", "--quiet", "--no-pager", *user, *arguments]
    try:
        # Services write what they like, and the journal gives it back as it is.
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=_LIMIT, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
