"""Structured entries in the system journal (systemd.journal-fields(7)); beacon.catalog explains them."""

from __future__ import annotations

from pathlib import Path

from pystemd import journal

from beacon.model.event import Event
from beacon.model.machine import Scope
from beacon.model.unit import unit_name

_SOCKET = Path("/run/systemd/journal/socket")


def log_event(event: Event, name: str, scope: Scope) -> None:
    """Write *event* with its id *name* to the journal, where ``journalctl -u beacon-NAME`` shows it.

    journalctl takes OBJECT_SYSTEMD_UNIT into ``-u`` for entries of root alone, and USER_UNIT into
    ``--user -u`` for those of the user (journalctl(1)). Without a journal (a container, a chroot) nothing is
    written.
    """
    if not _SOCKET.exists():
        return
    unit = unit_name(event.service) if event.service else "beacon-update.service"
    fields = {
        "MESSAGE": event.message,
        "MESSAGE_ID": event.kind.message_id,
        "PRIORITY": str(event.kind.priority.value),
        "SYSLOG_IDENTIFIER": "beacon",
        "BEACON_EVENT": event.kind.word,
        "BEACON_EVENT_ID": name,
        "BEACON_SERVICE": event.service or None,
        "BEACON_RELEASE": None if event.release is None else str(event.release),
        "BEACON_DIGEST": event.digest,
        "BEACON_PREVIOUS_DIGEST": event.previous_digest,
        "OBJECT_SYSTEMD_UNIT" if scope is Scope.SYSTEM else "USER_UNIT": unit,
    }
    journal.sendv(**{key: value for key, value in fields.items() if value is not None})
