"""Being told by systemd when Beacon's units change: its own signals over D-Bus, through pystemd."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Mapping
from typing import Any

from pystemd.dbuslib import DBus
from pystemd.systemd1 import Manager

from beacon.model.machine import Scope
from beacon.model.unit import PREFIX
from beacon.systemd.manager import explained

_SYSTEMD = b"org.freedesktop.systemd1"
_PROPERTIES = b"org.freedesktop.DBus.Properties"
_OURS = b"/org/freedesktop/systemd1/unit/" + PREFIX.replace("-", "_2d").encode()
"""How the object paths of Beacon's units begin; systemd writes - as _2d."""
_MYSELF = _OURS + b"endpoints_2eservice"
"""Changes with every status that it shows."""
_IDLE = 8
_GATHER = 0.05
"""Seconds in which changes are gathered: a stop of many units is one."""


class UnitWatch:
    """Beacon's units in one scope: how they are, and when that changes. For one thread alone."""

    def __init__(self, scope: Scope) -> None:
        self._bus = DBus(user_mode=scope is Scope.USER)
        self._changed = False
        with explained("connect to systemd", "over D-Bus"):
            self._bus.open()
            self._manager = Manager(bus=self._bus)
            self._manager.load()
        self._subscribed = False

    def states(self) -> Mapping[str, str]:
        """Return the ActiveState of every loaded unit of Beacon's: one call, whatever their number."""
        with explained("list", "Beacon's units"):
            rows = self._manager.Manager.ListUnitsByPatterns([], [f"{PREFIX}*.service".encode()])
        return {row[0].decode(): row[3].decode() for row in rows}

    def subscribe(self) -> None:
        """Have systemd tell of changes from now on."""

        def properties_changed(message: Any, error: object = None, userdata: object = None) -> None:  # noqa: ANN401  # pystemd has no types
            del error, userdata
            with contextlib.suppress(Exception):  # it would surface in an unrelated call
                path = message.get_path()
                if path.startswith(_OURS) and path != _MYSELF:
                    self._changed = True

        self._callback = properties_changed  # pystemd keeps no reference; a collected callback crashes
        with explained("watch the units of", "systemd"):
            self._bus.match_signal(
                _SYSTEMD, None, _PROPERTIES, b"PropertiesChanged", properties_changed, None
            )
            self._manager.Manager.Subscribe()
        self._subscribed = True

    def wait(self, seconds: float) -> bool:
        """Wait until a unit changes, *seconds* at the most; say whether one did."""
        deadline = time.monotonic() + seconds
        poller = select.poll()
        poller.register(self._bus.get_fd(), select.POLLIN)
        self._drain()
        while not self._changed and (left := deadline - time.monotonic()) > 0:
            poller.poll(left * 1000)
            self._drain()
        if not self._changed:
            return False
        time.sleep(_GATHER)
        self._drain()
        self._changed = False
        return True

    def _drain(self) -> None:
        with explained("listen to", "systemd"):
            # Messages may be queued inside the connection already, where no poll sees them; and what is no
            # message for us (a step of the connection's own) does not mean that none comes after it.
            idle = 0
            while idle < _IDLE:
                idle = idle + 1 if self._bus.process().is_empty() else 0
