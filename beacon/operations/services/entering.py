"""Going into the container of a service."""

from __future__ import annotations

from msgspec import Struct

from beacon.errors import NotActiveError
from beacon.operations.listener import Listener
from beacon.operations.machine import Machine


class EnterRequest(Struct, frozen=True):
    """Which service, and what to run in its container; *terminal* is whether a person types there."""

    service: str
    command: tuple[str, ...]
    terminal: bool = False
    user: str = ""
    """Who runs it; the container's own if it is empty."""


def enter(machine: Machine, request: EnterRequest, listener: Listener) -> tuple[str, ...]:
    """Return the command of the engine that does it, for the face to run in its own place.

    Raises NoSuchServiceError, NotActiveError if the service does not run, AccessError if this user may not
    enter the machine's services.
    """
    del listener
    (name,) = machine.select([request.service])
    machine.require_write("exec")
    kind = machine.engines.elsewhere().get(name)
    engine = machine.engine if kind is None else machine.engine_of(kind)
    if name not in engine.containers():
        raise NotActiveError(f"{name} does not run: nothing can be entered", hint=f"beacon start {name}")
    return engine.entering(name, request.command, terminal=request.terminal, user=request.user)
