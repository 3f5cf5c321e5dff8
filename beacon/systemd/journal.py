"""Structured entries in the system journal (systemd.journal-fields(7)); beacon.catalog explains them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from beacon.model.event import Event
from beacon.model.host import Scope
from beacon.model.runtime import JobResult, LastJob
from beacon.model.unit import unit_name

_SOCKET = Path("/run/systemd/journal/socket")


def log_event(event: Event, scope: Scope) -> None:
    """Write *event* to the journal, so that ``journalctl -u beacon-NAME`` shows it among its lines.

    journalctl takes OBJECT_SYSTEMD_UNIT into ``-u`` for entries of root alone, and USER_UNIT into
    ``--user -u`` for those of the user (journalctl(1)). Without a journal (a container, a chroot) nothing is
    written.
    """
    if not _SOCKET.exists():
        return
    from pystemd import journal  # noqa: PLC0415  # costs 30 ms, and most runs have nothing to tell

    fields = {
        "MESSAGE": event.message,
        "MESSAGE_ID": event.kind.message_id,
        "PRIORITY": str(event.kind.severity.value),
        "SYSLOG_IDENTIFIER": "beacon",
        "BEACON_EVENT": event.kind.word,
        "BEACON_SERVICE": event.service,
        "BEACON_RELEASE": None if event.release is None else str(event.release),
        "BEACON_DIGEST": event.digest,
        "BEACON_PREVIOUS_DIGEST": event.previous_digest,
        "OBJECT_SYSTEMD_UNIT" if scope is Scope.SYSTEM else "USER_UNIT": unit_name(event.service),
    }
    journal.sendv(**{key: value for key, value in fields.items() if value is not None})


_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_LIMIT = 10.0
_LONGEST = 200


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
    whose = "USER_UNIT" if scope is Scope.USER else "UNIT"
    matches = [f"{whose}={unit}", "_COMM=systemd", *(f"JOB_RESULT={result}" for result in JobResult)]
    said = _journalctl(scope, "--boot", "--output=json", "--lines=1", *matches)
    try:
        entry = json.loads(said)
        return LastJob(entry["JOB_TYPE"], entry["JOB_RESULT"])
    except (ValueError, LookupError, TypeError):
        return None


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
