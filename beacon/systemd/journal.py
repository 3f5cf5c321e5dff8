"""Structured entries in the system journal (systemd.journal-fields(7)); beacon.catalog explains them."""

from __future__ import annotations

from pathlib import Path

from beacon.model.event import Event
from beacon.model.unit import unit_name

_SOCKET = Path("/run/systemd/journal/socket")


def log_event(event: Event) -> None:
    """Write *event* to the journal, so that ``journalctl -u beacon-NAME`` shows it among its lines.

    journalctl takes OBJECT_SYSTEMD_UNIT into ``-u`` for entries of root alone (journalctl(1)).
    Without a journal (a container, a chroot) nothing is written.
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
        "OBJECT_SYSTEMD_UNIT": unit_name(event.service),
    }
    journal.sendv(**{key: value for key, value in fields.items() if value is not None})
