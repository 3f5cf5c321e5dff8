"""Structured entries in the system journal (systemd.journal-fields(7)); beacon.catalog explains them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from beacon.model.event import Event
from beacon.model.host import Scope
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
    command = [
        "journalctl",
        "--quiet",
        "--no-pager",
        "--output=cat",
        "--lines=20",
        f"--since=@{since:.3f}",
        *(["--user"] if scope is Scope.USER else []),
        f"SYSLOG_IDENTIFIER={unit.removesuffix('.service')}",
    ]
    try:
        # Services write what they like, and the journal gives it back as it is.
        said = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=_LIMIT, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""  # only an ornament of the real reason
    lines = [line.strip() for line in said.splitlines()]
    words = [line for line in lines if line and not _CONTAINER_ID.fullmatch(line)]
    return words[-1][:_LONGEST] if words else ""
