"""Waiting for a service, as systemd's units do."""

from __future__ import annotations

import time

from msgspec import Struct

from beacon.model.machine import Engine
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine
from beacon.rollout.needed import Needed
from beacon.rollout.starting import hold_start
from beacon.systemd.process import is_alive
from beacon.wire.control import Done


class WaitRequest(Struct, frozen=True):
    """Which service. Its own unit, while it starts, says its *main_pid*, and which engine runs it."""

    service: str
    main_pid: int | None = None
    engine: Engine | None = None


def wait_healthy(machine: Machine, request: WaitRequest, listener: Listener) -> Done:
    """Wait until a service is healthy, or runs, where nothing checks its health.

    A start is waited for as long as its process runs: systemd's own limit ends that. Else this raises
    NoSuchServiceError, NotActiveError if the service stays down, and BeaconError if it does not get healthy
    in the time that its checks may take.
    """
    pid, name = request.main_pid, request.service
    if pid is not None:
        engine = machine.engine if request.engine is None else machine.engine_of(request.engine)
        hold_start(lambda: engine.health(name), lambda: is_alive(pid), time.sleep)
        return Done(service=name)
    (name,) = machine.select([request.service])
    Needed(machine.tools_for(listener)).wait(name)
    return Done(service=name)
