"""The releases of a service."""

from __future__ import annotations

from msgspec import Struct

from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.wire.held import held
from beacon.wire.release import History, release_info


class HistoryRequest(Struct, frozen=True):
    """Whose releases."""

    service: str


def history(machine: Machine, request: HistoryRequest, listener: Listener) -> History:
    """Return the releases of a service, the newest first. Raises NoSuchServiceError."""
    del listener  # it takes a moment
    (name,) = machine.select([request.service])
    state = machine.store.load(name)
    releases = tuple(release_info(one) for one in reversed(state.releases))
    return History(service=name, releases=releases, hold=held(state.hold))
